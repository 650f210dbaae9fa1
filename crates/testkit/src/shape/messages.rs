//! Anthropic Messages. llama.cpp as in `llama-server-b11669-*/msgs_*stream.txt` (no `input` in a tool's start, no
//! envelope around errors), the others as Anthropic documents it and vLLM 0.32 does it.

use serde_json::{Value, json};

use super::{Block, Context, Shape, data, named_event};
use crate::{
    kinds::ServerKind,
    reply::{ToolCall, Usage},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Thinking,
}

pub(super) struct Messages {
    context: Context,
    begun: bool,
    index: usize,
    open: Open,
}

impl Messages {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            begun: false,
            index: 0,
            open: Open::Nothing,
        }
    }

    fn event(data: &Value) -> String {
        named_event(data["type"].as_str().unwrap_or_default(), data)
    }

    fn begin(&mut self) -> String {
        if std::mem::replace(&mut self.begun, true) {
            return String::new();
        }
        let mut message = envelope(&self.context, &json!([]), &Value::Null);
        if let Some(usage) = self.context.usage {
            message["usage"] = usage_json(Usage { completion: 0, ..usage });
        }
        let mut out = Self::event(&json!({"type": "message_start", "message": message}));
        if matches!(self.context.kind, ServerKind::Anthropic) {
            out.push_str(&Self::event(&json!({"type": "ping"})));
        }
        out
    }

    fn start(&mut self, block: &Value) -> String {
        Self::event(&json!({"type": "content_block_start", "index": self.index, "content_block": block}))
    }

    fn delta(&self, delta: &Value) -> String {
        Self::event(&json!({"type": "content_block_delta", "index": self.index, "delta": delta}))
    }

    fn stop(&mut self) -> String {
        let index = self.index;
        self.index += 1;
        Self::event(&json!({"type": "content_block_stop", "index": index}))
    }

    /// Ends the open block unless it is the wanted one, and opens that.
    fn switch(&mut self, wanted: Open) -> String {
        let mut out = self.begin();
        if self.open == wanted {
            return out;
        }
        if self.open == Open::Thinking {
            let signature = signature(&self.context);
            out.push_str(&self.delta(&json!({"type": "signature_delta", "signature": signature})));
        }
        if self.open != Open::Nothing {
            out.push_str(&self.stop());
        }
        match wanted {
            Open::Nothing => {}
            Open::Text => out.push_str(&self.start(&json!({"type": "text", "text": ""}))),
            Open::Thinking => out.push_str(&self.start(&json!({"type": "thinking", "thinking": ""}))),
        }
        self.open = wanted;
        out
    }
}

impl Shape for Messages {
    fn text(&mut self, piece: &str) -> String {
        self.switch(Open::Text) + &self.delta(&json!({"type": "text_delta", "text": piece}))
    }

    fn reasoning(&mut self, piece: &str) -> String {
        self.switch(Open::Thinking) + &self.delta(&json!({"type": "thinking_delta", "thinking": piece}))
    }

    fn tool_call(&mut self, call: &ToolCall) -> String {
        let mut out = self.switch(Open::Nothing);
        let mut block = json!({"type": "tool_use", "id": call.id, "name": call.name});
        if !self.context.is_llama_cpp() {
            block["input"] = json!({});
        }
        out.push_str(&self.start(&block));
        for piece in call.pieces() {
            out.push_str(&self.delta(&json!({"type": "input_json_delta", "partial_json": piece})));
        }
        out.push_str(&self.stop());
        out
    }

    fn prefill(&mut self, _done: u64, _total: u64) -> String {
        String::new()
    }

    fn finish(&mut self, reason: &str) -> String {
        let mut out = self.switch(Open::Nothing);
        let mut end = json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason(reason), "stop_sequence": null},
        });
        if let Some(usage) = self.context.usage {
            end["usage"] = if self.context.is_llama_cpp() {
                json!({"output_tokens": usage.completion})
            } else {
                usage_json(usage)
            };
        }
        out.push_str(&Self::event(&end));
        out
    }

    fn done(&mut self) -> String {
        Self::event(&json!({"type": "message_stop"}))
    }

    fn error(&mut self, error: &Value) -> String {
        if self.context.is_llama_cpp() {
            data(&json!({"error": error}))
        } else {
            Self::event(&json!({"type": "error", "error": error, "request_id": "req_testkit"}))
        }
    }
}

pub(super) fn whole(context: &Context, blocks: &[Block<'_>], reason: &str) -> Value {
    let parts: Vec<Value> = blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Reasoning(text) => json!({"type": "thinking", "thinking": text, "signature": signature(context)}),
            Block::ToolCall(call) => json!({
                "type": "tool_use", "id": call.id, "name": call.name,
                "input": serde_json::from_str::<Value>(&call.arguments).unwrap_or_else(|_| json!({})),
            }),
        })
        .collect();
    let mut answer = envelope(context, &json!(parts), &json!(stop_reason(reason)));
    if let Some(usage) = context.usage {
        answer["usage"] = usage_json(usage);
    }
    answer
}

fn envelope(context: &Context, parts: &Value, stop: &Value) -> Value {
    // llama.cpp and vLLM keep the id of the chat completion underneath.
    let prefix = if matches!(context.kind, ServerKind::Anthropic) {
        "msg_"
    } else {
        "chatcmpl-"
    };
    json!({
        "id": format!("{prefix}{}", context.serial), "type": "message", "role": "assistant", "content": parts,
        "model": context.model, "stop_reason": stop, "stop_sequence": null,
    })
}

/// Only Anthropic signs (platform.claude.com, "Extended thinking").
fn signature(context: &Context) -> &'static str {
    if matches!(context.kind, ServerKind::Anthropic) {
        "c2lnbmF0dXJl"
    } else {
        ""
    }
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "cache_read_input_tokens": usage.cached,
        "input_tokens": usage.prompt.saturating_sub(usage.cached),
        "output_tokens": usage.completion,
    })
}

fn stop_reason(reason: &str) -> &str {
    match reason {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        "content_filter" => "refusal",
        other => other,
    }
}
