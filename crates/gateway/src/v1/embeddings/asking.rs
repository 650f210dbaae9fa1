//! One request for embeddings, until there are some.

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use yabby_core::{Caller, ModelError, Outcome, Phase, Usage};
use yabby_route::{
    Decision, Situation, decide,
    spending::{Payer, Price, Reservation},
};
use yabby_servers::Embedded;
use yabby_store::KeyKind;
use yabby_wire::Dialect;

use super::whom::Asked;
use crate::{
    api::Refusal,
    auth,
    metrics::Record,
    relay::{Relay, caller, enter, may_ask},
    routes::Target,
    telemetry::Trace,
    tried::Tried,
    watch::Watch,
};

/// What is asked.
pub(super) struct Texts {
    pub(super) texts: Vec<String>,
    /// Further fields of the request.
    pub(super) extra: Map<String, Value>,
}

/// Embeddings, and who has made them.
pub(super) struct Made {
    pub(super) embedded: Embedded,
    pub(super) target: Arc<Target>,
    pub(super) attempts: u32,
}

/// Asks one address of the model after the other.
pub(super) async fn ask(
    relay: &Relay,
    asked: &Asked,
    texts: &Texts,
    headers: &HeaderMap,
    by: &auth::Caller,
) -> Result<Made, Refusal> {
    let caller = caller(headers);
    let payer = Payer {
        session: caller.session.clone(),
        key: (by.kind() != KeyKind::Owner).then(|| by.id().to_owned()),
        key_per_day: by.scopes().budget,
    };
    let mut tried = Tried::default();
    let trace = relay.metrics.request("/v1/embeddings", headers);
    if let Some(name) = &asked.name {
        trace.asks(name);
    }
    for (at, target) in asked.targets.iter().enumerate() {
        let last = at + 1 == asked.targets.len();
        let whose = (&caller, &payer, by, &trace);
        match at_one(relay, (target, last), asked, texts, whose, &mut tried).await {
            Ok(embedded) => {
                trace.status(StatusCode::OK);
                return Ok(Made {
                    embedded,
                    target: Arc::clone(target),
                    attempts: tried.attempts,
                });
            }
            Err(error) => tried.failures.push((target.model.clone(), error.into())),
        }
    }
    let refusal = tried.refusal();
    trace.status(refusal.status);
    Err(refusal)
}

/// Asks one address as often as is decided.
async fn at_one(
    relay: &Relay,
    (target, last): (&Arc<Target>, bool),
    asked: &Asked,
    texts: &Texts,
    (caller, payer, by, trace): (&Caller, &Payer, &auth::Caller, &Trace),
    tried: &mut Tried,
) -> Result<Embedded, ModelError> {
    relay.placed(target, &asked.zones).await?;
    relay.placed(target, by.zones()).await?;
    // Held until the outcome is told. The last one is asked whatever its breaker says.
    let _trial = if last {
        None
    } else {
        may_ask(target, &relay.http).await?
    };
    let (_permit, mut queued) = enter(target, caller).await?;
    let (endpoint, model) = (&target.endpoint, target.model.model());
    endpoint.used();
    let (mut retries, mut keys) = (0, 0);
    loop {
        tried.attempts += 1;
        let start = Instant::now();
        let mut watch = Watch::start(target, &relay.http, start);
        let attempt = Attempt {
            relay,
            target,
            trace,
            start,
            queued_ms: millis(queued),
        };
        let error = match attempt.run(&mut watch, texts, payer).await {
            Ok(embedded) => return Ok(embedded),
            Err(error) => error,
        };
        let decision = decide(&Situation {
            kind: error.kind,
            phase: error.phase,
            visible: false,
            managed: endpoint.is_managed(),
            retries,
            last,
            left: watch.left(),
            retry_after: error.details.numbers.retry_after,
            prefer_fast: relay.routes.prefers_fast(),
            step: false,
            chat: false,
            reasoning_off: false,
            refit: false,
            other_key: keys < endpoint.key_count() && endpoint.another_key(model, &error),
        });
        attempt.failed(&error, decision.word());
        match decision {
            Decision::Retry => retries += 1,
            Decision::Wait(pause) => {
                retries += 1;
                sleep(pause).await;
            }
            Decision::OtherKey => keys += 1,
            _ => return Err(error),
        }
        queued = std::time::Duration::ZERO;
    }
}

