//! The object `response` and its items (platform.openai.com, "The response object").

use serde::Serialize;
use serde_json::{Map, Value, json};
use yabby_core::{EndReason, Thinking, ToolChoice, Usage};

use super::super::{encoder::Meta, failure::Failure, request::ClientRequest, whole::Call};

/// A response, with the fields of the request that it repeats.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: Option<Value>,
    incomplete_details: Value,
    model: &'a str,
    output: &'a [Value],
    usage: Option<Value>,
    #[serde(flatten)]
    echo: &'a Map<String, Value>,
}

/// How far a response has come.
#[derive(Clone, Copy)]
pub(in super::super) enum Status<'a> {
    InProgress,
    Ended(EndReason, &'a Usage),
    Failed(&'a Failure, &'a Usage),
}

/// The fields of a request that its response repeats.
pub(in super::super) fn echo(read: &ClientRequest) -> Map<String, Value> {
    let request = &read.request;
    let is_custom = |name: &String| read.custom_tools.contains(name);
    let tools = request.tools.iter().map(|tool| {
        if is_custom(&tool.name) {
            return json!({"type": "custom", "name": tool.name, "description": tool.description});
        }
        json!({
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": read.strict_tools,
        })
    });
    let choice = match &request.tool_choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => {
            let kind = if is_custom(name) { "custom" } else { "function" };
            json!({"type": kind, "name": name})
        }
    };
    let format = match &request.output_schema {
        Some(output) => json!({"type": "json_schema", "name": output.name, "schema": output.schema, "strict": true}),
        None if read.json_object => json!({"type": "json_object"}),
        None => json!({"type": "text"}),
    };
    let effort = match request.thinking {
        Some(Thinking::Off) => Some("none"),
        Some(Thinking::Adaptive) | None => None,
        Some(level) => Some(level.name()),
    };
    let mut echo = Map::new();
    let mut set = |name: &str, value: Value| echo.insert(name.to_owned(), value);
    set("background", read.background.into());
    set("instructions", request.system.clone().into());
    set("max_output_tokens", request.max_output_tokens.into());
    set("max_tool_calls", Value::Null);
    set("metadata", Value::Object(read.metadata.clone()));
    set("parallel_tool_calls", read.parallel_tool_calls.unwrap_or(true).into());
    set("previous_response_id", read.previous_response_id.clone().into());
    let summary = (read.wants_reasoning == Some(true)).then_some("auto");
    set("reasoning", json!({"effort": effort, "summary": summary}));
    set("store", read.store.unwrap_or(true).into());
    set("temperature", request.temperature.into());
    set("text", json!({"format": format}));
    set("tool_choice", choice);
    set("tools", tools.collect());
    set("top_p", read.sampling.top_p.into());
    set("truncation", "disabled".into());
    set("user", read.user.clone().into());
    echo
}

/// The counts. What must be there and is not known is 0.
pub(super) fn usage_value(usage: &Usage) -> Value {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let mut value = json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens.unwrap_or(0),
            "cache_write_tokens": usage.cache_write_tokens.unwrap_or(0),
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens.unwrap_or(0)},
        "total_tokens": u64::from(input) + u64::from(output),
    });
    if let Some(cost) = usage.cost {
        // As OpenRouter has it.
        value["cost"] = cost.into();
    }
    value
}

/// The error inside a response. `OpenAI` has a list of codes; of ours those are told that clients act on.
fn error_value(failure: &Failure) -> Value {
    let code = match failure.code {
        known @ ("context_length_exceeded" | "rate_limit_exceeded") => known,
        _ => "server_error",
    };
    json!({"code": code, "message": failure.message})
}

/// How an item ends with the answer.
pub(super) fn item_status(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Length | EndReason::Refused => "incomplete",
        EndReason::Stop | EndReason::ToolCalls | EndReason::Unknown => "completed",
    }
}

/// Why an answer is not complete; null where it is.
pub(super) fn incomplete(reason: EndReason) -> Value {
    match reason {
        EndReason::Length => json!({"reason": "max_output_tokens"}),
        EndReason::Refused => json!({"reason": "content_filter"}),
        EndReason::Stop | EndReason::ToolCalls | EndReason::Unknown => Value::Null,
    }
}

/// The id of an item: that of its response with another beginning.
pub(super) fn item_id(kind: &str, meta: &Meta, index: usize) -> String {
    let id = meta.id.strip_prefix("resp_").unwrap_or(&meta.id);
    format!("{kind}_{id}_{index}")
}

pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

pub(super) fn message_item(id: &str, status: &str, content: &[Value]) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

pub(super) fn reasoning_item(id: &str, summary: &[Value], encrypted: Option<&str>) -> Value {
    let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
    if let Some(encrypted) = encrypted {
        item["encrypted_content"] = encrypted.into();
    }
    item
}

/// The encrypted reasoning of a part that only its server can read.
pub(super) fn encrypted(data: &Value) -> Option<&str> {
    let encrypted = data.get("encrypted_content").and_then(Value::as_str);
    encrypted.filter(|_| data["type"] == "reasoning")
}

/// A call, of a function or of a tool whose input is text, with what has come of its input.
pub(super) fn call_item(id: &str, status: &str, call: &Call, is_custom: bool, input: &str) -> Value {
    if is_custom {
        return json!({
            "id": id, "type": "custom_tool_call", "status": status, "call_id": call.id, "name": call.name, "input": input,
        });
    }
    json!({
        "id": id, "type": "function_call", "status": status, "call_id": call.id, "name": call.name, "arguments": input,
    })
}

// === impl Response ===

impl<'a> Response<'a> {
    pub(super) fn new(meta: &'a Meta, output: &'a [Value], status: Status<'_>) -> Self {
        let (word, usage) = match status {
            Status::InProgress => ("in_progress", None),
            Status::Ended(EndReason::Length | EndReason::Refused, usage) => ("incomplete", Some(usage)),
            Status::Ended(_, usage) => ("completed", Some(usage)),
            Status::Failed(_, usage) => ("failed", Some(usage)),
        };
        let incomplete = match status {
            Status::Ended(reason, _) => incomplete(reason),
            Status::InProgress | Status::Failed(..) => Value::Null,
        };
        Self {
            id: &meta.id,
            object: "response",
            created_at: meta.created,
            status: word,
            error: match status {
                Status::Failed(failure, _) => Some(error_value(failure)),
                Status::InProgress | Status::Ended(..) => None,
            },
            incomplete_details: incomplete,
            model: &meta.model,
            output,
            usage: usage.map(usage_value),
            echo: &meta.echo,
        }
    }
}
