//! Calls and results of the conversation as text, as the model would have written them.

use serde_json::{Value, json};
use yabby_core::{Message, ToolCall, ToolMode};

use super::{ANSWER, ARGUMENTS, TOOL, spaced};

/// A message without calls and results. Each message is written by itself, so that a longer conversation begins with
/// the bytes of a shorter one; neighbours of a role are joined by the dialect.
pub(super) fn written(message: &Message, mode: ToolMode, structured: bool) -> Message {
    match message {
        Message::User { .. } => message.clone(),
        Message::Assistant {
            text,
            tool_calls,
            opaque,
        } => {
            let text = (!text.is_empty()).then(|| answer(text, mode, structured));
            let calls = tool_calls.iter().map(|one| call(one, mode));
            Message::Assistant {
                text: text.into_iter().chain(calls).collect::<Vec<_>>().join("\n"),
                tool_calls: Vec::new(),
                // What goes with a call is refused without it.
                opaque: if tool_calls.is_empty() {
                    opaque.clone()
                } else {
                    Vec::new()
                },
            }
        }
        Message::ToolResult { name, content, .. } => Message::user(format!("Result of {name}:\n{content}")),
    }
}

/// An answer; with a schema of its own it was a JSON value.
fn answer(text: &str, mode: ToolMode, structured: bool) -> String {
    if mode != ToolMode::Constrained {
        return text.to_owned();
    }
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value) if structured => value,
        _ => text.into(),
    };
    spaced(&json!({ANSWER: value}))
}

fn call(call: &ToolCall, mode: ToolMode) -> String {
    match mode {
        ToolMode::Constrained => spaced(&json!({TOOL: call.name, ARGUMENTS: call.arguments})),
        ToolMode::Text | ToolMode::Native => {
            let call = spaced(&json!({"name": call.name, "arguments": call.arguments}));
            format!("<tool_call>{call}</tool_call>")
        }
        ToolMode::None => format!("[used {} with {}]", call.name, spaced(&call.arguments)),
    }
}
