//! The conversation as it is being read.

use serde_json::{Map, Value};
use yabby_core::{Image, Message, Opaque, OpaqueSource, ToolCall};

use super::parts::Content;

/// Between pieces that stand for themselves.
pub(super) const PARAGRAPH: &str = "\n\n";

/// Messages, oldest first.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    system: Vec<String>,
    messages: Vec<Message>,
    /// Pictures that tools have returned. They follow as the user's, behind all results.
    shown: Vec<Image>,
}

/// The arguments of a call as clients send them back: a string of JSON, as the model wrote it. What is no object is left
/// out, because a server fails on it in every later turn.
pub(super) fn arguments(arguments: Option<Value>) -> Map<String, Value> {
    match arguments {
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

// === impl Conversation ===

impl Conversation {
    /// Instructions. Those that come later keep their place, marked, in the user's voice: a server takes them in no
    /// other, and in the system prompt they would change the beginning of every later request.
    pub(super) fn system(&mut self, text: String) {
        if text.is_empty() {
        } else if self.messages.is_empty() {
            self.system.push(text);
        } else {
            self.user(format!("<system>\n{text}\n</system>"), Vec::new());
        }
    }

    pub(super) fn user(&mut self, text: String, images: Vec<Image>) {
        self.show();
        self.messages.push(Message::User { text, images });
    }

    /// What the model said. Its reasoning may have come before.
    pub(super) fn assistant(&mut self, text: String) {
        self.show();
        match self.messages.last_mut() {
            Some(Message::Assistant {
                text: said, tool_calls, ..
            }) if said.is_empty() && tool_calls.is_empty() => *said = text,
            _ => self.messages.push(Message::assistant(text)),
        }
    }

    /// A part that only its server can read; it belongs to the answer that follows.
    pub(super) fn thought(&mut self, data: Value) {
        let part = Opaque {
            from: OpaqueSource {
                endpoint: String::new(),
                model: String::new(),
            },
            data,
        };
        self.show();
        match self.messages.last_mut() {
            Some(Message::Assistant {
                text,
                tool_calls,
                opaque,
            }) if text.is_empty() && tool_calls.is_empty() => opaque.push(part),
            _ => self.messages.push(Message::Assistant {
                text: String::new(),
                tool_calls: Vec::new(),
                opaque: vec![part],
            }),
        }
    }

    /// A call of the answer that came last.
    pub(super) fn call(&mut self, call: ToolCall) {
        self.show();
        match self.messages.last_mut() {
            Some(Message::Assistant { tool_calls, .. }) => tool_calls.push(call),
            _ => self.messages.push(Message::calling("", vec![call])),
        }
    }

    /// What a tool returned. Its name is that of the call.
    pub(super) fn result(&mut self, call_id: String, mut content: Content) {
        let name = self.messages.iter().rev().find_map(|message| match message {
            Message::Assistant { tool_calls, .. } => tool_calls.iter().find(|call| call.id == call_id),
            Message::User { .. } | Message::ToolResult { .. } => None,
        });
        let name = name.map(|call| call.name.clone()).unwrap_or_default();
        let text = content.text("\n");
        self.shown.append(&mut content.images);
        self.messages.push(Message::ToolResult {
            call_id,
            name,
            content: text,
        });
    }

    /// Gives the pictures of tools, before anything but another result.
    fn show(&mut self) {
        if !self.shown.is_empty() {
            let images = std::mem::take(&mut self.shown);
            self.messages.push(Message::User {
                text: String::new(),
                images,
            });
        }
    }

    /// The system prompt and the messages. An answer of which only reasoning is left was none.
    pub(super) fn finish(mut self) -> (Option<String>, Vec<Message>) {
        self.show();
        self.messages.retain(|message| match message {
            Message::Assistant {
                text,
                tool_calls,
                opaque,
            } => !text.is_empty() || !tool_calls.is_empty() || opaque.is_empty(),
            Message::User { .. } | Message::ToolResult { .. } => true,
        });
        let system = (!self.system.is_empty()).then(|| self.system.join(PARAGRAPH));
        (system, self.messages)
    }
}
