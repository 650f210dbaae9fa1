//! A conversation without calls and results: only two people who take turns.

use yabby_core::{Message, ToolCall};

use super::repair::result_as_text;

/// The conversation with calls and results as text, beginning with a user, each role once in a row.
pub(super) fn alternating(messages: Vec<Message>) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::with_capacity(messages.len());
    for message in messages {
        let message = as_text(message);
        match (out.last_mut(), message) {
            (
                Some(Message::User { text, images }),
                Message::User {
                    text: more,
                    images: new,
                },
            ) => {
                join(text, &more);
                images.extend(new);
            }
            (
                Some(Message::Assistant { text, opaque, .. }),
                Message::Assistant {
                    text: more,
                    opaque: new,
                    ..
                },
            ) => {
                join(text, &more);
                opaque.extend(new);
            }
            // Templates that count turns want a user first.
            (None, message @ Message::Assistant { .. }) => out.extend([Message::user(super::GO_ON), message]),
            (_, message) => out.push(message),
        }
    }
    if out.is_empty() {
        out.push(Message::user(super::GO_ON));
    }
    out
}

fn as_text(message: Message) -> Message {
    match message {
        Message::Assistant {
            mut text,
            tool_calls,
            opaque,
        } => {
            for call in &tool_calls {
                join(&mut text, &call_as_text(call));
            }
            Message::Assistant {
                text,
                tool_calls: Vec::new(),
                opaque,
            }
        }
        Message::ToolResult { name, content, .. } => Message::user(result_as_text(&name, &content)),
        user @ Message::User { .. } => user,
    }
}

fn call_as_text(call: &ToolCall) -> String {
    let arguments = serde_json::Value::Object(call.arguments.clone());
    format!("[Called {} with {arguments}]", call.name)
}

/// Adds `more` as a new paragraph.
fn join(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}
