//! From the bytes of an answer to events.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;
use yabby_core::{ErrorKind, Message, ModelEvent, ModelRequest, Progress, Tool, ToolMode};

use crate::{
    answer::{Answer, Decode},
    chat, classify,
    dialect::{Dialect, Quirks},
    error::WireError,
    json, messages,
    ndjson::Lines,
    ollama, protocol, reshape, responses,
    sse::{Frame, Framer, MAX_EVENT, TooLarge},
};

/// How the body of an answer travels, as its `content-type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `text/event-stream`.
    EventStream,
    /// `application/x-ndjson`: one JSON document a line.
    Lines,
    /// One JSON document.
    Json,
}

/// What the request lets one expect of its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Expectation {
    /// The names of the tools that the request offers: those that the answer may call.
    pub tools: Vec<String>,
    /// The JSON Schemas of their arguments, by name, as the tools gave them: what a model writes is made to fit them
    /// and checked. A tool may be missing here; then any object will do.
    pub schemas: BTreeMap<String, Value>,
    /// How the tools were offered, if they were: [`ToolMode::None`] where none may be called.
    pub tool_mode: ToolMode,
    /// The request has a schema of its own for the answer.
    pub structured: bool,
    /// A text that is nothing but a call is one, whatever it names (`ModelRequest::any_call`).
    pub any_call: bool,
    /// The most tokens that the answer may have, as it was asked for. llama.cpp's Responses says "completed" when
    /// this limit ended the answer (`wire-facts.md` §6.3).
    pub max_output_tokens: Option<u32>,
    /// The chat template may open a reasoning block in the prompt, so that the text begins inside it. Text is then
    /// held back until `</think>` or the end decides.
    pub may_start_in_reasoning: bool,
    /// Chat only: the reasoning goes back with the answer in later requests (`DeepSeek` and others that think between
    /// tool calls), so it is kept.
    pub replays_reasoning: bool,
    /// Tool call ids that the conversation has already; new calls get others.
    pub call_ids: Vec<String>,
}

/// Reads one answer of any dialect.
///
/// The announced [`BodyKind`] is only a hint: a JSON error in a stream, or a stream announced as JSON, is seen by
/// its first byte.
#[derive(Debug)]
pub struct Decoder {
    dialect: Box<dyn Decode>,
    /// What begins as a JSON object is read line by line: a whole answer is then a stream of one line.
    in_lines: bool,
    answer: Answer,
    body: Body,
    state: State,
}

#[derive(Debug)]
enum Body {
    /// Nothing but white space has come.
    Unknown(BodyKind),
    Stream(Framer),
    /// `begun` once a line has been read.
    Lines {
        lines: Lines,
        begun: bool,
    },
    Json(Vec<u8>),
}

#[derive(Debug)]
enum State {
    Reading,
    /// The end has been given.
    Ended,
    Failed(WireError),
}

// === impl BodyKind ===

impl BodyKind {
    /// What a `content-type` announces.
    pub fn from_content_type(content_type: Option<&str>) -> Self {
        let content_type = content_type.unwrap_or_default().trim_start().to_ascii_lowercase();
        if content_type.starts_with("text/event-stream") {
            Self::EventStream
        } else if content_type.starts_with("application/x-ndjson") {
            Self::Lines
        } else {
            Self::Json
        }
    }
}

// === impl Expectation ===

impl Expectation {
    /// What `request` lets one expect where nothing is special about its endpoint.
    pub fn of(request: &ModelRequest) -> Self {
        let quirks = Quirks {
            tool_mode: request.tool_mode.unwrap_or_default(),
            ..Quirks::default()
        };
        Self::with(request, &quirks)
    }

    /// What `request` lets one expect, encoded with these quirks. Only a tool that was offered may be called.
    pub fn with(request: &ModelRequest, quirks: &Quirks) -> Self {
        let request = reshape::released(Cow::Borrowed(request), quirks);
        let tool_mode = protocol::effective(&request, quirks.tool_mode);
        let tools: Vec<&Tool> = match tool_mode {
            ToolMode::None => Vec::new(),
            ToolMode::Native | ToolMode::Text | ToolMode::Constrained => protocol::offered(&request).collect(),
        };
        let calls = request.messages.iter().flat_map(|message| match message {
            Message::Assistant { tool_calls, .. } => tool_calls.as_slice(),
            Message::User { .. } | Message::ToolResult { .. } => &[],
        });
        Self {
            tools: tools.iter().map(|tool| tool.name.clone()).collect(),
            schemas: tools
                .iter()
                .map(|tool| (tool.name.clone(), tool.parameters.clone()))
                .collect(),
            tool_mode,
            structured: request.output_schema.is_some(),
            any_call: request.any_call && !request.tools.is_empty(),
            max_output_tokens: request.max_output_tokens,
            may_start_in_reasoning: false,
            replays_reasoning: quirks.replays_reasoning,
            call_ids: calls.map(|call| call.id.clone()).collect(),
        }
    }
}

// === impl Decoder ===

