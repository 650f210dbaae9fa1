//! What an entry says, in Yabby's words.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use yabby_core::{Image, Message, ToolCall};

use super::entry::{Counts, Entry, Skipped, count, filled, time};
use crate::transcript::Content;

/// What becomes of an entry.
pub(super) enum Read {
    /// An item.
    Content(Content),
    /// An item that sums up what is before this entry.
    Summary { text: String, first_kept: Option<String> },
    /// The name of the session.
    Title(String),
    /// Nothing.
    Nothing,
}

/// What becomes of an entry; what is left out of it is counted.
pub(super) fn read(entry: &Entry, skipped: &mut Counts) -> Read {
    let text = |name: &str| entry.text(name).unwrap_or_default().to_owned();
    match entry.kind.as_str() {
        "message" => match entry.value.get("message") {
            Some(Value::Object(message)) => self::message(message, skipped),
            _ => nothing(skipped, Skipped::Unknown),
        },
        "compaction" => summary(entry),
        "branch_summary" => note("branch_summary", json!({"text": text("summary")})),
        "model_change" => note(
            "model_change",
            json!({"provider": text("provider"), "model": text("modelId")}),
        ),
        "thinking_level_change" => note("thinking_level_change", json!({"level": text("thinkingLevel")})),
        "reset" => note("reset", json!({})),
        "custom_message" => {
            let parts = Parts::of(entry.value.get("content"), skipped);
            let name = entry.text("customType").unwrap_or("custom");
            match parts.text.as_str() {
                "" => nothing(skipped, Skipped::Empty),
                said => note("custom_message", json!({"type": name, "text": said})),
            }
        }
        "session_info" => filled(entry.value.get("name")).map_or(Read::Nothing, Read::Title),
        "session" | "leaf" => Read::Nothing,
        "custom" | "label" => nothing(skipped, Skipped::Aside),
        _ => nothing(skipped, Skipped::Unknown),
    }
}

/// When a message says that it was said, where its entry does not.
pub(super) fn said_at(entry: &Entry) -> Option<yabby_core::Time> {
    entry
        .at
        .or_else(|| entry.value.get("message")?.get("timestamp").and_then(time))
}

fn message(message: &Map<String, Value>, skipped: &mut Counts) -> Read {
    let content = message.get("content");
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("role") {
        "user" => {
            let Parts { text, images, .. } = Parts::of(content, skipped);
            if text.is_empty() && images.is_empty() {
                return nothing(skipped, Skipped::Empty);
            }
            said(Message::User { text, images })
        }
        "assistant" => {
            let Parts { text, calls, .. } = Parts::of(content, skipped);
            if text.is_empty() && calls.is_empty() {
                return nothing(skipped, Skipped::Empty);
            }
            said(Message::calling(text, calls))
        }
        "toolResult" | "tool_result" => {
            let parts = Parts::of(content, skipped);
            for _ in &parts.images {
                count(skipped, Skipped::Picture);
            }
            said(Message::ToolResult {
                call_id: text("toolCallId").to_owned(),
                name: text("toolName").to_owned(),
                content: parts.text,
            })
        }
        "bashExecution" => note("command", json!({"command": text("command"), "output": text("output")})),
        "custom" | "branchSummary" | "compactionSummary" => nothing(skipped, Skipped::Aside),
        _ => nothing(skipped, Skipped::Unknown),
    }
}

/// The parts of a message.
#[derive(Default)]
struct Parts {
    text: String,
    images: Vec<Image>,
    calls: Vec<ToolCall>,
}

impl Parts {
    fn of(content: Option<&Value>, skipped: &mut Counts) -> Self {
        let mut parts = Self::default();
        match content {
            Some(Value::String(text)) => text.clone_into(&mut parts.text),
            Some(Value::Array(all)) => {
                for part in all {
                    parts.add(part, skipped);
                }
            }
            _ => {}
        }
        parts
    }

    fn add(&mut self, part: &Value, skipped: &mut Counts) {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" => {
                if !self.text.is_empty() && !text("text").is_empty() {
                    self.text.push('\n');
                }
                self.text.push_str(text("text"));
            }
            "image" => match STANDARD.decode(text("data")).ok().and_then(|bytes| Image::new(&bytes)) {
                Some(image) => self.images.push(image),
                None => count(skipped, Skipped::Picture),
            },
            "thinking" | "redacted_thinking" | "redactedThinking" | "reasoning" => count(skipped, Skipped::Thinking),
            "toolCall" | "tool_use" | "toolUse" | "functionCall" => {
                let arguments = part.get("arguments").or_else(|| part.get("input"));
                self.calls.push(ToolCall {
                    id: text("id").to_owned(),
                    name: text("name").to_owned(),
                    arguments: arguments.map(self::arguments).unwrap_or_default(),
                });
            }
            _ => count(skipped, Skipped::Unknown),
        }
    }
}

/// Arguments of a call, which some servers write as a text.
fn arguments(value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(arguments) => arguments.clone(),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        _ => Map::new(),
    }
}

fn summary(entry: &Entry) -> Read {
    let text = entry.text("summary").unwrap_or_default();
    Read::Summary {
        text: text.to_owned(),
        first_kept: filled(entry.value.get("firstKeptEntryId")),
    }
}

fn said(message: Message) -> Read {
    Read::Content(Content::Message { message })
}

fn note(name: &str, value: Value) -> Read {
    Read::Content(Content::Note {
        name: format!("openclaw:{name}"),
        value,
    })
}

fn nothing(skipped: &mut Counts, what: Skipped) -> Read {
    count(skipped, what);
    Read::Nothing
}
