//! Chat answers, in chunks and whole.

use serde_json::{Map, Value, json};
use yabby_core::{EndReason, ErrorKind, Usage};

use crate::{
    answer::{Answer, Decode, first_text, part_texts},
    error::WireError,
    json,
};

/// Where reasoning stands: llama.cpp, LM Studio, SGLang, `DeepSeek`; vLLM, Ollama, OpenRouter, mlx-lm; others
/// (`wire-facts.md` §4). Servers that fill two of them say the same in both.
const REASONING: [&str; 3] = ["/reasoning_content", "/reasoning", "/reasoning_text"];

/// The most details of reasoning that one answer may have; each piece is looked for among them.
const MAX_DETAILS: usize = 256;

/// Reads Chat answers.
#[derive(Debug)]
pub(crate) struct Reader {
    /// OpenRouter's `reasoning_details`, which go back as they came (openrouter.ai, "Reasoning tokens").
    details: Vec<Value>,
    /// The reasoning as text with the name of its field, where it goes back.
    replay: Option<(&'static str, String)>,
}

/// `finish_reason`; `None` for what is no end but a failure.
fn end_reason(reason: &str) -> Option<EndReason> {
    Some(match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" => EndReason::Stop,
        "length" | "max_tokens" => EndReason::Length,
        "tool_calls" | "function_call" | "tool_use" => EndReason::ToolCalls,
        "content_filter" | "refusal" => EndReason::Refused,
        // vLLM: the request was aborted (`wire-facts.md` §7.1). OpenRouter: the provider failed (§7.6).
        "abort" | "error" => return None,
        _ => EndReason::Unknown,
    })
}

/// The counts under `usage`; Moonshot's stand inside the last choice of a stream (`platform.moonshot.ai`, "Chat"). SGLang
/// puts reasoning tokens at the top (`wire-facts.md` §7.5).
fn usage(data: &Value) -> Option<Usage> {
    let places = [data.get("usage"), data.pointer("/choices/0/usage")];
    let usage = places.into_iter().flatten().find(|usage| usage.is_object())?;
    Some(Usage {
        input_tokens: json::count(usage, "/prompt_tokens"),
        cached_tokens: json::count(usage, "/prompt_tokens_details/cached_tokens"),
        cache_write_tokens: None,
        output_tokens: json::count(usage, "/completion_tokens"),
        reasoning_tokens: json::count(usage, "/completion_tokens_details/reasoning_tokens")
            .or_else(|| json::count(usage, "/reasoning_tokens")),
        cost: usage.get("cost").and_then(Value::as_f64),
    })
}

/// Adds a piece of a detail to the one with its index and type, or begins one, if there are not too many. Texts grow, everything else is replaced.
fn add_detail(details: &mut Vec<Value>, piece: &Value) {
    const TEXTS: [&str; 3] = ["text", "summary", "data"];
    let Some(piece) = piece.as_object() else { return };
    let same = |detail: &&mut Value| {
        ["index", "type"]
            .iter()
            .all(|name| detail.get(name) == piece.get(*name))
    };
    let found = piece.get("index").and_then(|_| details.iter_mut().find(same));
    let Some(detail) = found.and_then(Value::as_object_mut) else {
        if details.len() < MAX_DETAILS {
            details.push(Value::Object(piece.clone()));
        }
        return;
    };
    for (name, value) in piece {
        match (detail.get_mut(name), value) {
            (Some(Value::String(before)), Value::String(more)) if TEXTS.contains(&name.as_str()) => {
                before.push_str(more);
            }
            (_, Value::Null) => {}
            _ => drop(detail.insert(name.clone(), value.clone())),
        }
    }
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(replays: bool) -> Self {
        Self {
            details: Vec::new(),
            replay: replays.then_some(("reasoning_content", String::new())),
        }
    }

    /// A delta or a message: both have the same fields.
    fn message(&mut self, message: &Value, answer: &mut Answer) -> Result<(), WireError> {
        let field = REASONING.iter().find(|field| !json::text(message, field).is_empty());
        if let Some(field) = field {
            let text = json::text(message, field);
            answer.reasoning(text);
            if let Some((name, kept)) = &mut self.replay {
                *name = field.trim_start_matches('/');
                kept.push_str(text);
            }
        }
        for detail in json::items(message, "/reasoning_details") {
            if field.is_none() {
                answer.reasoning(first_text(detail, &["/text", "/summary"]).unwrap_or_default());
            }
            add_detail(&mut self.details, detail);
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

    fn choice(&mut self, data: &Value, field: &str, answer: &mut Answer) -> Result<(), WireError> {
        answer.served_by(json::text(data, "/model"));
        let first = json::items(data, "/choices").find(|choice| json::count(choice, "/index").unwrap_or(0) == 0);
        if let Some(choice) = first {
            let other = if field == "delta" { "message" } else { "delta" };
            if let Some(found) = choice.get(field).or_else(|| choice.get(other)) {
                self.message(found, answer)?;
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
        // LiteLLM's usage chunk has a choice with an empty delta (`wire-facts.md` §7.2), so this is not an "else".
        if let Some(usage) = usage(data) {
            answer.usage(usage);
        }
        Ok(())
    }
}

impl Decode for Reader {
    fn event(&mut self, _name: Option<&str>, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.choice(data, "delta", answer)
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.choice(body, "message", answer)?;
        if json::items(body, "/choices").next().is_some() {
            answer.ended_somehow();
        }
        Ok(())
    }

    fn finish(&mut self, answer: &mut Answer) {
        if !self.details.is_empty() {
            answer.opaque(json!({"reasoning_details": std::mem::take(&mut self.details)}));
        } else if let Some((name, text)) = self.replay.take().filter(|(_, text)| !text.is_empty()) {
            answer.opaque(Value::Object(Map::from_iter([(name.to_owned(), text.into())])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_have_a_limit() {
        let mut details = Vec::new();
        for index in 0..20_000 {
            add_detail(
                &mut details,
                &json!({"index": index, "type": "reasoning.text", "text": "a"}),
            );
        }
        add_detail(
            &mut details,
            &json!({"index": 3, "type": "reasoning.text", "text": "b"}),
        );
        assert_eq!((details.len(), json::text(&details[3], "/text")), (MAX_DETAILS, "ab"));
    }
}
