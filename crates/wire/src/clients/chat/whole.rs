//! A Chat answer in one piece (platform.openai.com, "The chat completion object").

use serde_json::{Map, Value, json};
use yabby_core::{EndReason, Usage};

use super::super::{
    encoder::Meta,
    whole::{Call, Part},
};

/// OpenAI's word for an end.
pub(super) fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop | EndReason::Unknown => "stop",
        EndReason::Length => "length",
        EndReason::ToolCalls => "tool_calls",
        EndReason::Refused => "content_filter",
    }
}

/// The counts. What must be there and is not known is 0.
pub(super) fn usage_value(usage: &Usage) -> Value {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let mut value = json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": u64::from(input) + u64::from(output),
    });
    if let Some(cached) = usage.cached_tokens {
        value["prompt_tokens_details"] = json!({"cached_tokens": cached});
    }
    if let Some(reasoning) = usage.reasoning_tokens {
        value["completion_tokens_details"] = json!({"reasoning_tokens": reasoning});
    }
    if let Some(cost) = usage.cost {
        // As OpenRouter has it.
        value["cost"] = cost.into();
    }
    value
}

fn call_value(call: &Call) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

/// The whole answer.
pub(in super::super) fn whole(meta: &Meta, parts: Vec<Part>, usage: &Usage, reason: EndReason) -> Value {
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(said) => text.push_str(&said),
            Part::Reasoning(thought) => reasoning.push_str(&thought),
            Part::Call(call) => calls.push(call_value(&call)),
            Part::Opaque(_) => {}
        }
    }
    let mut message = Map::new();
    let mut set = |name: &str, value: Value| message.insert(name.to_owned(), value);
    set("role", "assistant".into());
    // Null where there are only calls.
    let content = (!text.is_empty() || calls.is_empty()).then_some(text);
    set("content", content.into());
    set("refusal", Value::Null);
    set("annotations", json!([]));
    if !reasoning.is_empty() {
        set("reasoning_content", reasoning.into());
    }
    if !calls.is_empty() {
        set("tool_calls", calls.into());
    }
    json!({
        "id": meta.id,
        "object": "chat.completion",
        "created": meta.created,
        "model": meta.model,
        "system_fingerprint": null,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reason),
        }],
        "usage": usage_value(usage),
    })
}
