//! A Chat answer in chunks (platform.openai.com, "The chat completion chunk object").

use serde::Serialize;
use serde_json::{Value, json};
use yabby_core::{EndReason, Usage};

use super::{
    super::{
        api::Api,
        encoder::{Meta, Writer},
        failure::Failure,
        sse,
        whole::Call,
    },
    whole::{finish_reason, usage_value},
};

/// Writes chunks.
#[derive(Debug)]
pub(in super::super) struct Stream {
    /// The fields that are the same in all chunks, as JSON without its end.
    head: Vec<u8>,
    include_usage: bool,
    /// How many calls there were.
    calls: usize,
}

#[derive(Serialize)]
struct Content<'a> {
    content: &'a str,
}

/// The field is that of `DeepSeek`, llama.cpp and others; OpenAI has none.
#[derive(Serialize)]
struct Reasoning<'a> {
    reasoning_content: &'a str,
}

impl Stream {
    pub(in super::super) fn new(meta: &Meta) -> Self {
        let mut head = Vec::new();
        let fields = json!({
            "id": meta.id,
            "object": "chat.completion.chunk",
            "created": meta.created,
            "model": meta.model,
            "system_fingerprint": null,
        });
        sse::json(&mut head, &fields);
        head.pop();
        Self {
            head,
            include_usage: meta.include_usage,
            calls: 0,
        }
    }

    fn chunk(&self, delta: &impl Serialize, finish: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&self.head);
        out.extend_from_slice(br#","choices":[{"index":0,"delta":"#);
        sse::json(out, delta);
        out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
        sse::json(out, &finish);
        out.extend_from_slice(b"}]");
        if self.include_usage {
            // As OpenAI has it in every chunk but the last.
            out.extend_from_slice(br#","usage":null"#);
        }
        out.extend_from_slice(b"}\n\n");
    }
}

impl Writer for Stream {
    fn start(&mut self, _usage: &Usage, out: &mut Vec<u8>) {
        let role = json!({"role": "assistant", "content": "", "refusal": null});
        self.chunk(&role, None, out);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>) {
        let delta = Reasoning {
            reasoning_content: text,
        };
        self.chunk(&delta, None, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.chunk(&Content { content: text }, None, out);
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) {
        let index = self.calls;
        self.calls += 1;
        let begun = json!({"tool_calls": [{
            "index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""},
        }]});
        self.chunk(&begun, None, out);
        let arguments = json!({"tool_calls": [{"index": index, "function": {"arguments": call.arguments}}]});
        self.chunk(&arguments, None, out);
    }

    /// There is no field for it that clients send back.
    fn opaque(&mut self, _data: &Value, _out: &mut Vec<u8>) {}

    fn end(&mut self, reason: EndReason, usage: &Usage, out: &mut Vec<u8>) {
        self.chunk(&json!({}), Some(finish_reason(reason)), out);
        if self.include_usage {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&self.head);
            out.extend_from_slice(br#","choices":[],"usage":"#);
            sse::json(out, &usage_value(usage));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, failure: &Failure, _usage: &Usage, out: &mut Vec<u8>) {
        sse::data(out, &failure.value(Api::Chat));
    }
}
