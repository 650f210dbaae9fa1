//! Responses answers, streamed and whole.
//!
//! llama.cpp sends neither `output_index` nor `function_call_arguments.done`, and says `done` of all items only at the
//! end (recording `llama-server-b11669-reasoning/resp_tools_required_stream.txt`); LiteLLM sends no `event:` lines;
//! vLLM reports `status: "incomplete"` under the event `response.completed` (`wire-facts.md` §6.3, §7.1, §7.2).

use std::collections::HashMap;

use serde_json::Value;
use yabby_core::{EndReason, Usage};

use crate::{
    answer::{Answer, Decode, part_texts},
    calls::Key,
    classify,
    error::WireError,
    json,
};

/// Reads Responses answers.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What has come of the output items that are open, so that their `done` events repeat nothing.
    items: HashMap<Key, Item>,
    /// Anything at all has come, so that the closing response repeats nothing.
    any: bool,
}

#[derive(Debug, Default)]
struct Item {
    text: bool,
    /// The event that carries its reasoning; a summary beside the full text is left out.
    reasoning: Option<String>,
}

fn usage(response: &Value) -> Option<Usage> {
    let usage = response.get("usage").filter(|usage| usage.is_object())?;
    Some(Usage {
        input_tokens: json::count(usage, "/input_tokens"),
        cached_tokens: json::count(usage, "/input_tokens_details/cached_tokens"),
        cache_write_tokens: None,
        output_tokens: json::count(usage, "/output_tokens"),
        reasoning_tokens: json::count(usage, "/output_tokens_details/reasoning_tokens"),
        cost: usage.get("cost").and_then(Value::as_f64),
    })
}

/// The key of an item's events: the item's id where there is one, else its position.
fn key(id: &str, data: &Value) -> Key {
    if id.is_empty() {
        Key::Index(data.get("output_index").and_then(Value::as_u64).unwrap_or(0))
    } else {
        Key::Item(id.to_owned())
    }
}

/// The key of an event that has a piece of an item.
fn piece_key(data: &Value) -> Key {
    key(json::text(data, "/item_id"), data)
}

/// The key of an event that has an item itself.
fn item_key(item: &Value, data: &Value) -> Key {
    key(json::text(item, "/id"), data)
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "output_text" | "text" | "refusal")
}

fn call(item: &Value, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
    let key = item_key(item, data);
    answer
        .calls
        .open(key.clone(), json::text(item, "/call_id"), json::text(item, "/name"))?;
    match item.get("arguments") {
        Some(Value::String(arguments)) => answer.calls.replace(key, arguments),
        Some(Value::Object(map)) => answer.calls.replace(key, &Value::Object(map.clone()).to_string()),
        _ => Ok(()),
    }
}

fn message_item(item: &Value, answer: &mut Answer) {
    for part in json::items(item, "/content") {
        answer.block();
        match json::text(part, "/type") {
            "output_text" | "text" => answer.text(json::text(part, "/text")),
            "refusal" => answer.refusal(json::text(part, "/refusal")),
            _ => {}
        }
    }
}

fn reasoning_item(item: &Value, answer: &mut Answer) {
    let null = Value::Null;
    let (content, summary) = (
        item.get("content").unwrap_or(&null),
        item.get("summary").unwrap_or(&null),
    );
    let full: String = part_texts(content, &["reasoning_text", "text"]).collect();
    if full.is_empty() {
        let parts: Vec<&str> = part_texts(summary, &["summary_text"]).collect();
        answer.reasoning(&parts.join("\n\n"));
    } else {
        answer.reasoning(&full);
    }
}

/// Keeps a reasoning item that holds encrypted reasoning: OpenAI wants it back before what came of it. llama.cpp's is
/// empty (`wire-facts.md` §6.3).
fn keep(item: &Value, answer: &mut Answer) {
    if json::text(item, "/type") == "reasoning" && !json::text(item, "/encrypted_content").is_empty() {
        answer.opaque(item.clone());
    }
}

// === impl Reader ===

