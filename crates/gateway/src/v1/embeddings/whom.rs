//! Which model makes the embeddings.

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};
use yabby_core::{ModelRef, Zones};
use yabby_route::{Embedding, Embeddings};

use super::WANTED;
use crate::{
    api::{Api, Refusal},
    assistant::Programs,
    auth::Caller,
    relay::{Relay, caller, no_plan, not_allowed},
    routes::Target,
};

/// A model, and the addresses that serve it.
pub(super) struct Asked {
    /// As the client has named it, where it has named one.
    pub(super) name: Option<String>,
    /// In the order in which they are asked; never empty.
    pub(super) targets: Vec<Arc<Target>>,
    /// How far the texts may travel.
    pub(super) zones: Zones,
}

/// The model that is meant by `model`: a model by its name, or that of an agent's memory, which a header may replace.
pub(super) async fn whom(
    relay: &Relay,
    model: Option<&str>,
    headers: &HeaderMap,
    by: &Caller,
) -> Result<Asked, Refusal> {
    let name = model.map_or("", str::trim);
    let agent = match name {
        "" => Some("main".to_owned()),
        name => Programs::agent_of(name, headers),
    };
    let Some(agent) = agent else {
        return named(relay, name, headers, by);
    };
    let header = WANTED.iter().find_map(|name| headers.get(name)?.to_str().ok());
    if let Some(wanted) = header.map(str::trim).filter(|wanted| !wanted.is_empty()) {
        return named(relay, wanted, headers, by);
    }
    let asked = of_memory(relay, &agent, by).await?;
    Ok(Asked {
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        ..asked
    })
}

fn named(relay: &Relay, name: &str, headers: &HeaderMap, by: &Caller) -> Result<Asked, Refusal> {
    if name == "route/default" {
        let message = "embeddings of different models cannot be compared: name one model, as GET /v1/models lists them";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "invalid_value", message));
    }
    let route = relay
        .routes
        .find(Api::Chat, Some(name))
        .map_err(|error| no_plan(&error))?;
    let mut targets = route.in_order_for(&caller(headers));
    if let Some(first) = targets.first().map(|first| first.model.clone()) {
        targets.retain(|target| target.model == first);
    }
    allowed(targets, Some(name), route.zones.clone(), by)
}

/// The model of an agent's memory (`memorySearch` of the config).
async fn of_memory(relay: &Relay, agent: &str, by: &Caller) -> Result<Asked, Refusal> {
    let routes = &relay.routes;
    let missing = |message: String| Refusal::new(StatusCode::NOT_FOUND, "model_not_found", message);
    if !routes.agents().iter().any(|(id, _)| id == agent) {
        return Err(missing(format!("there is no agent {agent}; GET /v1/models lists them")));
    }
    if !by.scopes().allow_agent(agent) {
        let message = format!("the key {:?} may not use what {agent} has", by.name());
        return Err(Refusal::new(StatusCode::FORBIDDEN, "agent_not_allowed", message));
    }
    let fleet = Arc::new(routes.fleet().clone());
    let embeddings = Embeddings::of(&relay.http, &fleet, routes.config(), agent, []);
    let wanted = match &embeddings {
        Some(embeddings) => embeddings.wanted().await,
        None => None,
    };
    let found = wanted.and_then(|(Embedding { endpoint, model }, zones)| {
        let model: ModelRef = format!("{}/{model}", endpoint.provider).parse().ok()?;
        Some((Arc::new(routes.embedder(model, &endpoint)), zones))
    });
    let (target, zones) = found.ok_or_else(|| {
        missing(format!(
            "no model makes embeddings for {agent}: load one on a server near by, set agents.defaults.memorySearch in the \
             config, or name a model as provider/model"
        ))
    })?;
    allowed(vec![target], None, zones, by)
}

fn allowed(mut targets: Vec<Arc<Target>>, name: Option<&str>, zones: Zones, by: &Caller) -> Result<Asked, Refusal> {
    let scopes = by.scopes();
    targets.retain(|target| scopes.allow_every_model() || scopes.allow_model(target.names()));
    if targets.is_empty() {
        return Err(not_allowed(by, name));
    }
    Ok(Asked {
        name: name.map(str::to_owned),
        targets,
        zones,
    })
}
