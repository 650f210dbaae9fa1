//! One request at a time may wake a cold model: the others wait until it is loaded.
//!
//! Some servers load a model a second time when two requests come to a cold one (LM Studio names the second instance
//! `model:2`). A server is told to load only where its owner wants the model kept warm, because what was loaded on purpose
//! stays; so a request wakes it as it would without Yabby, and alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;
use yabby_core::{Caller, ErrorKind, ModelError, Phase, text};

use super::{LoadOptions, may_wake};
use crate::{Endpoint, ModelState, ServerKind};

/// The gates before the models of an endpoint. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>);

/// The right to wake a model. Kept until the server begins to answer.
#[derive(Debug)]
#[must_use = "others may wake the model as soon as this is dropped"]
pub struct Waking {
    _gate: OwnedMutexGuard<()>,
}

impl Endpoint {
    /// Whether a model must be woken before it can answer, as far as is known.
    pub fn is_cold(&self, model: &str) -> bool {
        matches!(self.state_of(model), ModelState::Unloaded | ModelState::Evicting)
    }

    /// Waits until nobody else wakes the model; then it is for the caller to wake it, if it is cold still.
    ///
    /// A load that this process has told the server to do is waited for too.
    pub async fn wake(&self, http: &crate::Http, model: &str) -> Option<Waking> {
        if let Some(kind) = self.known().and_then(|facts| facts.kind)
            && self.loading(kind, model).is_some()
        {
            // What went wrong there is told to whoever asked for it; the request will show it again.
            let _ = self.load(http, model, kind, LoadOptions::default()).await;
        }
        let gate = self.alone(model).await;
        self.is_cold(model).then_some(Waking { _gate: gate })
    }

    /// Whether a server near by loads its models when they are asked for, so that what it had a while ago may be gone.
    pub fn loads_on_demand(&self) -> bool {
        let facts = self.live.answered();
        facts.is_some_and(|facts| facts.router || matches!(facts.kind, Some(ServerKind::LmStudio | ServerKind::Ollama)))
    }

    /// Keeps everybody else from waking the model.
    pub(super) async fn alone(&self, model: &str) -> OwnedMutexGuard<()> {
        self.gates.of(model).lock_owned().await
    }

    /// The error for work that nobody waits for and that would wake a cold model.
    ///
    /// A server near by must have been asked before.
    pub fn may_not_wake(&self, model: &str, caller: &Caller) -> Option<ModelError> {
        let state = self.state_of(model);
        let can_be_woken = self.is_cold(model) || state == ModelState::Failing;
        if may_wake(caller.priority, state, self.keep_warm) || !can_be_woken {
            return None;
        }
        let message = text!(
            "{model} is not loaded at {url}, and background work does not wake it",
            model = model,
            url = self.base_url
        );
        Some(
            ModelError::new(ErrorKind::NotLoaded, Phase::Connect, &self.base_url, message).with_hint(text!(
                "set models.providers.{provider}.keepWarm to true if it is to be loaded for that",
                provider = self.provider
            )),
        )
    }
}

// === impl Gates ===

impl Gates {
    fn of(&self, model: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(model.to_owned()).or_default())
    }
}
