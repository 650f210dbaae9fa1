//! How many tokens a request has: by the counter of the server that would be asked, where it has one, else as well as it can be
//! estimated. An agent's request is counted as the assistant would send it.

use std::time::Duration;

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use yabby_core::{Exactness, TokenCount};
use yabby_servers::BreakerState;
use yabby_wire::clients::{ClientRequest, input_tokens, message_tokens};

use super::Answer;
use crate::{
    api::{Api, Refusal},
    assistant::{Programs, may_talk_to},
    auth::Caller,
    relay::{MODEL, Relay, caller, no_plan, not_allowed},
    respond::whole,
    routes::Target,
    tried::Tried,
};

/// Whether a count is exact.
const EXACTNESS: HeaderName = HeaderName::from_static("x-yabby-tokens");
/// What is known of a server may be so old before it is asked again, and that may take so long.
const FRESH: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(1);
/// A server may count for so long; then it is estimated.
const COUNT: Duration = Duration::from_secs(2);

pub(super) async fn answer(relay: &Relay, api: Api, headers: &HeaderMap, body: &[u8], by: &Caller) -> Answer {
    let request = api.parse(body)?;
    let name = request.model.as_deref().map(str::trim);
    let agent = name.and_then(|name| Programs::agent_of(name, headers));
    let (counted, model) = if let (Some(programs), Some(agent)) = (&relay.programs, agent) {
        may_talk_to(by.scopes(), &agent).map_err(|reason| {
            let message = format!("the key {:?} may not talk to {agent}: {reason}", by.name());
            Refusal::new(StatusCode::FORBIDDEN, "agent_not_allowed", message)
        })?;
        (programs.count(&agent, headers, &request, by).await?, None)
    } else {
        let (counted, model) = of_model(relay, headers, &request, by).await?;
        (counted, Some(model))
    };
    let body = match api {
        Api::Messages => message_tokens(counted.tokens),
        Api::Chat | Api::Responses => input_tokens(counted.tokens),
    };
    let mut response = whole("application/json", body);
    let exactness = match counted.exactness {
        Exactness::Exact => "exact",
        Exactness::Estimated => "estimated",
    };
    let head = response.headers_mut();
    head.insert(EXACTNESS, HeaderValue::from_static(exactness));
    if let Some(model) = model.and_then(|model| HeaderValue::from_str(&model).ok()) {
        head.insert(MODEL, model);
    }
    Ok(response)
}

/// Counts for the first model that may be asked: what is counted is sent to its server.
async fn of_model(
    relay: &Relay,
    headers: &HeaderMap,
    request: &ClientRequest,
    by: &Caller,
) -> Result<(TokenCount, String), Refusal> {
    let name = request.model.as_deref();
    let route = relay.routes.find(request.api, name).map_err(|error| no_plan(&error))?;
    let scopes = by.scopes();
    let mut targets = route.in_order_for(&caller(headers));
    targets.retain(|target| scopes.allow_every_model() || scopes.allow_model(target.names()));
    if targets.is_empty() {
        return Err(not_allowed(by, name));
    }
    let mut tried = Tried::default();
    for target in targets {
        let placed = async {
            relay.placed(&target, &route.zones).await?;
            relay.placed(&target, by.zones()).await
        };
        match placed.await {
            Ok(()) => return Ok((count(relay, &target, request).await, target.model.to_string())),
            Err(error) => tried.failures.push((target.model.clone(), error.into())),
        }
    }
    Err(tried.refusal())
}

async fn count(relay: &Relay, target: &Target, request: &ClientRequest) -> TokenCount {
    let (endpoint, model, request) = (&target.endpoint, target.model.model(), &request.request);
    // A server in trouble is not waited for.
    let rests = endpoint.keys_at_rest(model).is_some() || endpoint.breaker().state != BreakerState::Closed;
    if rests || endpoint.outside().is_some() {
        return endpoint.estimate_tokens(model, request);
    }
    let facts = match endpoint.known() {
        None if endpoint.trouble().is_none() => Some(endpoint.refresh(&relay.http, FRESH, LOOK).await),
        known => known,
    };
    let counter = facts
        .and_then(|facts| facts.counter.clone())
        .map(|counter| counter.value);
    endpoint.count_tokens(&relay.http, model, request, counter, COUNT).await
}
