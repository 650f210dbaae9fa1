//! Ollama's own `/api/chat`, as its `docs/api.md` and `api/types.go` have it: one JSON document a line, calls whole and
//! without ids, the counts in the line that has `done`.

use serde_json::{Value, json};

use super::{Block, Context, Shape};
use crate::reply::ToolCall;

pub(super) struct Ollama {
    context: Context,
}

impl Ollama {
    pub(super) fn new(context: Context) -> Self {
        Self { context }
    }

    fn line(&self, message: &Value) -> String {
        format!("{}\n", document(&self.context, message, None))
    }
}

impl Shape for Ollama {
    fn text(&mut self, piece: &str) -> String {
        self.line(&json!({"role": "assistant", "content": piece}))
    }

    fn reasoning(&mut self, piece: &str) -> String {
        self.line(&json!({"role": "assistant", "content": "", "thinking": piece}))
    }

    fn tool_call(&mut self, call: &ToolCall) -> String {
        self.line(&json!({"role": "assistant", "content": "", "tool_calls": [tool_call(call)]}))
    }

    /// It says nothing while it reads the prompt.
    fn prefill(&mut self, _done: u64, _total: u64) -> String {
        String::new()
    }

    fn finish(&mut self, reason: &str) -> String {
        let message = json!({"role": "assistant", "content": ""});
        format!("{}\n", document(&self.context, &message, Some(reason)))
    }

    /// The line with `done` was the last one.
    fn done(&mut self) -> String {
        String::new()
    }

    fn error(&mut self, error: &Value) -> String {
        format!("{}\n", flat(error))
    }
}

pub(super) fn whole(context: &Context, blocks: &[Block<'_>], reason: &str) -> Value {
    let (mut visible, mut thinking, mut calls) = (String::new(), String::new(), Vec::new());
    for block in blocks {
        match block {
            Block::Text(text) => visible.push_str(text),
            Block::Reasoning(text) => thinking.push_str(text),
            Block::ToolCall(call) => calls.push(tool_call(call)),
        }
    }
    let mut message = json!({"role": "assistant", "content": visible});
    if !thinking.is_empty() {
        message["thinking"] = json!(thinking);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    document(context, &message, Some(reason))
}

/// Its errors are strings: `{"error": "…"}`.
pub(crate) fn flat(error: &Value) -> Value {
    let inner = error.get("error").unwrap_or(error);
    json!({"error": inner.get("message").unwrap_or(inner)})
}

/// One document: a part of the answer, or with a reason its end.
fn document(context: &Context, message: &Value, reason: Option<&str>) -> Value {
    let mut document = json!({
        "model": context.model, "created_at": "2026-11-22T13:28:20.000000000Z", "message": message,
    });
    let Some(reason) = reason else {
        document["done"] = json!(false);
        return document;
    };
    // Calls have no reason of their own.
    document["done_reason"] = json!(if reason == "tool_calls" { "stop" } else { reason });
    document["done"] = json!(true);
    document["total_duration"] = json!(4_883_583_458_u64);
    document["load_duration"] = json!(1_334_875);
    if let Some(usage) = context.usage {
        document["prompt_eval_count"] = json!(usage.prompt);
        document["prompt_eval_duration"] = json!(usage.prompt * 10_000_000);
        document["eval_count"] = json!(usage.completion);
        document["eval_duration"] = json!(usage.completion * 20_000_000);
    }
    document
}

/// The arguments as an object; a script's that are none stay text.
fn tool_call(call: &ToolCall) -> Value {
    let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
    json!({"function": {"name": call.name, "arguments": arguments}})
}
