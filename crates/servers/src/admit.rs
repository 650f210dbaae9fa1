//! The queue and the breaker before an endpoint, and what answers and errors tell them.
//!
//! There is one queue for each model of an endpoint, because a server's slots belong to a model. How many requests may be
//! in flight comes from the server where it says so; what is assumed otherwise stands in [`assumed_slots`].

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{Caller, ErrorKind, ModelError, Phase, text};

use crate::{
    AdmissionQueue, AdmissionStatus, BreakerState, BreakerStatus, Endpoint, EndpointOrigin, Http, ProbeTicket, Reach,
    ServerFacts, ServerKind, Verdict, Waiting,
};

/// How long a request is held up to find out whether a server is back, when it is time to try.
const TRIAL: Duration = Duration::from_millis(500);

impl Endpoint {
    /// Gets in line for a slot of a model. Deadlines begin when there is one.
    pub fn enter(&self, model: &str, caller: &Caller) -> Waiting {
        self.queue(model).enter(caller.clone())
    }

    /// Who is served by this process and who waits.
    pub fn queue_of(&self, model: &str) -> AdmissionStatus {
        self.queue(model).status()
    }

    /// How many requests of this process are being answered, and how many wait, for all models together.
    pub fn requests(&self) -> (usize, usize) {
        let sum = |(running, waiting): (usize, usize), status: &AdmissionStatus| {
            let running = running + status.running.values().sum::<usize>();
            (running, waiting + status.waiting.values().sum::<usize>())
        };
        self.live.queues().iter().fold((0, 0), sum)
    }

    /// Whether a request would be sent at once.
    pub(crate) fn has_room(&self, model: &str) -> bool {
        let state = self.queue_of(model);
        state.waiting.is_empty() && state.running.values().sum::<usize>() < state.limit
    }

    fn queue(&self, model: &str) -> AdmissionQueue {
        let slots = self.slots(model);
        // llama.cpp answers with its one model, whatever is asked for. A probe that got no answer does not change that: its
        // requests stay in the same line.
        let answered = self.live.answered();
        let only = answered.and_then(|facts| facts.only_model().map(|only| only.id.clone()));
        let queue = self.live.queue(only.as_deref().unwrap_or(model));
        queue.set_limit(slots);
        queue
    }

    /// Those who wait already go on with as many slots as the server has said that it has.
    pub(crate) fn widen_queues(&self) {
        for (model, queue) in self.live.each_queue() {
            queue.set_limit(self.slots(&model));
        }
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

    /// Whether a request may be sent, as far as the breaker says; the error when not. A ticket is kept until the outcome of
    /// the request was told: it is the one that finds out whether the server is well again.
    ///
    /// When it is time to look whether a server can be reached again, that is done now, for half a second at the most.
    pub async fn may_ask(&self, http: &Http) -> Result<Option<ProbeTicket>, ModelError> {
        let breaker = self.live.breaker();
        if self.is_managed() && self.breaker().last_error == Some(ErrorKind::Refused) {
            // It is not there because nobody has started it, which only a request does.
            return Ok(None);
        }
        if breaker.due(Instant::now()) == Some(Duration::ZERO) {
            self.probe_breaker(http, TRIAL).await;
        }
        let is_reachable = breaker.due(Instant::now()).is_none();
        let retry_in = match breaker.check(Instant::now()) {
            Verdict::Closed => return Ok(None),
            Verdict::HalfOpen(ticket) if is_reachable => return Ok(Some(ticket)),
            Verdict::HalfOpen(_) => Duration::ZERO,
            Verdict::Open { retry_in } => retry_in,
        };
        let seconds = retry_in.as_secs().max(1);
        let message = match self.trouble() {
            Some(trouble) => text!(
                "{url} is not asked for {seconds} s: {error}",
                url = self.base_url,
                seconds = seconds,
                error = trouble.message
            ),
            None => text!(
                "{url} is not asked for {seconds} s",
                url = self.base_url,
                seconds = seconds
            ),
        };
        Err(
            ModelError::new(ErrorKind::Resting, Phase::Connect, &self.base_url, message).with_hint(text!(
                "it is looked at in the background and used again as soon as it answers"
            )),
        )
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.breaker().state != BreakerState::Closed
    }

    /// The state of the breaker.
    pub fn breaker(&self) -> BreakerStatus {
        self.live.breaker().status(Instant::now())
    }

    /// Asks a server that rests whether it is back, if it is time and nobody else asks.
    pub(crate) async fn probe_breaker(&self, http: &Http, limit: Duration) {
        if let Verdict::HalfOpen(ticket) = self.live.breaker().check(Instant::now()) {
            // What it says is taken in, and told to the breaker.
            self.refresh(http, Duration::ZERO, limit).await;
            drop(ticket);
        }
    }

    /// Waits until a server that rests may be asked whether it is back; for ever while it does not rest.
    pub(crate) async fn trial_is_due(&self) -> ProbeTicket {
        self.live.breaker().probe_due().await
    }

    /// Notes that a model has answered.
    pub fn succeeded(&self) {
        self.succeeded_at(Instant::now());
    }

    pub(crate) fn succeeded_at(&self, now: Instant) {
        self.live.breaker().succeeded(now);
        self.saw_no_trouble();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use yabby_core::{Fact, FactSource};

    use super::*;
    use crate::{ModelFacts, ModelState};

    #[tokio::test]
    async fn those_who_wait_go_on_when_the_server_says_how_many_it_answers() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let mut all: Vec<Waiting> = (0..6).map(|_| endpoint.enter("m", &Caller::default())).collect();
        assert_eq!(endpoint.requests(), (4, 2));
        let mut model = ModelFacts::new("m", ModelState::Ready);
        model.slots = Some(Fact::new(5, FactSource::Probe));
        let facts = ServerFacts {
            models: vec![model],
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
        assert_eq!(endpoint.requests(), (5, 1));
        all.pop();
        assert_eq!(endpoint.requests(), (5, 0));
    }

    #[test]
    fn a_server_that_is_silent_for_a_moment_keeps_its_line() {
        let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
        let facts = ServerFacts {
            kind: Some(ServerKind::LlamaCpp),
            models: vec![ModelFacts::new("m", ModelState::Ready)],
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(facts));
        let _one = endpoint.enter("m", &Caller::default());
        assert_eq!(endpoint.queue_of("alias"), endpoint.queue_of("m"));
        let silent = ServerFacts {
            error: Some(Arc::new(endpoint.hung(Duration::from_secs(1)))),
            ..ServerFacts::default()
        };
        endpoint.take_in(&Arc::new(silent));
        let _two = endpoint.enter("alias", &Caller::default());
        let status = endpoint.queue_of("m");
        assert_eq!((status.running.values().sum::<usize>(), status.limit), (2, 4));
        assert_eq!(endpoint.queue_of("alias"), status);
    }
}
