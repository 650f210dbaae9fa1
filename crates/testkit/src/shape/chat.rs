//! Chat Completions. llama.cpp as in `llama-server-b11669-smollm2/chat_stream*.txt`, vLLM as in
//! `vllm-0.32.0-cpu/chat_stream_usage.txt`, the others as `OpenAI` documents it.

use serde_json::{Value, json};

use super::{Block, CREATED, Context, Shape, data};
use crate::{
    kinds::ServerKind,
    reply::{ToolCall, Usage},
};

/// What `OpenRouter` says while it waits (openrouter.ai, "Streaming").
const PROCESSING: &str = ": OPENROUTER PROCESSING\n\n";
/// Who answers behind it.
const PROVIDER: &str = "Testkit";

pub(super) struct Chat {
    context: Context,
    begun: bool,
    calls: usize,
    counted: bool,
}

impl Chat {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            begun: false,
            calls: 0,
            counted: false,
        }
    }

    /// The chunk around `choices`, with its keys in the order of the server.
    fn chunk(&self, choices: &Value) -> Value {
        let context = &self.context;
        let id = id(context);
        if context.is_openrouter() {
            return json!({
                "id": id, "provider": PROVIDER, "model": context.model, "object": "chat.completion.chunk",
                "created": CREATED, "choices": choices,
            });
        }
        if context.is_llama_cpp() {
            json!({
                "choices": choices, "created": CREATED, "id": id, "model": context.model,
                "system_fingerprint": "b11669", "object": "chat.completion.chunk",
            })
        } else {
            json!({
                "id": id, "object": "chat.completion.chunk", "created": CREATED,
                "model": context.model, "choices": choices,
            })
        }
    }

    fn choice(&self, delta: &Value, finish: &Value) -> Value {
        if self.context.is_llama_cpp() {
            json!([{"finish_reason": finish, "index": 0, "delta": delta}])
        } else if self.context.is_openrouter() {
            json!([{"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish, "logprobs": null}])
        } else {
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}])
        }
    }

    fn delta(&mut self, delta: &Value) -> String {
        let mut out = self.begin();
        out.push_str(&data(&self.chunk(&self.choice(delta, &Value::Null))));
        out
    }

    fn begin(&mut self) -> String {
        if std::mem::replace(&mut self.begun, true) {
            return String::new();
        }
        let comment = if self.context.is_openrouter() { PROCESSING } else { "" };
        format!("{comment}{}", data(&self.role_chunk()))
    }

    fn role_chunk(&self) -> Value {
        // llama.cpp begins with null, everybody else with an empty string.
        let content = if self.context.is_llama_cpp() {
            Value::Null
        } else {
            json!("")
        };
        self.chunk(&self.choice(&json!({"role": "assistant", "content": content}), &Value::Null))
    }
}

impl Shape for Chat {
    fn text(&mut self, piece: &str) -> String {
        self.delta(&json!({"content": piece}))
    }

    fn reasoning(&mut self, piece: &str) -> String {
        let field = self.context.reasoning_field();
        let mut delta = json!({field: piece});
        if self.context.is_openrouter() {
            delta["reasoning_details"] = details(piece);
        }
        self.delta(&delta)
    }

