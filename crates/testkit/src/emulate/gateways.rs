//! Servers that pass requests on. LiteLLM: `wire/litellm-1.106.2`, recorded. `OpenRouter` (openrouter.ai/docs/models)
//! and Anthropic from their documentation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{entry, list, now_json};
use crate::{
    http::{Answer, Request},
    state::State,
};

/// What LiteLLM says of every model's age.
const LITELLM_CREATED: u64 = 1_677_610_602;

/// Its `/health` would call every model; here it only stands in the log.
pub(super) fn litellm(state: &State, window: Option<u64>, request: &Request) -> Option<(Duration, Answer)> {
    let tokens = state.prompt_tokens(request);
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models" | "/models") => {
            let mut extra = json!({"created": LITELLM_CREATED});
            if let Some(window) = window {
                extra["mode"] = json!("chat");
                extra["max_input_tokens"] = json!(window);
            }
            json!({"data": list(state, "openai", &extra), "object": "list"})
        }
        ("GET", "/model/info" | "/v1/model/info") => {
            let info = |id: &String| {
                json!({
                    "model_name": id,
                    "litellm_params": {"api_base": "http://127.0.0.1:1/v1", "model": format!("openai/{id}")},
                    "model_info": {
                        "id": format!("id-of-{id}"), "db_model": false, "mode": window.map(|_| "chat"),
                        "max_input_tokens": window, "max_tokens": null, "litellm_provider": "openai",
                        "supports_vision": null, "supports_function_calling": null,
                    },
                })
            };
            json!({"data": state.models.iter().map(info).collect::<Vec<_>>()})
        }
        ("GET", "/health/readiness") => json!({"status": "healthy", "db": "Not connected"}),
        ("GET", "/health/liveliness") => json!("I'm alive!"),
        ("GET", "/health") => {
            let endpoint = |id: &String| json!({"model": format!("openai/{id}")});
            let healthy: Vec<Value> = state.models.iter().map(endpoint).collect();
            json!({
                "healthy_count": healthy.len(), "healthy_endpoints": healthy, "unhealthy_count": 0,
                "unhealthy_endpoints": [],
            })
        }
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": tokens, "litellm_count_source": "provider"}),
        ("POST", "/v1/responses/input_tokens") => json!({
            "object": "response.input_tokens", "input_tokens": tokens, "litellm_count_source": "provider",
        }),
        _ => return None,
    };
    Some(now_json(&body))
}

pub(super) fn openrouter(state: &State, context_length: u64, request: &Request) -> Option<(Duration, Answer)> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v1/models") => {}
        ("GET", "/api/v1/key") => return Some(now_json(&openrouter_key(state, request))),
        _ => return None,
    }
    let model = |id: &String| {
        let extra = json!({
            "canonical_slug": id, "name": id, "context_length": context_length,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"], "tokenizer": "Other"},
            "pricing": {"prompt": "0.0000007", "completion": "0.0000007"},
            "top_provider": {"context_length": context_length, "is_moderated": false},
            "supported_parameters": ["max_tokens", "tools", "tool_choice"],
        });
        entry(id, "openrouter", &extra)
    };
    Some(now_json(
        &json!({"data": state.models.iter().map(model).collect::<Vec<_>>()}),
    ))
}

/// openrouter.ai, "Limits".
fn openrouter_key(state: &State, request: &Request) -> Value {
    let bearer = request.headers.get("authorization").map(String::as_str);
    let key = bearer.unwrap_or_default().trim_start_matches("Bearer ");
    let left = if state.keys.is_empty_of_credit(key) { 0.0 } else { 74.5 };
    json!({"data": {
        "label": "sk-or-v1-au7...890", "limit": 100, "limit_reset": null, "limit_remaining": left,
        "include_byok_in_limit": false, "usage": 100.0 - left, "is_free_tier": false,
    }})
}

/// developers.openai.com, "List models", and "Get input token counts".
pub(super) fn openai(state: &State, request: &Request) -> Option<(Duration, Answer)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => json!({"object": "list", "data": list(state, "openai", &json!({}))}),
        ("POST", "/v1/responses/input_tokens") => json!({
            "object": "response.input_tokens", "input_tokens": state.prompt_tokens(request),
        }),
        _ => return None,
    };
    Some(now_json(&body))
}

pub(super) fn anthropic(state: &State, request: &Request) -> Option<(Duration, Answer)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => {
            let entry = |id: &String| json!({"type": "model", "id": id, "display_name": id});
            let data: Vec<Value> = state.models.iter().map(entry).collect();
            json!({"data": data, "has_more": false})
        }
        // docs.claude.com/en/api/messages-count-tokens
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": state.prompt_tokens(request)}),
        _ => return None,
    };
    Some(now_json(&body))
}
