//! The queue and the breaker before an endpoint, and what answers and errors tell them.
//!
//! There is one queue for each model of an endpoint, because a server's slots belong to a model. How many requests may be
//! in flight comes from the server where it says so; what is assumed otherwise stands in [`assumed_slots`].

use tokio::time::Instant;
use yabby_core::{Caller, ErrorKind, ModelError, Phase, text};

use crate::{
    Breaker, BreakerState, Endpoint, EndpointOrigin, Queue, QueueState, Reach, ServerFacts, ServerKind, Verdict, Waiting,
};

impl Endpoint {
    /// Gets in line for a slot of a model. Deadlines begin when there is one.
    pub fn enter(&self, model: &str, caller: &Caller) -> Waiting {
        self.queue(model).enter(caller)
    }

    /// Who is served by this process and who waits.
    pub fn queue_of(&self, model: &str) -> QueueState {
        self.queue(model).state()
    }

    /// Whether a request would be sent at once.
    pub(crate) fn has_room(&self, model: &str) -> bool {
        let state = self.queue_of(model);
        state.waiting == 0 && state.running.len() < state.limit
    }

    fn queue(&self, model: &str) -> Queue {
        let slots = self.slots(model);
        // llama.cpp answers with its one model, whatever is asked for.
        let only = self.known().and_then(|facts| facts.only_model().map(|only| only.id.clone()));
        let queue = self.live.queue(only.as_deref().unwrap_or(model));
        queue.set_limit(slots);
        queue
    }

    /// How many requests for a model may be in flight.
    pub fn slots(&self, model: &str) -> usize {
        let answered = self.live.answered();
        let told = answered.as_ref().and_then(|facts| {
            let model = facts.model(model).or(facts.only_model())?;
            usize::try_from(model.slots.as_ref()?.value).ok()
        });
        if let EndpointOrigin::Managed(lease) = &self.origin {
            return lease.slots();
        }
        told.filter(|slots| *slots > 0)
            .unwrap_or_else(|| assumed_slots(self.reach, answered.as_deref()))
    }

    /// The error for a request that is not sent because the breaker is open; `None` when it may be sent.
    pub fn resting(&self) -> Option<ModelError> {
        let Verdict::Open { retry_in } = self.live.breaker().check(Instant::now()) else {
            return None;
        };
        let message = match self.trouble() {
            Some(trouble) => text!(
                "{url} is not asked for another {seconds} s: {error}",
                url = self.base_url,
                seconds = retry_in.as_secs().max(1),
                error = trouble.message
            ),
            None => text!(
                "{url} is not asked for another {seconds} s",
                url = self.base_url,
                seconds = retry_in.as_secs().max(1)
            ),
        };
        Some(
            ModelError::new(ErrorKind::Resting, Phase::Connect, &self.base_url, message)
                .with_hint(text!("it is looked at in the background and used again when it answers")),
        )
    }

    pub(crate) fn is_resting(&self) -> bool {
        matches!(self.breaker_state(), BreakerState::Open { .. })
    }

    /// The state of the breaker.
    pub fn breaker_state(&self) -> BreakerState {
        self.live.breaker().state(Instant::now())
    }

    /// Notes that a model has answered.
    pub fn succeeded(&self) {
        self.live.breaker().succeeded(Instant::now());
    }

    /// Notes that a request for a model has failed: for the breaker, for the window that the error names, and so that the
    /// server is asked again what it is before the next request.
    pub fn failed(&self, model: &str, error: &ModelError) {
        self.live.breaker().failed(error.kind, Instant::now());
        if let (ErrorKind::ContextOverflow, Some(window)) = (error.kind, error.details.numbers.window) {
            self.saw_window(model, window);
        }
        self.live.expire();
        self.saw_error(error);
    }
}

/// How many requests are sent at once to a server that does not say how many it answers.
///
/// Ollama answers one at a time (`OLLAMA_NUM_PARALLEL`, `wire-facts.md` §7.4). vLLM and SGLang batch continuously and have
/// queues of their own; so do services on the internet and proxies. Others near by are most often a llama.cpp behind
/// something.
fn assumed_slots(reach: Reach, facts: Option<&ServerFacts>) -> usize {
    match (reach, facts.and_then(|facts| facts.kind)) {
        (Reach::Hosted, _) | (_, Some(ServerKind::LiteLlm | ServerKind::OpenRouter)) => usize::MAX,
        (_, Some(ServerKind::Vllm | ServerKind::SgLang)) => 64,
        (_, Some(ServerKind::Ollama)) => 1,
        _ => 4,
    }
}
