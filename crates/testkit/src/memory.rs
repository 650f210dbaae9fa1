//! What stands in the memory of a server that loads models by itself: LM Studio, Ollama, and llama.cpp as a router.

use std::time::Duration;

use tokio::time::Instant;

/// The instances of models that are loaded, or being loaded, in the order of their loading.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    loaded: Vec<Loaded>,
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The model.
    pub(crate) model: String,
    /// The instance's own name: the model's, or for a second instance `model:2`.
    pub(crate) id: String,
    pub(crate) window: u64,
    /// When it is loaded.
    pub(crate) ready: Instant,
    /// When it leaves; without it never.
    pub(crate) expires: Option<Instant>,
    /// Whether a call loaded it, and not a person.
    pub(crate) on_demand: bool,
    /// Whether its time is over and it is still there.
    pub(crate) leaving: bool,
    /// When it was last called.
    pub(crate) used: Instant,
}

impl Loaded {
    /// How long a call waits for it.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.ready.saturating_duration_since(now)
    }

    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.ready <= now
    }
}

impl Memory {
    /// Loads a model; it is there at `ready`.
    pub(crate) fn load(&mut self, model: &str, window: u64, ready: Instant, on_demand: bool) -> &mut Loaded {
        let taken = |id: &str| self.loaded.iter().any(|loaded| loaded.id == id);
        let mut names = std::iter::once(model.to_owned()).chain((2..).map(|number| format!("{model}:{number}")));
        let id = names.find(|id| !taken(id)).unwrap_or_default();
        let place = self.loaded.len();
        self.loaded.push(Loaded {
            model: model.to_owned(),
            id,
            window,
            ready,
            expires: None,
            on_demand,
            leaving: false,
            used: ready,
        });
        &mut self.loaded[place]
    }

    /// Unloads what `gone` says, and whether there was any.
    pub(crate) fn unload(&mut self, gone: impl Fn(&Loaded) -> bool) -> bool {
        let before = self.loaded.len();
        self.loaded.retain(|loaded| !gone(loaded));
        self.loaded.len() < before
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.unload(|loaded| !loaded.leaving && loaded.expires.is_some_and(|at| at <= now));
    }

    /// All instances, also those that are being loaded.
    pub(crate) fn all(&self) -> &[Loaded] {
        &self.loaded
    }

    /// The instances that are loaded.
    pub(crate) fn ready(&self, now: Instant) -> impl Iterator<Item = &Loaded> {
        self.loaded.iter().filter(move |loaded| loaded.is_ready(now))
    }

    /// The instance that answers to a name: its own, or its model's.
    pub(crate) fn named(&mut self, name: &str) -> Option<&mut Loaded> {
        let own = self.loaded.iter().position(|loaded| loaded.id == name);
        let place = own.or_else(|| self.loaded.iter().position(|loaded| loaded.model == name))?;
        self.loaded.get_mut(place)
    }

    /// The instance that was not called for the longest time.
    pub(crate) fn oldest(&self) -> Option<&Loaded> {
        self.loaded.iter().min_by_key(|loaded| loaded.used)
    }
}
