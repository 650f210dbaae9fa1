//! A response in events (platform.openai.com, "Streaming events").

use serde::Serialize;
use serde_json::{Value, json};
use yabby_core::{EndReason, Usage};

use super::{
    super::{
        encoder::{Meta, Writer},
        failure::Failure,
        sse,
        whole::Call,
    },
    object::{
        Response, Status, call_item, encrypted, item_id, item_status, message_item, reasoning_item, summary_part,
        text_part,
    },
};

/// Writes events.
#[derive(Debug)]
pub(in super::super) struct Stream {
    meta: Meta,
    /// The number of the next event.
    sequence: u64,
    /// The items that are done.
    output: Vec<Value>,
    open: Option<Open>,
}

/// The item that is open.
#[derive(Debug)]
struct Open {
    kind: Kind,
    id: String,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message,
    Reasoning,
}

#[derive(Serialize)]
struct Event<'a, T> {
    r#type: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    fields: T,
}

#[derive(Serialize)]
struct WithResponse<'a> {
    response: Response<'a>,
}

/// A piece of text.
#[derive(Serialize)]
struct TextDelta<'a> {
    item_id: &'a str,
    output_index: usize,
    content_index: usize,
    delta: &'a str,
    logprobs: [(); 0],
}

/// A piece of a summary of reasoning.
#[derive(Serialize)]
struct SummaryDelta<'a> {
    item_id: &'a str,
    output_index: usize,
    summary_index: usize,
    delta: &'a str,
}

fn event(name: &str, sequence_number: u64, fields: impl Serialize, out: &mut Vec<u8>) {
    let event = Event {
        r#type: name,
        sequence_number,
        fields,
    };
    sse::named(out, name, &event);
}

// === impl Stream ===

impl Stream {
    pub(in super::super) fn new(meta: Meta) -> Self {
        Self {
            meta,
            sequence: 0,
            output: Vec::new(),
            open: None,
        }
    }

    fn emit(&mut self, name: &str, fields: impl Serialize, out: &mut Vec<u8>) {
        event(name, self.sequence, fields, out);
        self.sequence += 1;
    }

    /// An event that has the response itself.
    fn response(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        let response = Response::new(&self.meta, &self.output, status);
        event(name, self.sequence, WithResponse { response }, out);
        self.sequence += 1;
    }

    fn added(&mut self, item: &Value, out: &mut Vec<u8>) {
        let fields = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.added", fields, out);
    }

    fn done(&mut self, item: Value, out: &mut Vec<u8>) {
        let fields = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.done", fields, out);
        self.output.push(item);
    }

