//! The models that a key may ask for, in the shape of `OpenAI` or Anthropic.

use hyper::http::request::Parts;
use serde_json::{Value, json};
use yabby_core::ModelRef;
use yabby_store::Scopes;
use yabby_wire::clients::Failure;

use super::{
    Answer,
    query::{is_anthropic, parameter},
};
use crate::{assistant::Programs, relay::Relay, respond::whole};

/// So many are on a page of Anthropic's list at the most. Theirs has 20 when nothing is said; here it is all, because many clients
/// read the first page only.
const PAGE: usize = 1000;

/// platform.openai.com/docs/api-reference/models/list, docs.claude.com/en/api/models-list
pub(super) fn list(relay: &Relay, scopes: &Scopes, head: &Parts) -> Answer {
    let names = names(relay, scopes);
    let list = if is_anthropic(head) {
        page(relay, &names, head)?
    } else {
        let entries: Vec<Value> = names.iter().map(|name| of_openai(name)).collect();
        json!({"object": "list", "data": entries})
    };
    Ok(whole("application/json", list.to_string()))
}

/// One of them.
pub(super) fn one(relay: &Relay, scopes: &Scopes, id: &str, head: &Parts) -> Answer {
    let listed = names(relay, scopes)
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(id));
    // Other names of an agent are understood, and not listed.
    let agent = || {
        let agent = Programs::agent_of(id, &head.headers)?;
        let programs = relay.programs.as_ref()?;
        let name = format!("yabby/{agent}");
        programs
            .names_for(scopes)
            .any(|known| known == name)
            .then(|| id.to_owned())
    };
    let name = listed.or_else(agent).ok_or_else(|| {
        let message = format!("there is no model {id} for this key; GET /v1/models lists them");
        Failure::new(404, "model_not_found", message)
    })?;
    let entry = if is_anthropic(head) {
        of_anthropic(relay, &name)
    } else {
        of_openai(&name)
    };
    Ok(whole("application/json", entry.to_string()))
}

fn names(relay: &Relay, scopes: &Scopes) -> Vec<String> {
    let agents = relay.programs.iter().flat_map(|programs| programs.names_for(scopes));
    relay.routes.names(scopes).into_iter().chain(agents).collect()
}

fn of_openai(name: &str) -> Value {
    let owner = name.split_once('/').map_or("yabby", |(provider, _)| provider);
    json!({"id": name, "object": "model", "created": 0, "owned_by": owner})
}

/// The time of an unknown release is an epoch, as the documentation says.
fn of_anthropic(relay: &Relay, name: &str) -> Value {
    json!({
        "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active",
        "capabilities": null, "deprecated_at": null, "retires_at": null, "line": null,
        "max_input_tokens": window(relay, name), "max_tokens": null,
    })
}

/// The window of a model, as far as it is known.
fn window(relay: &Relay, name: &str) -> Option<u32> {
    let aliases = relay.routes.config().aliases().into_iter();
    let by_alias = aliases
        .filter(|(alias, _)| alias == name)
        .map(|(_, model)| model)
        .next();
    let model: ModelRef = by_alias.or_else(|| name.parse().ok())?;
    let endpoint = relay.routes.fleet().endpoint(model.provider())?;
    endpoint.window(model.model()).map(|window| window.value)
}

fn page(relay: &Relay, names: &[String], head: &Parts) -> Result<Value, Failure> {
    let wrong = |field: &str, message: String| Failure {
        field: Some(field.to_owned()),
        ..Failure::new(400, "invalid_value", message)
    };
    let limit = match parameter(head, "limit") {
        None => PAGE,
        Some(text) => {
            let limit = text.parse().ok().filter(|limit| (1..=PAGE).contains(limit));
            limit.ok_or_else(|| wrong("limit", format!("limit must be 1 to {PAGE}")))?
        }
    };
    let place = |field: &str| match parameter(head, field).filter(|id| !id.is_empty()) {
        None => Ok(None),
        Some(id) => {
            let place = names.iter().position(|name| *name == id);
            place
                .map(Some)
                .ok_or_else(|| wrong(field, format!("there is no model {id}")))
        }
    };
    let (after, before) = (place("after_id")?, place("before_id")?);
    let begin = after.map_or(0, |after| after + 1);
    let end = before.unwrap_or(names.len());
    let all = names.get(begin..end).unwrap_or_default();
    // Before something, the page is the one that ends there.
    let skipped = if before.is_some() && after.is_none() {
        all.len().saturating_sub(limit)
    } else {
        0
    };
    let shown: Vec<&String> = all.iter().skip(skipped).take(limit).collect();
    let entries: Vec<Value> = shown.iter().map(|name| of_anthropic(relay, name)).collect();
    Ok(json!({
        "data": entries, "first_id": shown.first(), "last_id": shown.last(), "has_more": shown.len() < all.len(),
    }))
}