    fn tool_call(&mut self, call: &ToolCall) -> String {
        let index = self.calls;
        self.calls += 1;
        let mut pieces = call.pieces().into_iter();
        let mut function = json!({"name": call.name});
        // vLLM names the function alone, the others begin the arguments with it.
        if !matches!(self.context.kind, ServerKind::Vllm { .. }) {
            function["arguments"] = json!(pieces.next().unwrap_or_default());
        }
        let mut out = self.delta(&json!({
            "tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]
        }));
        for piece in pieces {
            out.push_str(&self.delta(&json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})));
        }
        out
    }

    fn prefill(&mut self, done: u64, total: u64) -> String {
        if !(self.context.progress && self.context.is_llama_cpp()) {
            return String::new();
        }
        // Every progress chunk repeats the role (llama.cpp, `to_json_oaicompat_chat`).
        self.begun = true;
        let mut chunk = self.role_chunk();
        chunk["prompt_progress"] = json!({"total": total, "cache": 0, "processed": done, "time_ms": done * 10});
        data(&chunk)
    }

    fn finish(&mut self, reason: &str) -> String {
        let mut out = self.begin();
        let mut chunk = self.chunk(&self.choice(&json!({}), &json!(reason)));
        if let (true, false, Some(usage)) = (
            self.context.is_llama_cpp(),
            self.context.include_usage,
            self.context.usage,
        ) {
            chunk["timings"] = timings(usage);
        }
        out.push_str(&data(&chunk));
        out
    }

    fn done(&mut self) -> String {
        let mut out = String::new();
        // OpenRouter always counts (openrouter.ai, "Usage Accounting").
        let counts = self.context.include_usage || self.context.is_openrouter();
        if let (true, false, Some(usage)) = (counts, self.counted, self.context.usage) {
            self.counted = true;
            let mut chunk = self.chunk(&json!([]));
            chunk["usage"] = usage_json(&self.context, usage);
            if self.context.is_llama_cpp() {
                chunk["timings"] = timings(usage);
            }
            out.push_str(&data(&chunk));
        }
        out.push_str("data: [DONE]\n\n");
        out
    }

    fn error(&mut self, error: &Value) -> String {
        let mut out = self.begin();
        if matches!(self.context.kind, ServerKind::OpenRouter { .. }) {
            // A chunk with the error at its top level and the finish reason `error`.
            let mut chunk = self.chunk(&self.choice(&json!({"content": ""}), &json!("error")));
            chunk["error"] = json!({"code": error["code"], "message": error["message"]});
            out.push_str(&data(&chunk));
        } else {
            out.push_str(&data(&json!({"error": error})));
        }
        out
    }
}

pub(super) fn whole(context: &Context, blocks: &[Block<'_>], reason: &str) -> Value {
    let (mut visible, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for block in blocks {
        match block {
            Block::Text(text) => visible.push_str(text),
            Block::Reasoning(text) => reasoning.push_str(text),
            Block::ToolCall(call) => calls.push(json!({
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                "id": call.id,
            })),
        }
    }
    let mut message = json!({"role": "assistant", "content": visible});
    if !reasoning.is_empty() {
        message[context.reasoning_field()] = json!(reasoning);
        if context.is_openrouter() {
            message["reasoning_details"] = details(&reasoning);
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let mut answer = json!({
        "id": id(context),
        "object": "chat.completion",
        "created": CREATED,
        "model": context.model,
        "choices": [{"finish_reason": reason, "index": 0, "message": message}],
    });
    if context.is_openrouter() {
        answer["provider"] = json!(PROVIDER);
        answer["choices"][0]["native_finish_reason"] = json!(reason);
    }
    if let Some(usage) = context.usage {
        answer["usage"] = usage_json(context, usage);
        if context.is_llama_cpp() {
            answer["timings"] = timings(usage);
        }
    }
    answer
}

fn id(context: &Context) -> String {
    let prefix = if context.is_openrouter() { "gen" } else { "chatcmpl" };
    format!("{prefix}-{}", context.serial)
}

/// openrouter.ai, "Reasoning tokens": beside the text, as it goes back.
fn details(text: &str) -> Value {
    json!([{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}])
}

fn usage_json(context: &Context, usage: Usage) -> Value {
    let mut counts = json!({
        "completion_tokens": usage.completion,
        "prompt_tokens": usage.prompt,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    });
    if context.is_openrouter() {
        // openrouter.ai, "Usage Accounting". At the price that its list gives (`emulate::gateways`).
        #[expect(clippy::cast_precision_loss, reason = "a test has few tokens")]
        let cost = (usage.prompt + usage.completion) as f64 * 0.000_000_7;
        counts["cost"] = json!(cost);
        counts["cost_details"] = json!({"upstream_inference_cost": null});
        counts["completion_tokens_details"] = json!({"reasoning_tokens": 0});
    }
    counts
}

/// llama.cpp's own count and speed, at 100 prompt and 50 generated tokens a second.
pub(super) fn timings(usage: Usage) -> Value {
    let prompt = usage.prompt.saturating_sub(usage.cached);
    json!({
        "cache_n": usage.cached, "prompt_n": prompt, "prompt_ms": prompt * 10, "prompt_per_second": 100.0,
        "predicted_n": usage.completion, "predicted_ms": usage.completion * 20, "predicted_per_second": 50.0,
    })
}
