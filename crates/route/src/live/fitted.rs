//! One request made to fit one candidate: what the config says of the model, and what its server is to be told.

use serde_json::{Map, Value};
use yabby_config::Params;
use yabby_core::{ModelRef, ModelRequest, Thinking};
use yabby_servers::{Endpoint, EndpointOrigin, warm::keep_alive};
use yabby_wire::Dialect;

/// The request with what is known of the model. What the person asked for goes before `params` of the config, and
/// those before what the model needs.
pub(crate) fn fitted(request: &ModelRequest, endpoint: &Endpoint, model: &ModelRef, params: &Params) -> ModelRequest {
    let mut request = request.clone();
    let count = |name: &str| {
        params
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|count| u32::try_from(count).ok())
    };
    let temperature = params.get("temperature").and_then(Value::as_f64);
    let longest = count("maxTokens").or_else(|| endpoint.listed_model(model.model())?.max_tokens);
    let embedded = match &endpoint.origin {
        EndpointOrigin::Managed(lease) => lease.embedded(),
        _ => None,
    };
    request.temperature = request
        .temperature
        .or(temperature)
        .or(embedded.map(|model| model.temperature));
    request.max_output_tokens = request
        .max_output_tokens
        .or(longest)
        .or(embedded.map(|model| model.max_output_tokens));
    request.prompt_cache = request
        .prompt_cache
        .or_else(|| serde_json::from_value(params.get("cacheRetention")?.clone()).ok());
    request.tool_mode = request
        .tool_mode
        .or_else(|| serde_json::from_value(params.get("toolMode")?.clone()).ok());
    request.thinking = request.thinking.or_else(|| thinking(params));
    request
}

/// The fields that servers have for how hard to think.
const THINKING: [&str; 5] = [
    "chat_template_kwargs",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "think",
];

/// How hard `params` want the model to think, unless they say so in a server's own words too.
fn thinking(params: &Params) -> Option<Thinking> {
    let objects = ["extra_body", "extraBody"].map(|name| params.get(name).and_then(Value::as_object));
    let in_its_words = |name: &&str| objects.iter().flatten().any(|object| object.contains_key(*name));
    let by_template = params.get("chat_template_kwargs").and_then(Value::as_object);
    let by_template = by_template.is_some_and(|arguments| arguments.contains_key("enable_thinking"));
    if by_template || THINKING.iter().any(in_its_words) {
        return None;
    }
    params.get("thinking").and_then(Value::as_str).and_then(Thinking::of)
}

/// The fields of `params` that go into the body of a request as they are.
pub fn extra_body(endpoint: &Endpoint, dialect: Dialect, params: &Params) -> Map<String, Value> {
    let mut request = ModelRequest::default();
    pass_through(&mut request, endpoint, dialect, params);
    request.extra_body
}

/// Adds the fields of `params` that go into the body as they are.
pub(crate) fn pass_through(request: &mut ModelRequest, endpoint: &Endpoint, dialect: Dialect, params: &Params) {
    let passed: &[&str] = match dialect {
        Dialect::Chat => &["chat_template_kwargs"],
        Dialect::Ollama => &["num_ctx", "keep_alive"],
        Dialect::Responses | Dialect::Messages => &[],
    };
    if dialect == Dialect::Ollama
        && let Some(time) = keep_alive(endpoint.keep_warm)
    {
        // Without it each request sets the time back to the server's own. What the params say goes before.
        request.extra_body.insert("keep_alive".to_owned(), time);
    }
    let routing = endpoint.takes_routing().then_some(&"provider");
    for name in passed.iter().chain(routing) {
        if let Some(value) = params.get(*name) {
            request.extra_body.insert((*name).to_owned(), value.clone());
        }
    }
    // OpenClaw's pass-through fields win over everything that is made here, but they undo no limit of where a prompt
    // may go.
    for name in ["extra_body", "extraBody"] {
        for (name, value) in params.get(name).and_then(Value::as_object).into_iter().flatten() {
            match (request.extra_body.get_mut(name), value) {
                (Some(Value::Object(limits)), value) if name == "provider" => {
                    limits.extend(value.as_object().cloned().unwrap_or_default());
                }
                _ => drop(request.extra_body.insert(name.clone(), value.clone())),
            }
        }
    }
}
