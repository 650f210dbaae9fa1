//! What is known of servers at this moment.

use std::{
    collections::{BTreeMap, HashSet},
    time::SystemTime,
};

use yabby_core::{ErrorKind, ModelRef, Time};
use yabby_servers::{BreakerState, Endpoint, ModelState, Reach, ServerFacts, Trouble};

use super::{Model, Passage, Point, ServedModel, Server, Standing};
use crate::{feed::Words, routes::Routes};

/// So many models of a hosted service are shown; some have hundreds.
const MOST_HOSTED: usize = 40;

/// All servers, without their history.
pub(super) fn servers(routes: &Routes) -> Vec<Server> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let number = |endpoint: &Endpoint| {
        let count = seen.entry(endpoint.provider.clone()).or_default();
        *count += 1;
        match *count {
            1 => endpoint.provider.clone(),
            count => format!("{}#{count}", endpoint.provider),
        }
    };
    let ids: Vec<String> = routes.fleet().endpoints().map(number).collect();
    let endpoints = routes.fleet().endpoints().zip(ids);
    endpoints.map(|(endpoint, id)| server(endpoint, id)).collect()
}

fn server(endpoint: &Endpoint, id: String) -> Server {
    let facts = endpoint.known();
    let facts = facts.as_deref();
    let (running, waiting) = endpoint.requests();
    let told = |fact: fn(&yabby_servers::ModelFacts) -> Option<u32>| {
        let loaded = facts.into_iter().flat_map(|facts| &facts.models);
        let counts = loaded
            .filter_map(fact)
            .map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        counts.reduce(usize::saturating_add)
    };
    let slots = told(|model| Some(model.slots.as_ref()?.value)).filter(|slots| *slots > 0);
    let busy = told(|model| Some(model.busy.as_ref()?.value));
    // What it said some seconds ago may be less than what it was sent since.
    let busy = busy.map(|busy| busy.max(running)).or((running > 0).then_some(running));
    let status = endpoint.breaker();
    let (breaker, retry_in) = match status.state {
        // Nothing listens there because only a request starts it.
        _ if starts_when_needed(endpoint, status.last_error) => (Passage::Closed, None),
        BreakerState::Closed => (Passage::Closed, None),
        BreakerState::Open { retry_in } => (Passage::Open, Some(retry_in)),
        BreakerState::HalfOpen => (Passage::HalfOpen, None),
    };
    let full = slots.is_some_and(|slots| busy.unwrap_or_default() >= slots) || waiting > 0;
    let trouble = endpoint.trouble();
    let state = standing(endpoint, facts, breaker, trouble.as_ref(), full);
    let observed = endpoint.observed_models();
    let speed = |of: fn(&yabby_servers::Speed) -> Option<f64>| {
        let speeds = observed.iter().filter_map(|(_, seen)| of(&seen.speed));
        speeds.reduce(f64::max).map(|speed| (speed * 10.0).round() / 10.0)
    };
    Server {
        id,
        base_url: endpoint.base_url.clone(),
        kind: facts.and_then(|facts| facts.kind).map(yabby_servers::ServerKind::name),
        zone: endpoint.zone_of("").to_string(),
        state,
        words: words(endpoint, facts, trouble.as_ref(), state),
        models: served(endpoint, facts),
        slots,
        busy,
        waiting,
        breaker,
        retry_at: retry_in.map(|wait| Time::from(SystemTime::now() + wait).0),
        prefill_tps: speed(|speed| speed.prefill),
        decode_tps: speed(|speed| speed.decode),
        history: Vec::new(),
    }
}

fn standing(
    endpoint: &Endpoint,
    facts: Option<&ServerFacts>,
    breaker: Passage,
    trouble: Option<&Trouble>,
    full: bool,
) -> Standing {
    let error = facts.and_then(|facts| facts.error.as_ref());
    if breaker != Passage::Closed {
        let reachable = facts.is_some_and(|facts| facts.error.is_none());
        return if reachable {
            Standing::Failing
        } else {
            Standing::Unreachable
        };
    }
    match (facts, error.map(|error| error.kind)) {
        // A hosted service is not asked what it is; what became of requests tells.
        (None, _) if endpoint.idle().is_some() && trouble.is_none() => Standing::Ready,
        (None, _) => Standing::Unknown,
        (Some(_), Some(ErrorKind::Loading)) => Standing::Loading,
        (Some(_), Some(kind)) if starts_when_needed(endpoint, Some(kind)) => Standing::Unknown,
        (Some(facts), Some(_)) if !facts.is_reachable() => Standing::Unreachable,
        (Some(_), Some(_)) => Standing::Failing,
        (Some(facts), None) => {
            let has = |state: ModelState| facts.models.iter().any(|model| model.state == state);
            let all_fail = !facts.models.is_empty() && facts.models.iter().all(|one| one.state == ModelState::Failing);
            if all_fail {
                Standing::Failing
            } else if full {
                Standing::Busy
            } else if has(ModelState::Loading) {
                Standing::Loading
            } else {
                Standing::Ready
            }
        }
    }
}

