//! Models as `route` gives them.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{
    FutureExt, Stream, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use yabby_config::Config;
use yabby_core::{Caller, ErrorKind, Exactness, ModelError, ModelRef, ModelRequest, Phase, TokenCount, Zone, ZoneRule};
use yabby_route::{Needs, Plan, PlanError, Recorder, RouteEvent, RouteFailure, Router, TurnRecord, Wanted, plan};
use yabby_servers::{Fleet, Http};

use crate::{Model, Served, Wish};

/// The agent that there always is; what it does stands in records without a name.
const MAIN: &str = "main";
/// What is known of a server may be so old before it is asked again, and that may take so long.
const FRESH: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(1);
/// A server may count tokens for so long; then they are estimated.
const COUNT: Duration = Duration::from_secs(2);

/// Models of a config and of the servers that were found.
#[derive(Clone)]
pub struct Routed {
    /// Who asks.
    pub router: Router,
    /// The servers.
    pub fleet: Arc<Fleet>,
    /// Which models an agent uses.
    pub config: Arc<Config>,
    /// How servers are asked what they are.
    pub http: Http,
    /// The model to use when the config names none.
    pub default: Option<ModelRef>,
    /// The model that is named for all of this; nothing else is tried then, unless a conversation names another.
    pub named: Option<String>,
    /// What makes all of it private, if something does: its data stays on this machine and in this network.
    pub private: Option<&'static str>,
    /// Gets the record of each request.
    pub records: Arc<dyn Fn(TurnRecord) + Send + Sync>,
}

// === impl Routed ===

impl Routed {
    fn plan(&self, wish: &Wish) -> Result<Plan, PlanError> {
        let private = self.private.or_else(|| wish.private.then_some("/private on"));
        let private = private.map(|from| ZoneRule {
            zones: BTreeSet::from([Zone::Machine, Zone::Lan]),
            from: from.to_owned(),
            ask: false,
        });
        let wanted = Wanted {
            agent: Some(&wish.agent),
            model: wish.model.as_deref().or(self.named.as_deref()),
            default: self.default.as_ref(),
            needs: Needs {
                images: wish.images,
                // A model that cannot call tools is still one to talk to.
                tools: false,
            },
            rules: private.into_iter().collect(),
            exceptions: &[],
        };
        let caller = Caller {
            priority: wish.priority,
            session: wish.session.clone(),
        };
        Ok(Plan {
            caller,
            ..plan(&self.config, &self.fleet, &wanted)?
        })
    }
}

impl Model for Routed {
    fn served<'a>(&'a self, wish: &'a Wish) -> BoxFuture<'a, Result<Served, PlanError>> {
        async move {
            let plan = self.plan(wish)?;
            let Some(first) = plan.candidates.first() else {
                return Err(PlanError::NoModel);
            };
            let (endpoint, id) = (&first.endpoint, first.model.model());
            // A server in trouble is not waited for here: the request finds out, within its deadlines.
            let facts = match endpoint.known() {
                None if endpoint.trouble().is_none() => Some(endpoint.refresh(&self.http, FRESH, LOOK).await),
                known => known,
            };
            let of_model = facts.as_ref().and_then(|facts| facts.model(id).or(facts.only_model()));
            let slots = of_model.and_then(|model| model.slots.as_ref());
            let window = endpoint.window(id).map(|window| window.value);
            Ok(Served {
                window: capped(window, self.config.assistant(&wish.agent).context_tokens),
                prefill: endpoint.observed(id).speed.prefill,
                slots: slots.map(|slots| slots.value),
                model: first.model.clone(),
            })
        }
        .boxed()
    }

    fn count<'a>(&'a self, wish: &'a Wish, request: &'a ModelRequest) -> BoxFuture<'a, TokenCount> {
        async move {
            let none = TokenCount {
                tokens: 0,
                exactness: Exactness::Estimated,
            };
            let Ok(plan) = self.plan(wish) else { return none };
            let Some(first) = plan.candidates.first() else {
                return none;
            };
            let (endpoint, id) = (&first.endpoint, first.model.model());
            let counter = endpoint.known().and_then(|facts| facts.counter.clone());
            let counter = counter.map(|counter| counter.value);
            endpoint.count_tokens(&self.http, id, request, counter, COUNT).await
        }
        .boxed()
    }

    fn estimate(&self, wish: &Wish, request: &ModelRequest) -> u32 {
        let plan = self.plan(wish).ok();
        let first = plan.as_ref().and_then(|plan| plan.candidates.first());
        first.map_or(0, |first| {
            first.endpoint.estimate_tokens(first.model.model(), request).tokens
        })
    }

    fn answer<'a>(&'a self, wish: &'a Wish, request: ModelRequest) -> BoxStream<'a, RouteEvent> {
        match self.plan(wish) {
            Ok(plan) => {
                let agent = Some(wish.agent.as_str()).filter(|agent| *agent != MAIN);
                let recorder = Recorder::start(agent, &plan, &request);
                let recorded = Recorded {
                    events: self.router.answer(plan, request),
                    recorder: Some(recorder),
                    records: Arc::clone(&self.records),
                };
                recorded.boxed()
            }
            Err(error) => stream::iter([RouteEvent::Failed(not_planned(wish, &error))]).boxed(),
        }
    }
}

/// The events of an answer, of which a record is made, also when nobody waits for their end.
struct Recorded {
    events: BoxStream<'static, RouteEvent>,
    recorder: Option<Recorder>,
    records: Arc<dyn Fn(TurnRecord) + Send + Sync>,
}

impl Recorded {
    fn finish(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            (self.records)(recorder.finish());
        }
    }
}

impl Stream for Recorded {
    type Item = RouteEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<RouteEvent>> {
        let event = ready!(self.events.poll_next_unpin(cx));
        match (&event, &mut self.recorder) {
            (Some(event), Some(recorder)) => recorder.saw(event),
            _ => self.finish(),
        }
        if matches!(event, Some(RouteEvent::Done(_) | RouteEvent::Failed(_))) {
            self.finish();
        }
        Poll::Ready(event)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The window that is used, of the one that is served and the most that the owner wants to be used: where nobody knows the first,
/// it is the second.
pub fn capped(window: Option<u32>, most: Option<u32>) -> Option<u32> {
    [window, most].into_iter().flatten().min()
}

/// What the person is told when nobody can be asked.
fn not_planned(wish: &Wish, error: &PlanError) -> RouteFailure {
    let kind = match error {
        PlanError::OutOfZone { .. } => ErrorKind::OutOfZone,
        PlanError::UnknownModel { .. } | PlanError::NoModel => ErrorKind::ModelNotFound,
        PlanError::NoEndpoint { .. } => ErrorKind::Auth,
        PlanError::Routing { .. } => ErrorKind::BadRequest,
        PlanError::Unable { .. } => ErrorKind::UnsupportedFeature,
    };
    let told = ModelError::new(kind, Phase::Connect, "", error.reason()).with_hint(error.hint());
    // The name is for the message only.
    let named = wish.model.as_deref().and_then(|name| name.parse::<ModelRef>().ok());
    let errors = named.or_else(|| "yabby/none".parse().ok()).map(|model| (model, told));
    RouteFailure {
        errors: errors.into_iter().collect(),
        attempts: Vec::new(),
        partial: String::new(),
    }
}
