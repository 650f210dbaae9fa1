//! What Anthropic, `OpenAI` and `OpenRouter` want of a request, from their documentation: the credential, the headers and
//! the fields. Their errors are in [`errors`], the states of several keys in [`keys`], and what a history may hold in
//! [`history`].
//!
//! Sources, November 2026: platform.claude.com "API overview", "Versions", "Errors", "Rate limits", "Messages";
//! developers.openai.com "Error codes", "Rate limits", and the fields of `openai/openai-openapi`; openrouter.ai "API
//! reference", "Errors and Debugging", "Streaming", "Limits", "Usage Accounting". None was asked.

mod errors;
mod history;
mod keys;

use serde_json::{Value, json};

pub use errors::Documented;
pub(crate) use errors::answer;
pub(crate) use keys::Keys;

use crate::{
    http::{Answer, Request},
    kinds::ServerKind,
    shape::Api,
    state::State,
};

/// The fields of a message at Anthropic ("Create a Message").
const MESSAGES: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "metadata",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// The fields of a response at `OpenAI` (`CreateResponse`).
const RESPONSES: &[&str] = &[
    "model",
    "input",
    "background",
    "context_management",
    "conversation",
    "include",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// The fields of a chat completion at `OpenAI` (`CreateChatCompletionRequest`).
const CHAT: &[&str] = &[
    "model",
    "messages",
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// The refusal of a request, if it is one that the service refuses.
pub(crate) fn refuses(state: &State, request: &Request, api: Option<Api>) -> Option<Answer> {
    let kind = &state.kind;
    let hosted = matches!(
        kind,
        ServerKind::Anthropic | ServerKind::OpenAi | ServerKind::OpenRouter { .. }
    );
    // openrouter.ai, "List available models": no credential.
    let public = matches!(kind, ServerKind::OpenRouter { .. }) && request.path == "/api/v1/models";
    if !public {
        match keys::shown(kind, request) {
            None if hosted => return Some(answer(kind, &Documented::NoKey)),
            key => {
                if let Some(answer) = state.keys.refuses(kind, key.as_deref(), request) {
                    return Some(answer);
                }
            }
        }
    }
    if let Some(answer) = kind.no_version(request) {
        return Some(answer);
    }
    match (kind, api?) {
        (ServerKind::Anthropic, Api::Messages) => fields(kind, request, MESSAGES, &["model", "max_tokens", "messages"])
            .or_else(|| history::messages(kind, request)),
        (ServerKind::OpenAi, Api::Responses) => {
            fields(kind, request, RESPONSES, &["model", "input"]).or_else(|| history::responses(kind, request))
        }
        (ServerKind::OpenAi, Api::Chat) => {
            fields(kind, request, CHAT, &["model", "messages"]).or_else(|| old_limit(kind, request))
        }
        (ServerKind::OpenRouter { .. }, Api::Chat) => required(kind, request, &["messages"]),
        _ => None,
    }
}

/// A 400 in the service's form.
fn bad(kind: &ServerKind, message: &str, param: Option<&str>, code: Option<&str>) -> Answer {
    let body = match kind {
        ServerKind::OpenAi => json!({"error": {
            "message": message, "type": "invalid_request_error", "param": param, "code": code,
        }}),
        _ => kind.error(400, "invalid_request_error", message),
    };
    Answer::json(400, &body)
}

fn required(kind: &ServerKind, request: &Request, names: &[&str]) -> Option<Answer> {
    let missing = names
        .iter()
        .find(|name| request.body.get(**name).is_none_or(Value::is_null))?;
    let message = match kind {
        ServerKind::Anthropic => format!("{missing}: Field required"),
        _ => format!("Missing required parameter: '{missing}'."),
    };
    Some(bad(kind, &message, Some(missing), Some("missing_required_parameter")))
}

/// That one is missing, or one is there that nobody knows.
fn fields(kind: &ServerKind, request: &Request, known: &[&str], needed: &[&str]) -> Option<Answer> {
    if let Some(answer) = required(kind, request, needed) {
        return Some(answer);
    }
    let mut sent = request.body.as_object()?.keys();
    let unknown = sent.find(|name| !known.contains(&name.as_str()))?;
    let message = match kind {
        ServerKind::Anthropic => format!("{unknown}: Extra inputs are not permitted"),
        _ => format!("Unknown parameter: '{unknown}'."),
    };
    Some(bad(kind, &message, Some(unknown), Some("unknown_parameter")))
}

/// Models that reason take `max_completion_tokens` alone (developers.openai.com, "Reasoning models").
fn old_limit(kind: &ServerKind, request: &Request) -> Option<Answer> {
    let model = request.body["model"].as_str()?;
    let reasons = ["o1", "o3", "o4", "gpt-5"]
        .iter()
        .any(|prefix| model.starts_with(prefix));
    (reasons && request.body.get("max_tokens").is_some()).then(|| {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        bad(kind, message, Some("max_tokens"), Some("unsupported_parameter"))
    })
}