fn words(
    endpoint: &Endpoint,
    facts: Option<&ServerFacts>,
    trouble: Option<&Trouble>,
    state: Standing,
) -> Option<Words> {
    if !matches!(state, Standing::Failing | Standing::Unreachable | Standing::Loading) {
        return None;
    }
    let error = facts.and_then(|facts| facts.error.as_ref());
    let error = error.filter(|error| !starts_when_needed(endpoint, Some(error.kind)));
    error
        .map(|error| Words::of(&error.message))
        .or_else(|| trouble.map(|trouble| Words::plain(&trouble.message)))
}

fn starts_when_needed(endpoint: &Endpoint, error: Option<ErrorKind>) -> bool {
    error == Some(ErrorKind::Refused) && endpoint.is_managed()
}

fn served(endpoint: &Endpoint, facts: Option<&ServerFacts>) -> Vec<ServedModel> {
    let mut seen = HashSet::new();
    let most = if endpoint.reach == Reach::Hosted {
        MOST_HOSTED
    } else {
        usize::MAX
    };
    let ids = names(endpoint, facts).filter(|id| seen.insert((*id).to_owned()));
    ids.take(most)
        .map(|id| ServedModel {
            id: id.to_owned(),
            window: endpoint.window(id).map(|window| window.value),
            state: endpoint.state_of(id).name(),
        })
        .collect()
}

fn names<'a>(endpoint: &'a Endpoint, facts: Option<&'a ServerFacts>) -> impl Iterator<Item = &'a str> {
    let listed = endpoint.listed.iter().map(|entry| entry.id.as_str());
    let others = facts.into_iter().flat_map(|facts| &facts.models);
    listed.chain(others.filter(|model| model.chat).map(|model| model.id.as_str()))
}

/// The point of this moment.
pub(super) fn point(endpoint: &Endpoint, server: &Server, at: i64) -> Point {
    let facts = endpoint.known();
    let took = facts.filter(|facts| facts.error.is_none()).map(|facts| facts.took);
    Point {
        at,
        up: !matches!(server.state, Standing::Unreachable | Standing::Failing),
        decode_tps: server.decode_tps,
        latency_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// All models that can be asked for, in the order of the config.
pub(super) fn models(routes: &Routes) -> Vec<Model> {
    let aliases = routes.config().aliases();
    let mut seen = HashSet::new();
    let mut models = Vec::new();
    for endpoint in routes.fleet().endpoints() {
        let facts = endpoint.known();
        for id in names(endpoint, facts.as_deref()) {
            let full = format!("{}/{id}", endpoint.provider);
            if !seen.insert(full.clone()) {
                continue;
            }
            let is_it = |model: &ModelRef| model.to_string().eq_ignore_ascii_case(&full);
            let of_it = aliases.iter().filter(|(_, model)| is_it(model));
            models.push(Model {
                aliases: of_it.map(|(alias, _)| alias.clone()).collect(),
                provider: endpoint.provider.clone(),
                zone: endpoint.zone_of(id).to_string(),
                window: endpoint.window(id).map(|window| window.value),
                state: endpoint.state_of(id).name(),
                id: full,
            });
        }
    }
    // Models of hosted services are seldom listed; those that have an alias, or stand in the chain, can be asked for too.
    let chain = routes.chain().unwrap_or_default().into_iter().map(|(model, _)| model);
    let named: Vec<ModelRef> = aliases.iter().map(|(_, model)| model.clone()).chain(chain).collect();
    for model in named {
        let Some(endpoint) = routes.fleet().endpoint(model.provider()) else {
            continue;
        };
        let full = model.to_string();
        if seen.insert(full.clone()) {
            let of_it = aliases.iter().filter(|(_, named)| *named == model);
            models.push(Model {
                aliases: of_it.map(|(alias, _)| alias.clone()).collect(),
                provider: endpoint.provider.clone(),
                zone: endpoint.zone_of(model.model()).to_string(),
                window: endpoint.window(model.model()).map(|window| window.value),
                state: endpoint.state_of(model.model()).name(),
                id: full,
            });
        }
    }
    models
}
