//! Messages answers, streamed and whole.
//!
//! llama.cpp's `tool_use` has no `input` in `content_block_start` and sends thinking after text has begun; LiteLLM's
//! `message_start` counts nothing (`wire-facts.md` §6.4, §7.2). Unknown events and blocks are passed over.

use serde_json::{Value, json};
use yabby_core::{EndReason, Usage};

use crate::{
    answer::{Answer, Decode},
    calls::Key,
    error::WireError,
    json,
};

/// Reads Messages answers.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The thinking block that is open.
    thought: Option<Thought>,
}

/// A thinking block as it comes. Anthropic signs it, and wants it back unchanged before the calls of its answer
/// (platform.claude.com, "Extended thinking"); llama.cpp's has no signature and is not wanted.
#[derive(Debug, Default)]
struct Thought {
    text: String,
    signature: String,
}

fn end_reason(reason: &str) -> EndReason {
    match reason {
        "end_turn" | "stop_sequence" => EndReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => EndReason::Length,
        "tool_use" => EndReason::ToolCalls,
        "refusal" => EndReason::Refused,
        _ => EndReason::Unknown,
    }
}

/// The counts under `usage`. `input_tokens` is without what the cache gave and took (`wire-facts.md` §6.4), so
/// the prompt is the sum.
fn usage(holder: &Value) -> Option<Usage> {
    let usage = holder.get("usage").filter(|usage| usage.is_object())?;
    let cached = json::count(usage, "/cache_read_input_tokens");
    let written = json::count(usage, "/cache_creation_input_tokens");
    let input = json::count(usage, "/input_tokens");
    Some(Usage {
        input_tokens: input.map(|input| {
            input
                .saturating_add(cached.unwrap_or(0))
                .saturating_add(written.unwrap_or(0))
        }),
        cached_tokens: cached,
        cache_write_tokens: written,
        output_tokens: json::count(usage, "/output_tokens"),
        // As the SDK's type `OutputTokensDetails` has it.
        reasoning_tokens: json::count(usage, "/output_tokens_details/thinking_tokens"),
        cost: None,
    })
}

fn is_blank(input: &Value) -> bool {
    input.is_null() || input.as_object().is_some_and(serde_json::Map::is_empty)
}

// === impl Reader ===

impl Reader {
    /// A block as it begins, or as it is when it comes whole.
    fn block(&mut self, block: &Value, index: u64, answer: &mut Answer) -> Result<(), WireError> {
        self.close(answer);
        match json::text(block, "/type") {
            "text" => {
                answer.block();
                answer.text(json::text(block, "/text"));
            }
            "thinking" => {
                answer.reasoning(json::text(block, "/thinking"));
                self.thought = Some(Thought {
                    text: json::text(block, "/thinking").to_owned(),
                    signature: json::text(block, "/signature").to_owned(),
                });
            }
            "redacted_thinking" => answer.opaque(block.clone()),
            "tool_use" => {
                let key = Key::Index(index);
                answer
                    .calls
                    .open(key.clone(), json::text(block, "/id"), json::text(block, "/name"))?;
                if let Some(input) = block.get("input").filter(|input| !is_blank(input)) {
                    answer.calls.replace(key, &input.to_string())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The open thinking block is over.
    fn close(&mut self, answer: &mut Answer) {
        if let Some(Thought { text, signature }) = self.thought.take().filter(|thought| !thought.signature.is_empty()) {
            answer.opaque(json!({"type": "thinking", "thinking": text, "signature": signature}));
        }
    }
}

impl Decode for Reader {
    fn event(&mut self, name: Option<&str>, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        let named = json::text(data, "/type");
        let kind = if named.is_empty() {
            name.unwrap_or_default()
        } else {
            named
        };
        let index = data.get("index").and_then(Value::as_u64).unwrap_or(0);
        match kind {
            "message_start" => {
                answer.served_by(json::text(data, "/message/model"));
                if let Some(usage) = data.get("message").and_then(usage) {
                    // Nothing has been generated yet.
                    answer.usage(Usage {
                        output_tokens: None,
                        ..usage
                    });
                }
            }
            "content_block_start" => {
                if let Some(found) = data.get("content_block") {
                    self.block(found, index, answer)?;
                }
            }
            "content_block_delta" => match json::text(data, "/delta/type") {
                "text_delta" => answer.text(json::text(data, "/delta/text")),
                "thinking_delta" => {
                    let text = json::text(data, "/delta/thinking");
                    answer.reasoning(text);
                    if let Some(thought) = &mut self.thought {
                        thought.text.push_str(text);
                    }
                }
                "signature_delta" => {
                    if let Some(thought) = &mut self.thought {
                        thought.signature.push_str(json::text(data, "/delta/signature"));
                    }
                }
                "input_json_delta" => {
                    answer
                        .calls
                        .append(Key::Index(index), json::text(data, "/delta/partial_json"))?;
                }
                _ => {}
            },
            "content_block_stop" => self.close(answer),
            "message_delta" => {
                if let Some(usage) = usage(data) {
                    answer.usage(usage);
                }
                let reason = json::text(data, "/delta/stop_reason");
                if !reason.is_empty() {
                    answer.ended(end_reason(reason));
                }
            }
            "message_stop" => answer.ended_somehow(),
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError> {
        let Some(content) = body.get("content").and_then(Value::as_array) else {
            return Ok(());
        };
        answer.served_by(json::text(body, "/model"));
        for (index, found) in (0..).zip(content) {
            self.block(found, index, answer)?;
            if json::text(found, "/type") == "tool_use" && found.get("input").is_some_and(is_blank) {
                // Said whole, so it is not a call that a limit has cut.
                answer.calls.replace(Key::Index(index), "{}")?;
            }
        }
        if let Some(usage) = usage(body) {
            answer.usage(usage);
        }
        answer.ended(end_reason(json::text(body, "/stop_reason")));
        Ok(())
    }

    fn finish(&mut self, answer: &mut Answer) {
        self.close(answer);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The prompt is the sum, and what was written to the cache, which costs more, is told apart.
    #[test]
    fn what_the_cache_gave_and_took_is_counted() {
        let holder = json!({"usage": {
            "input_tokens": 10, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 300, "output_tokens": 5,
        }});
        let expected = Usage {
            input_tokens: Some(2310),
            cached_tokens: Some(2000),
            cache_write_tokens: Some(300),
            output_tokens: Some(5),
            ..Usage::default()
        };
        assert_eq!(usage(&holder), Some(expected));
    }
}
