//! An answer as a stream of events, in the API that the client called.

use serde_json::{Map, Value};
use yabby_core::{EndReason, ModelEvent, Progress, Usage};

use super::{api::Api, chat, failure::Failure, messages, request::ClientRequest, responses, sse, whole::Call};

/// What stands around an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// The API that the client called.
    pub api: Api,
    /// The id of the answer: `chatcmpl-…`, `resp_…` or `msg_…`.
    pub id: String,
    /// The model that the client shall read.
    pub model: String,
    /// When the answer was begun, in seconds since 1970.
    pub created: u64,
    /// Whether reasoning is shown.
    pub reasoning: bool,
    /// Whether a Chat stream ends with token counts; the other APIs always have them.
    pub include_usage: bool,
    /// Tools whose input is plain text (Responses).
    pub custom_tools: Vec<String>,
    /// The fields of the request that a response repeats (Responses).
    pub echo: Map<String, Value>,
}

/// Writes one answer as server-sent events. Nothing is written behind an end or an error.
#[derive(Debug)]
pub struct StreamEncoder {
    reasoning: bool,
    writer: Box<dyn Writer>,
    usage: Usage,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fresh,
    Open,
    Over,
}

/// One API being written.
pub(super) trait Writer: std::fmt::Debug + Send {
    /// The events that open a stream.
    fn start(&mut self, usage: &Usage, out: &mut Vec<u8>);

    /// A sign of life.
    fn progress(&mut self, progress: Progress, out: &mut Vec<u8>) {
        sse::comment(out, progress);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>);

    fn text(&mut self, text: &str, out: &mut Vec<u8>);

    fn call(&mut self, call: &Call, out: &mut Vec<u8>);

    /// A part that only its server can read.
    fn opaque(&mut self, data: &Value, out: &mut Vec<u8>);

    fn end(&mut self, reason: EndReason, usage: &Usage, out: &mut Vec<u8>);

    fn fail(&mut self, failure: &Failure, usage: &Usage, out: &mut Vec<u8>);
}

// === impl Meta ===

impl Meta {
    /// What stands around the answer to `request`. Made before anything is added to the request, so that a client is told
    /// what it has sent.
    pub fn new(request: &ClientRequest, id: impl Into<String>, model: impl Into<String>, created: u64) -> Self {
        Self {
            api: request.api,
            id: id.into(),
            model: model.into(),
            created,
            reasoning: request.wants_reasoning.unwrap_or(false),
            include_usage: request.include_usage,
            custom_tools: request.custom_tools.clone(),
            echo: match request.api {
                Api::Responses => responses::echo(request),
                Api::Chat | Api::Messages => Map::new(),
            },
        }
    }
}

// === impl StreamEncoder ===

impl StreamEncoder {
    /// An encoder for one answer.
    pub fn new(meta: Meta) -> Self {
        Self {
            reasoning: meta.reasoning,
            writer: match meta.api {
                Api::Chat => Box::new(chat::Stream::new(&meta)),
                Api::Responses => Box::new(responses::Stream::new(meta)),
                Api::Messages => Box::new(messages::Stream::new(meta)),
            },
            usage: Usage::default(),
            state: State::Fresh,
        }
    }

    /// Opens the stream, if nothing has yet. The first piece of the answer does it too; progress does not, so that an
    /// answer that has not begun can be another's.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        if self.state == State::Fresh {
            self.state = State::Open;
            self.writer.start(&self.usage, out);
        }
    }

    /// Writes what an event says. [`ModelEvent::End`] ends the stream with the counts that came before it.
    pub fn event(&mut self, event: &ModelEvent, out: &mut Vec<u8>) {
        if self.state == State::Over {
            return;
        }
        match event {
            ModelEvent::Progress(progress) => self.writer.progress(*progress, out),
            ModelEvent::Reasoning(text) if self.reasoning && !text.is_empty() => {
                self.start(out);
                self.writer.reasoning(text, out);
            }
            ModelEvent::Text(text) if !text.is_empty() => {
                self.start(out);
                self.writer.text(text, out);
            }
            ModelEvent::ToolCall(call) => {
                self.start(out);
                self.writer.call(&Call::of(call), out);
            }
            ModelEvent::MalformedCall(call) => {
                self.start(out);
                self.writer.call(&Call::of_malformed(call), out);
            }
            ModelEvent::Opaque(data) if self.reasoning => {
                self.start(out);
                self.writer.opaque(data, out);
            }
            ModelEvent::Usage(usage) => self.usage.update(*usage),
            ModelEvent::End(reason) => self.end(*reason, Usage::default(), out),
            ModelEvent::Reasoning(_) | ModelEvent::Text(_) | ModelEvent::Opaque(_) | ModelEvent::ServedBy(_) => {}
        }
    }

    /// Ends the stream. Counts that `usage` has replace those of earlier events.
    pub fn end(&mut self, reason: EndReason, usage: Usage, out: &mut Vec<u8>) {
        if self.state == State::Over {
            return;
        }
        self.usage.update(usage);
        self.start(out);
        self.state = State::Over;
        self.writer.end(reason, &self.usage, out);
    }

    /// Ends the stream with an error.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.state == State::Over {
            return;
        }
        self.start(out);
        self.state = State::Over;
        self.writer.fail(failure, &self.usage, out);
    }

    /// Whether the stream has been opened.
    pub fn is_open(&self) -> bool {
        self.state != State::Fresh
    }
}
