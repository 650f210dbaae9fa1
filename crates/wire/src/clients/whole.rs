//! An answer in one piece.

use serde_json::{Map, Value};
use yabby_core::{EndReason, MalformedCall, ModelEvent, ToolCall, Usage};

use super::{api::Api, chat, encoder::Meta, failure::Failure, messages, responses};

/// Collects one answer and writes it as one JSON object.
#[derive(Debug)]
pub struct WholeEncoder {
    meta: Meta,
    parts: Vec<Part>,
    usage: Usage,
}

/// A part of an answer. Pieces of the same kind are one part.
#[derive(Debug)]
pub(super) enum Part {
    Reasoning(String),
    Text(String),
    Call(Call),
    /// A part that only its server can read; it belongs to the reasoning before it, if there is some.
    Opaque(Value),
}

/// A call as a client gets it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// As JSON, or as the model wrote it where that is none.
    pub(super) arguments: String,
    /// As an object; empty where it is none.
    pub(super) object: Map<String, Value>,
}

// === impl Call ===

impl Call {
    pub(super) fn of(call: &ToolCall) -> Self {
        Self {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: Value::Object(call.arguments.clone()).to_string(),
            object: call.arguments.clone(),
        }
    }

    /// The client runs its tools itself, and tells the model itself what is wrong.
    pub(super) fn of_malformed(call: &MalformedCall) -> Self {
        let ToolCall { id, name, arguments } = call.as_call();
        Self {
            id,
            name,
            arguments: call.arguments.clone(),
            object: arguments,
        }
    }

    /// The text that a tool gets whose input is plain text.
    pub(super) fn input(&self) -> &str {
        let input = self.object.get("input").and_then(Value::as_str);
        input.unwrap_or(&self.arguments)
    }
}

// === impl WholeEncoder ===

impl WholeEncoder {
    /// An encoder for one answer.
    pub fn new(meta: Meta) -> Self {
        Self {
            meta,
            parts: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Takes what an event says; progress and the end say nothing here.
    pub fn event(&mut self, event: &ModelEvent) {
        match (event, self.parts.last_mut()) {
            (ModelEvent::Text(text), Some(Part::Text(said))) => said.push_str(text),
            (ModelEvent::Text(text), _) if !text.is_empty() => self.parts.push(Part::Text(text.clone())),
            (ModelEvent::Reasoning(text), Some(Part::Reasoning(thought))) => thought.push_str(text),
            (ModelEvent::Reasoning(text), _) if self.meta.reasoning && !text.is_empty() => {
                self.parts.push(Part::Reasoning(text.clone()));
            }
            (ModelEvent::Opaque(data), _) if self.meta.reasoning => self.parts.push(Part::Opaque(data.clone())),
            (ModelEvent::ToolCall(call), _) => self.parts.push(Part::Call(Call::of(call))),
            (ModelEvent::MalformedCall(call), _) => self.parts.push(Part::Call(Call::of_malformed(call))),
            (ModelEvent::Usage(usage), _) => self.usage.update(*usage),
            _ => {}
        }
    }

    /// The whole answer. Counts that `usage` has replace those of events.
    pub fn end(mut self, reason: EndReason, usage: Usage) -> Vec<u8> {
        self.usage.update(usage);
        let Self { meta, parts, usage } = self;
        let body = match meta.api {
            Api::Chat => chat::whole(&meta, parts, &usage, reason),
            Api::Responses => return responses::whole(&meta, parts, responses::Status::Ended(reason, &usage)),
            Api::Messages => messages::whole(&meta, parts, &usage, reason),
        };
        body.to_string().into_bytes()
    }

    /// The answer when there is nothing of it yet. Only Responses has a form for that; of the others it is an empty answer.
    pub fn begun(meta: Meta) -> Vec<u8> {
        match meta.api {
            Api::Responses => responses::whole(&meta, Vec::new(), responses::Status::InProgress),
            Api::Chat | Api::Messages => Self::new(meta).end(EndReason::Unknown, Usage::default()),
        }
    }

    /// The answer when it has come to nothing: of Responses with what there was of it, of the others the error alone.
    pub fn failed(self, failure: &Failure, usage: Usage) -> Vec<u8> {
        let Self {
            meta,
            parts,
            usage: mut used,
        } = self;
        used.update(usage);
        match meta.api {
            Api::Responses => responses::whole(&meta, parts, responses::Status::Failed(failure, &used)),
            Api::Chat | Api::Messages => failure.body(meta.api),
        }
    }
}