impl Decoder {
    /// A decoder for one answer.
    pub fn new(dialect: Dialect, body: BodyKind, expect: &Expectation) -> Self {
        Self {
            dialect: match dialect {
                Dialect::Chat => Box::new(chat::Reader::new(expect.replays_reasoning)),
                Dialect::Responses => Box::new(responses::Reader::default()),
                Dialect::Messages => Box::new(messages::Reader::default()),
                Dialect::Ollama => Box::new(ollama::Reader::default()),
            },
            in_lines: dialect == Dialect::Ollama,
            answer: Answer::new(expect),
            body: Body::Unknown(body),
            state: State::Reading,
        }
    }

    /// Reads bytes as they come, cut anywhere; events are added to `out`, also when an error comes after them.
    /// After an error nothing more is read.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<ModelEvent>) -> Result<(), WireError> {
        if !matches!(self.state, State::Reading) {
            return Ok(());
        }
        let result = self.read(bytes).or_else(|error| self.take_up(error));
        self.settle(result, out)
    }

    /// An error that came instead of an answer, as [`crate::classify()`] gives it: when it has what the model wrote
    /// ([`WireError::recovered`]) and the request offered tools, that is read as the answer; otherwise the error
    /// comes back. For an error inside an answer the decoder does so by itself.
    pub fn recover(&mut self, error: WireError, out: &mut Vec<ModelEvent>) -> Result<(), WireError> {
        let result = self.take_up(error);
        self.settle(result, out)
    }

    fn take_up(&mut self, error: WireError) -> Result<(), WireError> {
        let Some(recovered) = &error.recovered else {
            return Err(error);
        };
        self.dialect.finish(&mut self.answer);
        if !self.answer.recover(recovered) {
            return Err(error);
        }
        self.state = State::Ended;
        Ok(())
    }

    /// The connection has ended: gives the one [`ModelEvent::End`], or the error that the answer was not complete.
    /// After an error it is that error again.
    pub fn finish(&mut self, out: &mut Vec<ModelEvent>) -> Result<(), WireError> {
        match &self.state {
            State::Ended => return Ok(()),
            State::Failed(error) => return Err(error.clone()),
            State::Reading => {}
        }
        let ended = self.end_of_body().and_then(|()| {
            self.dialect.finish(&mut self.answer);
            self.answer.finish()
        });
        let result = ended.or_else(|error| self.take_up(error));
        if result.is_ok() {
            self.state = State::Ended;
        }
        self.settle(result, out)
    }

    /// Whether the server has said that the answer ended. What may still come are token counts and `[DONE]`, so a
    /// caller need not wait long for a connection that stays open.
    pub fn is_complete(&self) -> bool {
        self.answer.is_complete()
    }

    /// Whether calls were taken out of the text of the answer, because its server has read none there. Known after the
    /// end.
    pub fn called_in_text(&self) -> bool {
        self.answer.called_in_text()
    }

    fn settle(&mut self, result: Result<(), WireError>, out: &mut Vec<ModelEvent>) -> Result<(), WireError> {
        out.append(&mut self.answer.events);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        result
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let bytes = self.look(bytes);
        let (mut frames, mut lines) = (Vec::new(), Vec::new());
        let result = match &mut self.body {
            Body::Unknown(_) => return Ok(()),
            Body::Stream(stream) => stream.push(bytes, &mut frames),
            Body::Lines { lines: framer, .. } => framer.push(bytes, &mut lines),
            Body::Json(body) if body.len() + bytes.len() > MAX_EVENT => Err(TooLarge),
            Body::Json(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
        };
        self.frames(frames, false)?;
        self.lines(lines)?;
        result.map_err(|TooLarge| WireError::malformed("a single event of the answer has more than 16 MiB"))
    }

    /// Decides by the first byte what the body is; returns the bytes from there.
    fn look<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Body::Unknown(hint) = self.body else {
            return bytes;
        };
        // A byte order mark may come in pieces; none of its bytes begins anything else.
        let blank = |byte: &u8| byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(byte);
        let Some(at) = bytes.iter().position(|byte| !blank(byte)) else {
            return &[];
        };
        let stream = match bytes[at] {
            b'{' if self.in_lines => {
                self.body = Body::Lines {
                    lines: Lines::default(),
                    begun: false,
                };
                return &bytes[at..];
            }
            b'{' | b'[' | b'<' => false,
            // The fields of an event stream, and a comment; no JSON value of an answer begins so.
            b':' | b'd' | b'e' | b'i' | b'r' => true,
            _ => hint == BodyKind::EventStream,
        };
        self.body = if stream {
            Body::Stream(Framer::default())
        } else {
            Body::Json(Vec::new())
        };
        &bytes[at..]
    }

    fn end_of_body(&mut self) -> Result<(), WireError> {
        let mut frames = Vec::new();
        match &mut self.body {
            Body::Unknown(_) => {}
            Body::Stream(stream) => {
                let result = stream.finish(&mut frames);
                self.frames(frames, true)?;
                result.map_err(|TooLarge| WireError::malformed("a single event of the answer has more than 16 MiB"))?;
            }
            Body::Lines { lines, .. } => {
                let line = lines.finish();
                self.line(&line, true)?;
            }
            Body::Json(body) => {
                let body = std::mem::take(body);
                self.whole(&body)?;
            }
        }
        Ok(())
    }

    fn lines(&mut self, lines: Vec<Vec<u8>>) -> Result<(), WireError> {
        let mut lines = lines.into_iter();
        while let Some(line) = lines.next() {
            let Body::Lines { lines: framer, begun } = &mut self.body else {
                return Ok(());
            };
            // A body begins with a `{`, so this line is not empty.
            let first = !std::mem::replace(begun, true);
            if first && is_cut(&line) {
                // One document over several lines: somebody has made a whole answer pretty.
                let mut body = line;
                body.push(b'\n');
                for line in lines {
                    body.extend(line);
                    body.push(b'\n');
                }
                body.extend(framer.finish());
                self.body = Body::Json(body);
                return Ok(());
            }
            self.line(&line, false)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], at_end: bool) -> Result<(), WireError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let before = self.answer.events.len();
        self.event(None, &String::from_utf8_lossy(line), at_end)?;
        if self.answer.events.len() == before {
            self.answer.events.push(ModelEvent::Progress(Progress::Alive));
        }
        Ok(())
    }

    fn frames(&mut self, frames: Vec<Frame>, at_end: bool) -> Result<(), WireError> {
        for frame in frames {
            let before = self.answer.events.len();
            match frame {
                Frame::Comment(comment) => self
                    .answer
                    .events
                    .push(ModelEvent::Progress(comment_progress(&comment))),
                Frame::Event { name, data } => self.event(name.as_deref(), &data, at_end)?,
            }
            if self.answer.events.len() == before {
                self.answer.events.push(ModelEvent::Progress(Progress::Alive));
            }
        }
        Ok(())
    }

    fn event(&mut self, name: Option<&str>, data: &str, at_end: bool) -> Result<(), WireError> {
        let data = data.trim();
        if data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            self.answer.ended_somehow();
            return Ok(());
        }
        if let Ok(value) = serde_json::from_str::<Value>(data) {
            return self.value(name, &value);
        }
        if name == Some("error") {
            return Err(classify::of_text(data));
        }
        // Servers that forget the empty line between events give several documents, one a line.
        let lines: Result<Vec<Value>, _> = data
            .lines()
            .filter(|line| !line.trim().is_empty() && line.trim() != "[DONE]")
            .map(serde_json::from_str)
            .collect();
        match lines {
            Ok(values) => {
                for value in values {
                    self.value(name, &value)?;
                }
                if data.lines().any(|line| line.trim() == "[DONE]") {
                    self.answer.ended_somehow();
                }
                Ok(())
            }
            // The connection ended inside the document; whether the answer was complete is known without it.
            Err(_) if at_end => Ok(()),
            Err(_) => Err(WireError::malformed(&format!(
                "an event of the answer is not JSON: {data}"
            ))),
        }
    }

    fn value(&mut self, name: Option<&str>, value: &Value) -> Result<(), WireError> {
        if !value.is_object() {
            return Ok(());
        }
        if let Some(error) = classify::inside(name, value) {
            return Err(error);
        }
        if let (Some(done), Some(total)) = (
            json::count(value, "/prompt_progress/processed"),
            json::count(value, "/prompt_progress/total"),
        ) {
            self.answer
                .events
                .push(ModelEvent::Progress(Progress::Prefill { done, total }));
        }
        self.answer.timings(value);
        self.dialect.event(name, value, &mut self.answer)
    }

    fn whole(&mut self, body: &[u8]) -> Result<(), WireError> {
        let value = match serde_json::from_slice::<Value>(body) {
            Ok(value) => value,
            Err(error) if error.is_eof() => {
                return Err(WireError::interrupted("the connection ended before the answer did"));
            }
            Err(_) => return Err(classify::not_json(body)),
        };
        if let Some(error) = classify::inside(None, &value) {
            return Err(error);
        }
        self.answer.timings(&value);
        self.dialect.whole(&value, &mut self.answer)?;
        if !self.answer.is_complete() {
            return Err(WireError::new(
                ErrorKind::Malformed,
                "the answer has none of the fields of its dialect",
            ));
        }
        Ok(())
    }
}

/// Whether the JSON in `line` goes on behind its end.
fn is_cut(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

/// What a comment tells: mlx-lm writes `keepalive done/total` while it reads the prompt (`wire-facts.md` §7.9).
fn comment_progress(comment: &str) -> Progress {
    let numbers = comment
        .trim()
        .strip_prefix("keepalive ")
        .and_then(|numbers| numbers.split_once('/'))
        .and_then(|(done, total)| Some((done.trim().parse().ok()?, total.trim().parse().ok()?)));
    match numbers {
        Some((done, total)) => Progress::Prefill { done, total },
        None => Progress::Alive,
    }
}
