//! The handle's part about servers that load models, sleep, and have slots.

use std::time::Duration;

use tokio::time::Instant;

use crate::{ModelServer, kinds::ServerKind};

impl ModelServer {
    /// How long a model takes to load; before, no time at all. Calls that wait for it are silent.
    pub fn load_time(&self, time: Duration) {
        self.state().load_time = time;
    }

    /// Whether a call loads its model (LM Studio, llama.cpp as a router); before, it does.
    pub fn on_demand(&self, on: bool) {
        self.state().on_demand = on;
    }

    /// Loads a model at once, as a person would, and gives the name of the instance.
    pub fn load(&self, model: &str, window: u64) -> String {
        self.state()
            .memory
            .load(model, window, Instant::now(), false)
            .id
            .clone()
    }

    /// Unloads an instance, or all instances of a model.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub fn unload(&self, name: &str) {
        let gone = self
            .state()
            .memory
            .unload(|loaded| loaded.id == name || loaded.model == name);
        assert!(gone, "{name} is not loaded");
    }

    /// Ollama: the model's time is over, and it is still there.
    ///
    /// # Panics
    ///
    /// When it is not loaded.
    pub fn leaving(&self, model: &str) {
        let mut state = self.state();
        let loaded = state.memory.named(model);
        loaded.expect("a loaded model").leaving = true;
    }

    /// The names of the instances that are loaded or being loaded.
    pub fn loaded(&self) -> Vec<String> {
        let mut state = self.state();
        state.memory.expire(Instant::now());
        state.memory.all().iter().map(|loaded| loaded.id.clone()).collect()
    }

    /// So many slots answer somebody else, until it is said otherwise.
    pub fn others_busy(&self, slots: usize) {
        self.state().others_busy = slots;
    }

    /// Sends it to sleep (llama.cpp, vLLM). llama.cpp wakes with the next call.
    pub fn sleep(&self) {
        self.state().asleep = true;
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self) -> bool {
        self.state().asleep
    }

    /// How often a path was asked for, whatever the method and the query.
    pub fn asked(&self, path: &str) -> usize {
        self.requests().iter().filter(|request| request.path == path).count()
    }
}

/// What a server of this kind has loaded when it starts: the model and its window.
pub(crate) fn at_start(kind: &ServerKind) -> Option<u64> {
    match kind {
        ServerKind::LmStudio { loaded, .. } => *loaded,
        ServerKind::Ollama { allocated, .. } => *allocated,
        _ => None,
    }
}
