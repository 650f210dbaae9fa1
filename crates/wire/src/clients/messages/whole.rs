//! A Messages answer in one piece (platform.claude.com, "Create a Message").

use serde_json::{Value, json};
use yabby_core::{EndReason, Usage};

use super::super::{encoder::Meta, whole::Part};

/// Anthropic's word for an end.
pub(super) fn stop_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop | EndReason::Unknown => "end_turn",
        EndReason::Length => "max_tokens",
        EndReason::ToolCalls => "tool_use",
        EndReason::Refused => "refusal",
    }
}

/// The counts. `input_tokens` is without what the cache gave and took; what must be there and is not known is 0.
pub(super) fn usage_value(usage: &Usage) -> Value {
    let cached = usage.cached_tokens.unwrap_or(0);
    let written = usage.cache_write_tokens.unwrap_or(0);
    let input = usage.input_tokens.unwrap_or(0);
    let mut value = json!({
        "input_tokens": input.saturating_sub(cached).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens.unwrap_or(0),
    });
    if let Some(thinking) = usage.reasoning_tokens {
        value["output_tokens_details"] = json!({"thinking_tokens": thinking});
    }
    value
}

/// The object `message`.
pub(super) fn message(meta: &Meta, content: &[Value], stop_reason: &Value, usage: &Value) -> Value {
    json!({
        "id": meta.id,
        "type": "message",
        "role": "assistant",
        "model": meta.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// The thought and the signature of a signed thinking block.
pub(super) fn signature(data: &Value) -> Option<(&str, &str)> {
    let signature = data.get("signature").and_then(Value::as_str)?;
    let thinking = data.get("thinking").and_then(Value::as_str)?;
    (data["type"] == "thinking").then_some((thinking, signature))
}

/// The whole answer.
pub(in super::super) fn whole(meta: &Meta, parts: Vec<Part>, usage: &Usage, reason: EndReason) -> Value {
    let mut content: Vec<Value> = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => content.push(json!({"type": "text", "text": text})),
            Part::Reasoning(thinking) => {
                content.push(json!({"type": "thinking", "thinking": thinking, "signature": ""}));
            }
            Part::Call(call) => content.push(json!({
                "type": "tool_use", "id": call.id, "name": call.name, "input": call.object,
            })),
            Part::Opaque(data) => match (signature(&data), content.last_mut()) {
                (Some((_, signature)), Some(last)) if last["type"] == "thinking" && last["signature"] == "" => {
                    last["signature"] = signature.into();
                }
                (Some(_), _) => content.push(data),
                (None, _) if data["type"] == "redacted_thinking" => content.push(data),
                (None, _) => {}
            },
        }
    }
    message(meta, &content, &stop_reason(reason).into(), &usage_value(usage))
}