impl Reader {
    fn output(response: &Value, answer: &mut Answer) -> Result<(), WireError> {
        for (index, item) in json::items(response, "/output").enumerate() {
            match json::text(item, "/type") {
                "message" => message_item(item, answer),
                "reasoning" => {
                    reasoning_item(item, answer);
                    keep(item, answer);
                }
                "function_call" => call(item, &serde_json::json!({"output_index": index}), answer)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The closing response: counts and the reason of the end.
    fn close(&self, response: &Value, answer: &mut Answer) -> Result<(), WireError> {
        answer.served_by(json::text(response, "/model"));
        let usage = usage(response);
        if let Some(usage) = usage {
            answer.usage(usage);
        }
        let status = json::text(response, "/status");
        if status == "failed" {
            return Err(classify::of_value(response));
        }
        answer.ended(match (status, json::text(response, "/incomplete_details/reason")) {
            (_, "max_output_tokens" | "max_tokens" | "length") => EndReason::Length,
            (_, "content_filter") => EndReason::Refused,
            ("completed", _) => EndReason::Stop,
            _ => EndReason::Unknown,
        });
        Ok(())
    }

    /// The open item that an event has a piece of.
    fn item(&mut self, data: &Value) -> &mut Item {
        self.items.entry(piece_key(data)).or_default()
    }

    fn reasoning(&mut self, kind: &str, text: &str, data: &Value, answer: &mut Answer) {
        if text.is_empty() {
            return;
        }
        if self.item(data).reasoning.get_or_insert_with(|| kind.to_owned()) == kind {
            self.any = true;
            answer.reasoning(text);
        }
    }

    fn item_added(&mut self, item: &Value, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        self.items.insert(item_key(item, data), Item::default());
        match json::text(item, "/type") {
            "message" => answer.block(),
            "function_call" => {
                self.any = true;
                call(item, data, answer)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn item_done(&mut self, item: &Value, data: &Value, answer: &mut Answer) -> Result<(), WireError> {
        let told = self.items.remove(&item_key(item, data)).unwrap_or_default();
        keep(item, answer);
        match json::text(item, "/type") {
            "message" if !told.text => message_item(item, answer),
            "reasoning" if told.reasoning.is_none() => reasoning_item(item, answer),
            "function_call" => call(item, data, answer)?,
            _ => {}
        }
        self.any = true;
        Ok(())
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
        // LiteLLM names the model beside each event (`wire-facts.md` §7.2).
        answer.served_by(json::text(data, "/model"));
        let null = Value::Null;
        let response = data.get("response").unwrap_or(&null);
        let item = data.get("item").unwrap_or(&null);
        match kind.strip_prefix("response.").unwrap_or(kind) {
            "created" | "in_progress" | "queued" => answer.served_by(json::text(response, "/model")),
            "output_item.added" => self.item_added(item, data, answer)?,
            "output_item.done" => self.item_done(item, data, answer)?,
            "content_part.added" if is_text(json::text(data, "/part/type")) => answer.block(),
            "output_text.delta" => {
                self.item(data).text = true;
                self.any = true;
                answer.text(json::text(data, "/delta"));
            }
            "refusal.delta" => {
                self.item(data).text = true;
                self.any = true;
                answer.refusal(json::text(data, "/delta"));
            }
            event @ ("reasoning_text.delta" | "reasoning_summary_text.delta" | "reasoning.delta") => {
                self.reasoning(event, json::text(data, "/delta"), data, answer);
            }
            // vLLM's own event; its text has come as `reasoning_text.delta` unless it came whole.
            "reasoning_part.done" if self.item(data).reasoning.is_none() => {
                self.reasoning("reasoning_part", json::text(data, "/part/text"), data, answer);
            }
            "function_call_arguments.delta" => {
                self.any = true;
                answer.calls.append(piece_key(data), json::text(data, "/delta"))?;
            }
            "function_call_arguments.done" => {
                let key = piece_key(data);
                answer.calls.open(key.clone(), "", json::text(data, "/name"))?;
                answer.calls.replace(key, json::text(data, "/arguments"))?;
            }
            "completed" | "incomplete" | "done" => {
                if !self.any {
                    Self::output(response, answer)?;
                }
                self.close(response, answer)?;
            }
            "failed" => return Err(classify::of_value(response)),
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError> {
        if body.get("output").is_none_or(|output| !output.is_array()) {
            return Ok(());
        }
        Self::output(body, answer)?;
        self.close(body, answer)
    }
}
