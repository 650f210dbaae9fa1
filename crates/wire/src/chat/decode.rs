//! Chat answers, in chunks and whole.

use serde_json::Value;
use yabby_core::{EndReason, ErrorKind, Usage};

use crate::{
    answer::{Answer, Decode, first_text, part_texts},
    error::WireError,
    json,
};

/// Where reasoning stands: llama.cpp, LM Studio, SGLang, `DeepSeek`; vLLM, Ollama, OpenRouter, mlx-lm; others
/// (`model-servers.md` §4). Servers that fill two of them say the same in both.
const REASONING: [&str; 3] = ["/reasoning_content", "/reasoning", "/reasoning_text"];

/// Reads Chat answers.
#[derive(Debug)]
pub(crate) struct Reader;

/// `finish_reason`; `None` for what is no end but a failure.
fn end_reason(reason: &str) -> Option<EndReason> {
    Some(match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => EndReason::Stop,
        "length" | "max_tokens" => EndReason::Length,
        "tool_calls" | "function_call" | "tool_use" => EndReason::ToolCalls,
        "content_filter" | "refusal" => EndReason::Refused,
        // vLLM: the request was aborted (`model-servers.md` §1.2). OpenRouter: the provider failed (§7.6).
        "abort" | "error" => return None,
        _ => EndReason::Unknown,
    })
}

/// The counts under `usage`. SGLang puts reasoning tokens at the top (`model-servers.md` §1.5).
fn usage(data: &Value) -> Option<Usage> {
    let usage = data.get("usage").filter(|usage| usage.is_object())?;
    Some(Usage {
        input_tokens: json::count(usage, "/prompt_tokens"),
        cached_tokens: json::count(usage, "/prompt_tokens_details/cached_tokens"),
        output_tokens: json::count(usage, "/completion_tokens"),
        reasoning_tokens: json::count(usage, "/completion_tokens_details/reasoning_tokens")
            .or_else(|| json::count(usage, "/reasoning_tokens")),
    })
}

/// A delta or a message: both have the same fields.
fn message(message: &Value, answer: &mut Answer) -> Result<(), WireError> {
    if let Some(text) = first_text(message, &REASONING) {
        answer.reasoning(text);
    } else {
        for detail in json::items(message, "/reasoning_details") {
            answer.reasoning(first_text(detail, &["/text", "/summary"]).unwrap_or_default());
        }
    }
    match message.get("content") {
        Some(Value::String(text)) => answer.text(text),
        Some(parts @ Value::Array(_)) => {
            // Mistral: content parts, with the reasoning as a part that holds parts.
            for thinking in json::items(parts, "").filter_map(|part| part.get("thinking")) {
                part_texts(thinking, &["text"]).for_each(|text| answer.reasoning(text));
            }
            part_texts(parts, &["text", "output_text"]).for_each(|text| answer.text(text));
        }
        _ => {}
    }
    answer.refusal(json::text(message, "/refusal"));
    for call in json::items(message, "/tool_calls") {
        answer.calls.chat(call)?;
    }
    Ok(())
}

fn choice(data: &Value, field: &str, answer: &mut Answer) -> Result<(), WireError> {
    answer.served_by(json::text(data, "/model"));
    let first = json::items(data, "/choices").find(|choice| json::count(choice, "/index").unwrap_or(0) == 0);
    if let Some(choice) = first {
        let other = if field == "delta" { "message" } else { "delta" };
        if let Some(found) = choice.get(field).or_else(|| choice.get(other)) {
            message(found, answer)?;
        }
        if let Some(reason) = choice
            .get("finish_reason")
            .and_then(Value::as_str)
            .filter(|reason| !reason.is_empty())
        {
            let Some(reason) = end_reason(reason) else {
                let message = format!("the server ended the answer with `{reason}`");
                return Err(WireError::new(ErrorKind::Interrupted, &message));
            };
            answer.ended(reason);
        }
    }
    // LiteLLM's usage chunk has a choice with an empty delta (`model-servers.md` §7.2), so this is not an "else".
    if let Some(usage) = usage(data) {
        answer.usage(usage);
    }
    Ok(())
}

// === impl Reader ===

impl Decode for Reader {
    fn event(&mut self, _name: Option<&str>, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        choice(data, "delta", answer)
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError> {
        choice(body, "message", answer)?;
        if json::items(body, "/choices").next().is_some() {
            answer.ended_somehow();
        }
        Ok(())
    }
}
