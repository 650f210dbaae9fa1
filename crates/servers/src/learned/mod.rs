//! What endpoints have taught, and the next step down.

mod notebook;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use yabby_core::{ModelError, ModelRequest};
use yabby_wire::{Dialect, Learned, Step, next_step};

pub use notebook::Notebook;

use self::notebook::ServerId;
use crate::Endpoint;

/// What an endpoint has taught about each of its models. Clones share it.
///
/// A [`Notebook`] keeps it over restarts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// The server that taught it.
    server: Option<ServerId>,
    models: BTreeMap<String, Learned>,
}

impl Memory {
    /// What is known of a model.
    pub(crate) fn of(&self, model: &str) -> Learned {
        self.change(|known| known.models.get(model).cloned().unwrap_or_default())
    }

    fn learn(&self, model: &str, step: Step) {
        self.change(|known| known.models.entry(model.to_owned()).or_default().add(step));
    }

    fn unlearn(&self, model: &str, step: &Step) {
        self.change(|known| known.models.entry(model.to_owned()).or_default().remove(step));
    }

    fn apart(&self) -> Self {
        Self(Arc::new(Mutex::new(self.change(|known| known.clone()))))
    }

    /// The models of which something is known.
    fn models(&self) -> BTreeMap<String, Learned> {
        self.change(|known| known.models.clone())
    }

    fn set(&self, model: &str, learned: Learned) {
        self.change(|known| known.models.insert(model.to_owned(), learned));
    }

    fn forget(&self) {
        self.change(|known| known.models.clear());
    }

    fn server(&self) -> Option<ServerId> {
        self.change(|known| known.server.clone())
    }

    fn set_server(&self, server: Option<ServerId>) {
        self.change(|known| known.server = server);
    }

    /// The lock is held for this call alone.
    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Endpoint {
    /// Remembers a step for a model, in all clones.
    pub fn learn(&self, model: &str, step: Step) {
        self.memory.learn(model, step);
        self.note();
    }

    /// Forgets a step that did not help, in all clones.
    pub fn unlearn(&self, model: &str, step: &Step) {
        self.memory.unlearn(model, step);
        self.note();
    }

    /// What was learned about a model.
    pub fn learned(&self, model: &str) -> Learned {
        self.memory.of(model)
    }

    /// The same endpoint with a memory of its own, which begins with what is known: for steps that are tried and may
    /// not help.
    #[must_use]
    pub fn apart(&self) -> Self {
        let mut apart = self.clone();
        apart.memory = self.memory.apart();
        apart
    }

    /// The same endpoint with the memory of `other`, for a server that was started anew at another place.
    #[must_use]
    pub fn remembering(mut self, other: &Self) -> Self {
        self.memory = other.memory.clone();
        self.tool_modes = other.tool_modes.clone();
        self.live = other.live.clone();
        self.counts = other.counts.clone();
        self.loads = other.loads.clone();
        self.gates = other.gates.clone();
        self
    }

    /// What to change after `error` so that the server may take the request. Steps that were tried `in_vain` are not
    /// given again.
    pub fn next_step(
        &self,
        dialect: Dialect,
        model: &str,
        request: &ModelRequest,
        error: &ModelError,
        in_vain: &[Step],
    ) -> Option<Step> {
        let quirks = self.quirks_of(model, request);
        let mut tried = self.memory.of(model);
        for step in in_vain {
            tried.add(step.clone());
        }
        next_step(error, dialect, request, &self.target(model, &quirks), &tried)
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::ToolMode;

    use super::*;
    use crate::EndpointOrigin;

    #[test]
    fn clones_share_what_was_learned_and_trials_do_not() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let clone = endpoint.clone();
        let request = ModelRequest::default();
        clone.learn("m", Step::FoldSystem);
        let trial = endpoint.apart();
        trial.learn("m", Step::ToolsAsText);
        let quirks = |endpoint: &Endpoint, model| {
            let quirks = endpoint.quirks_of(model, &request);
            (quirks.fold_system, quirks.tools_as_text)
        };
        assert_eq!(quirks(&endpoint, "m"), (true, false));
        assert_eq!(quirks(&endpoint, "other"), (false, false));
        assert_eq!(quirks(&trial, "m"), (true, true));
        let moved = Endpoint::loopback("p", 2, EndpointOrigin::Discovered).remembering(&trial);
        assert_eq!(
            (moved.base_url.as_str(), quirks(&moved, "m")),
            ("http://127.0.0.1:2/v1", (true, true))
        );
    }

    #[test]
    fn what_was_refused_goes_before_what_is_asked_for() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        endpoint.learn("m", Step::DropField("verbosity".to_owned()));
        endpoint.learn("m", Step::ConstrainedTools);
        let mut request = ModelRequest::default();
        request.extra_body.insert("verbosity".to_owned(), "low".into());
        let quirks = endpoint.quirks_of("m", &request);
        assert!(quirks.extra_body["verbosity"].is_null());
        assert_eq!(quirks.tool_mode, ToolMode::Constrained);
        request.tool_mode = Some(ToolMode::Native);
        assert_eq!(endpoint.quirks_of("m", &request).tool_mode, ToolMode::Native);
    }
}
