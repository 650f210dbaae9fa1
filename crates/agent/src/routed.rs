//! Models as `route` gives them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use yabby_config::Config;
use yabby_core::{Caller, ErrorKind, Exactness, ModelError, ModelRef, ModelRequest, Phase, TokenCount, Zone, ZoneRule};
use yabby_route::{Needs, Plan, PlanError, RouteEvent, RouteFailure, Router, Wanted, plan};
use yabby_servers::{Fleet, Http};

use crate::{Model, Served, Wish};

/// What is known of a server may be so old before it is asked again, and that may take so long.
const FRESH: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(3);
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
}

// === impl Routed ===

impl Routed {
    fn plan(&self, wish: &Wish) -> Result<Plan, PlanError> {
        let private = wish.private.then(|| ZoneRule {
            zones: BTreeSet::from([Zone::Machine, Zone::Lan]),
            from: "/private on".to_owned(),
            ask: false,
        });
        let wanted = Wanted {
            agent: Some(&wish.agent),
            model: wish.model.as_deref(),
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
            let facts = endpoint.refresh(&self.http, FRESH, LOOK).await;
            let of_model = facts.model(id).or(facts.only_model());
            let slots = of_model.and_then(|model| model.slots.as_ref());
            Ok(Served {
                window: endpoint.window(id).map(|window| window.value),
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
            Ok(plan) => self.router.answer(plan, request),
            Err(error) => stream::iter([RouteEvent::Failed(not_planned(wish, &error))]).boxed(),
        }
    }
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