    /// Makes an item of this kind the open one, and gives its id.
    fn enter(&mut self, kind: Kind, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|open| open.kind == kind) {
            return;
        }
        self.close("completed", None, out);
        let at = self.output.len();
        match kind {
            Kind::Message => {
                let id = item_id("msg", &self.meta, at);
                self.added(&message_item(&id, "in_progress", &[]), out);
                let fields = json!({"item_id": id, "output_index": at, "content_index": 0, "part": text_part("")});
                self.emit("response.content_part.added", fields, out);
                self.begin(kind, id);
            }
            Kind::Reasoning => {
                let id = item_id("rs", &self.meta, at);
                self.added(&reasoning_item(&id, &[], None), out);
                let fields = json!({"item_id": id, "output_index": at, "summary_index": 0, "part": summary_part("")});
                self.emit("response.reasoning_summary_part.added", fields, out);
                self.begin(kind, id);
            }
        }
    }

    /// Writes a piece of an item, and opens the item if it is not.
    fn piece(&mut self, kind: Kind, text: &str, out: &mut Vec<u8>) {
        self.enter(kind, out);
        let Some(open) = &mut self.open else { return };
        open.text.push_str(text);
        let (item_id, output_index) = (open.id.as_str(), self.output.len());
        let sequence_number = self.sequence;
        self.sequence += 1;
        match kind {
            Kind::Message => {
                let fields = TextDelta {
                    item_id,
                    output_index,
                    content_index: 0,
                    delta: text,
                    logprobs: [],
                };
                event("response.output_text.delta", sequence_number, fields, out);
            }
            Kind::Reasoning => {
                let fields = SummaryDelta {
                    item_id,
                    output_index,
                    summary_index: 0,
                    delta: text,
                };
                event("response.reasoning_summary_text.delta", sequence_number, fields, out);
            }
        }
    }

    fn begin(&mut self, kind: Kind, id: String) {
        self.open = Some(Open {
            kind,
            id,
            text: String::new(),
        });
    }

    /// Ends the open item.
    fn close(&mut self, status: &str, encrypted: Option<&str>, out: &mut Vec<u8>) {
        let Some(Open { kind, id, text }) = self.open.take() else {
            return;
        };
        let at = self.output.len();
        match kind {
            Kind::Message => {
                let fields = json!({
                    "item_id": id, "output_index": at, "content_index": 0, "text": text, "logprobs": [],
                });
                self.emit("response.output_text.done", fields, out);
                let part = text_part(&text);
                let fields = json!({"item_id": id, "output_index": at, "content_index": 0, "part": part});
                self.emit("response.content_part.done", fields, out);
                self.done(message_item(&id, status, &[part]), out);
            }
            Kind::Reasoning => {
                let fields = json!({"item_id": id, "output_index": at, "summary_index": 0, "text": text});
                self.emit("response.reasoning_summary_text.done", fields, out);
                let part = summary_part(&text);
                let fields = json!({"item_id": id, "output_index": at, "summary_index": 0, "part": part});
                self.emit("response.reasoning_summary_part.done", fields, out);
                self.done(reasoning_item(&id, &[part], encrypted), out);
            }
        }
    }
}

impl Writer for Stream {
    fn start(&mut self, _usage: &Usage, out: &mut Vec<u8>) {
        self.response("response.created", Status::InProgress, out);
        self.response("response.in_progress", Status::InProgress, out);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>) {
        self.piece(Kind::Reasoning, text, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.piece(Kind::Message, text, out);
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) {
        self.close("completed", None, out);
        let at = self.output.len();
        let is_custom = self.meta.custom_tools.contains(&call.name);
        let (kind, input, name, event) = if is_custom {
            ("ctc", call.input(), "input", "response.custom_tool_call_input")
        } else {
            (
                "fc",
                call.arguments.as_str(),
                "arguments",
                "response.function_call_arguments",
            )
        };
        let id = item_id(kind, &self.meta, at);
        self.added(&call_item(&id, "in_progress", call, is_custom, ""), out);
        let fields = json!({"item_id": id, "output_index": at, "delta": input});
        self.emit(&format!("{event}.delta"), fields, out);
        let mut fields = json!({"item_id": id, "output_index": at});
        fields[name] = input.into();
        self.emit(&format!("{event}.done"), fields, out);
        self.done(call_item(&id, "completed", call, is_custom, input), out);
    }

    fn opaque(&mut self, data: &Value, out: &mut Vec<u8>) {
        let Some(encrypted) = encrypted(data) else { return };
        if self.open.as_ref().is_some_and(|open| open.kind == Kind::Reasoning) {
            self.close("completed", Some(encrypted), out);
            return;
        }
        self.close("completed", None, out);
        let id = item_id("rs", &self.meta, self.output.len());
        self.added(&reasoning_item(&id, &[], None), out);
        self.done(reasoning_item(&id, &[], Some(encrypted)), out);
    }

    fn end(&mut self, reason: EndReason, usage: &Usage, out: &mut Vec<u8>) {
        let status = item_status(reason);
        self.close(status, None, out);
        let name = match status {
            "incomplete" => "response.incomplete",
            _ => "response.completed",
        };
        self.response(name, Status::Ended(reason, usage), out);
    }

    /// Some clients act on the error alone, others on the response that failed.
    fn fail(&mut self, failure: &Failure, usage: &Usage, out: &mut Vec<u8>) {
        self.close("incomplete", None, out);
        let mut event = failure.of_responses();
        event["sequence_number"] = self.sequence.into();
        sse::named(out, "error", &event);
        self.sequence += 1;
        self.response("response.failed", Status::Failed(failure, usage), out);
    }
}
