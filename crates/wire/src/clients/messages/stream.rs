//! A Messages answer in events (docs.claude.com/en/docs/build-with-claude/streaming).

use serde::Serialize;
use serde_json::{Value, json};
use yabby_core::{EndReason, Progress, Usage};

use super::{
    super::{
        api::Api,
        encoder::{Meta, Writer},
        failure::Failure,
        sse,
        whole::Call,
    },
    whole::{message, signature, stop_reason, usage_value},
};

/// Writes events.
#[derive(Debug)]
pub(in super::super) struct Stream {
    meta: Meta,
    /// The block that is open, or the next one.
    index: usize,
    open: Option<Block>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
}

/// A piece of a block, as an event.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    index: usize,
    delta: Piece<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Piece<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}

// === impl Stream ===

impl Stream {
    pub(in super::super) fn new(meta: Meta) -> Self {
        Self {
            meta,
            index: 0,
            open: None,
        }
    }

    fn begin(&self, block: &Value, out: &mut Vec<u8>) {
        let event = json!({"type": "content_block_start", "index": self.index, "content_block": block});
        sse::named(out, "content_block_start", &event);
    }

    fn piece(&self, delta: Piece<'_>, out: &mut Vec<u8>) {
        let event = Event {
            r#type: "content_block_delta",
            index: self.index,
            delta,
        };
        sse::named(out, event.r#type, &event);
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        let event = json!({"type": "content_block_stop", "index": self.index});
        sse::named(out, "content_block_stop", &event);
        self.index += 1;
        self.open = None;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.is_some() {
            self.stop(out);
        }
    }

    /// Makes `block` the open one.
    fn enter(&mut self, block: Block, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        self.open = Some(block);
        let begun = match block {
            Block::Text => json!({"type": "text", "text": ""}),
            Block::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
        };
        self.begin(&begun, out);
    }
}

impl Writer for Stream {
    fn start(&mut self, usage: &Usage, out: &mut Vec<u8>) {
        let begun = Usage {
            output_tokens: None,
            reasoning_tokens: None,
            ..*usage
        };
        let message = message(&self.meta, &[], &Value::Null, &usage_value(&begun));
        let event = json!({"type": "message_start", "message": message});
        sse::named(out, "message_start", &event);
    }

    /// A comment for people, and the event that clients know.
    fn progress(&mut self, progress: Progress, out: &mut Vec<u8>) {
        sse::comment(out, progress);
        sse::named(out, "ping", &json!({"type": "ping"}));
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>) {
        self.enter(Block::Thinking, out);
        self.piece(Piece::Thinking { thinking: text }, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.enter(Block::Text, out);
        self.piece(Piece::Text { text }, out);
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) {
        self.close(out);
        self.begin(
            &json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}),
            out,
        );
        let arguments = Value::Object(call.object.clone()).to_string();
        self.piece(
            Piece::Input {
                partial_json: &arguments,
            },
            out,
        );
        self.stop(out);
    }

    fn opaque(&mut self, data: &Value, out: &mut Vec<u8>) {
        match signature(data) {
            Some((thinking, signature)) => {
                if self.open != Some(Block::Thinking) {
                    self.enter(Block::Thinking, out);
                    self.piece(Piece::Thinking { thinking }, out);
                }
                self.piece(Piece::Signature { signature }, out);
                self.stop(out);
            }
            None if data["type"] == "redacted_thinking" => {
                self.close(out);
                self.begin(data, out);
                self.stop(out);
            }
            None => {}
        }
    }

    fn end(&mut self, reason: EndReason, usage: &Usage, out: &mut Vec<u8>) {
        self.close(out);
        let event = json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason(reason), "stop_sequence": null},
            "usage": usage_value(usage),
        });
        sse::named(out, "message_delta", &event);
        sse::named(out, "message_stop", &json!({"type": "message_stop"}));
    }

    fn fail(&mut self, failure: &Failure, _usage: &Usage, out: &mut Vec<u8>) {
        sse::named(out, "error", &failure.value(Api::Messages));
    }
}