/// One attempt.
struct Attempt<'a> {
    relay: &'a Relay,
    target: &'a Arc<Target>,
    trace: &'a Trace,
    start: Instant,
    queued_ms: u64,
}

impl Attempt<'_> {
    async fn run(&self, watch: &mut Watch, texts: &Texts, payer: &Payer) -> Result<Embedded, ModelError> {
        let (endpoint, http) = (&self.target.endpoint, &self.relay.http);
        let _in_flight = self.target.counts.enter();
        let reservation = self.reserve(texts, payer).await?;
        let asking = async {
            let starting = endpoint.ensure_running(http, &());
            let running = watch.within(Phase::Connect, starting).await??;
            if let Some(reservation) = &reservation {
                reservation.sent();
            }
            let extra = self.extra(texts);
            let asked = running.embed_with(http, self.target.model.model(), &texts.texts, &extra);
            watch.within(Phase::FirstToken, asked).await?
        };
        let asked: Result<Embedded, ModelError> = asking.await;
        match asked {
            Ok(embedded) => {
                endpoint.succeeded();
                self.answered(&embedded, reservation);
                Ok(embedded)
            }
            Err(error) => {
                if let Some(reservation) = reservation {
                    reservation.free();
                }
                Err(error)
            }
        }
    }

    /// What goes to the server beside the texts. Where a prompt may go is the owner's to say, and no other model is asked.
    fn extra(&self, texts: &Texts) -> Map<String, Value> {
        let mut extra = texts.extra.clone();
        let target = self.target;
        if target.endpoint.takes_routing() {
            extra.remove("models");
            let limits = yabby_route::extra_body(&target.endpoint, Dialect::Chat, &target.params).remove("provider");
            extra.extend(limits.map(|limits| ("provider".to_owned(), limits)));
        }
        extra
    }

    /// Reserves what it will cost, if it costs anything.
    async fn reserve(&self, texts: &Texts, payer: &Payer) -> Result<Option<Reservation>, ModelError> {
        let (endpoint, model) = (&self.target.endpoint, &self.target.model);
        let price = Price::known(endpoint, model.model());
        let is_own = || endpoint.zone_of(model.model()).is_own();
        if price.as_ref().map_or_else(is_own, Price::is_free) {
            return Ok(None);
        }
        let spending = &self.relay.spending;
        spending.look_for(payer).await;
        // Four bytes each, as everybody estimates.
        let bytes: usize = texts.texts.iter().map(String::len).sum();
        let tokens = u32::try_from(bytes / 4).unwrap_or(u32::MAX);
        let reserved = spending.reserve_for(model, payer, price, tokens, 0);
        reserved.map(Some).map_err(|over| over.error(model, &endpoint.base_url))
    }

    fn answered(&self, embedded: &Embedded, reservation: Option<Reservation>) {
        let usage = Usage {
            input_tokens: embedded.tokens,
            output_tokens: Some(0),
            ..Usage::default()
        };
        self.target.counts.first_byte(self.start.elapsed());
        let cost = reservation.and_then(|reservation| reservation.settle(&usage).usd);
        self.remember(Outcome::Answered, None, (Phase::Done, usage, cost));
    }

    fn failed(&self, error: &ModelError, decision: &'static str) {
        self.target.endpoint.failed(self.target.model.model(), error);
        let outcome = Outcome::Failed {
            error: error.kind,
            message: error.message.english(),
        };
        self.remember(outcome, Some(decision), (error.phase, Usage::default(), None));
    }

    fn remember(
        &self,
        outcome: Outcome,
        decision: Option<&'static str>,
        (phase, usage, cost): (Phase, Usage, Option<f64>),
    ) {
        let total_ms = millis(self.start.elapsed());
        let record = Record {
            target: Arc::clone(self.target),
            first_ms: matches!(outcome, Outcome::Answered).then_some(total_ms),
            outcome,
            decision,
            queued_ms: self.queued_ms,
            cost,
            phase,
            head_ms: None,
            total_ms,
            bytes: 0,
            usage,
        };
        self.relay.metrics.remember(record, self.trace);
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
