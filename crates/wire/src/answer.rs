//! The answer as it is being read: what all dialects do alike with what they find.

use std::sync::Arc;

use serde_json::Value;
use yabby_core::{EndReason, ModelEvent, ToolMode, Usage};

use crate::{
    arguments::Tools,
    calls::{Calls, Key, Known},
    calltext::Recogniser,
    decoder::Expectation,
    error::{Recovered, WireError},
    json, protocol,
    think::{Splitter, Start},
};

/// What a dialect's decoder writes to.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Answer {
    /// What has been found and not yet been handed on.
    pub events: Vec<ModelEvent>,
    /// The tool calls.
    pub calls: Calls,
    think: Splitter,
    written: Recogniser,
    /// Reads the text first, where a schema holds it to the protocol.
    protocol: Option<protocol::Reader>,
    known: Known,
    start: Start,
    /// The person has got something to read, or would have.
    spoke: bool,
    usage: Usage,
    served: bool,
    refused: bool,
    /// A call that is given out stood in the text.
    called_in_text: bool,
    end: Option<EndReason>,
    /// The most tokens that were asked for.
    limit: Option<u32>,
}

/// One reading dialect.
pub(crate) trait Decode: std::fmt::Debug + Send {
    /// Reads the data of one stream event.
    fn event(&mut self, name: Option<&str>, data: &Value, answer: &mut Answer) -> Result<(), WireError>;

    /// Reads an answer that came in one piece.
    fn whole(&mut self, body: &Value, answer: &mut Answer) -> Result<(), WireError>;

    /// The answer is over.
    fn finish(&mut self, _answer: &mut Answer) {}
}

/// The first of `fields` of `value` that is a string with something in it.
pub(crate) fn first_text<'a>(value: &'a Value, fields: &[&str]) -> Option<&'a str> {
    fields
        .iter()
        .map(|field| json::text(value, field))
        .find(|text| !text.is_empty())
}

/// The `text` of each part of an array of content parts whose type is one of `types`.
pub(crate) fn part_texts<'a>(parts: &'a Value, types: &'a [&str]) -> impl Iterator<Item = &'a str> {
    json::items(parts, "")
        .filter(|part| types.contains(&json::text(part, "/type")))
        .map(|part| json::text(part, "/text"))
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(expect: &Expectation) -> Self {
        let tools = Arc::new(Tools::new(expect));
        let start = if expect.may_start_in_reasoning {
            Start::MaybeReasoning
        } else {
            Start::Text
        };
        Self {
            events: Vec::new(),
            calls: Calls::default(),
            think: Splitter::new(start),
            start,
            spoke: false,
            written: Recogniser::new(tools.clone()),
            protocol: (expect.tool_mode == ToolMode::Constrained).then(|| protocol::Reader::new(expect.structured)),
            known: Known {
                tools,
                ids: expect.call_ids.clone(),
            },
            usage: Usage::default(),
            served: false,
            refused: false,
            called_in_text: false,
            end: None,
            limit: expect.max_output_tokens,
        }
    }

    /// A new block or item of text begins.
    pub(crate) fn block(&mut self) {
        self.visible(Splitter::block);
        let reads = self.protocol.as_ref().is_some_and(protocol::Reader::reads);
        if self.calls.is_empty() && !reads {
            self.written.block(&mut self.events);
        }
    }

    /// A piece of what the server calls the answer's text.
    pub(crate) fn text(&mut self, text: &str) {
        self.visible(|think, out| think.push(text, out));
    }

    /// What the splitter gives, without the calls in its text.
    fn visible(&mut self, split: impl FnOnce(&mut Splitter, &mut Vec<ModelEvent>)) {
        if !self.calls.is_empty() {
            self.written.stop(&mut self.events);
        }
        let mut found = Vec::new();
        split(&mut self.think, &mut found);
        for event in found {
            match (event, &mut self.protocol) {
                (ModelEvent::Text(text), protocol) => {
                    self.spoke |= !text.trim().is_empty();
                    match protocol {
                        Some(protocol) => protocol.push(&text, &mut self.written, &mut self.events),
                        None => self.written.push(&text, &mut self.events),
                    }
                }
                (event, _) => self.events.push(event),
            }
        }
    }

    /// A piece of what the server calls reasoning.
    pub(crate) fn reasoning(&mut self, text: &str) {
        if !text.is_empty() {
            self.visible(Splitter::told_apart);
            self.events.push(ModelEvent::Reasoning(text.to_owned()));
        }
    }

    /// A part that only the server can read.
    pub(crate) fn opaque(&mut self, data: Value) {
        self.events.push(ModelEvent::Opaque(data));
    }

    /// A piece of a refusal: the person reads it as text.
    pub(crate) fn refusal(&mut self, text: &str) {
        if !text.is_empty() {
            self.refused = true;
            self.text(text);
        }
    }

    /// Token counts; told when they say something new. A prompt has tokens, so zero means "not counted"
    /// (LiteLLM's `message_start`, `wire-facts.md` §7.2).
    pub(crate) fn usage(&mut self, mut usage: Usage) {
        if usage.input_tokens == Some(0) {
            usage.input_tokens = None;
            usage.cached_tokens = None;
            usage.cache_write_tokens = None;
        }
        let before = self.usage;
        self.usage.update(usage);
        if self.usage != before {
            self.events.push(ModelEvent::Usage(self.usage));
        }
    }

    /// llama.cpp's `timings`: counts where `usage` was not asked for (`wire-facts.md` §6.2).
    pub(crate) fn timings(&mut self, data: &Value) {
        let Some(timings) = data.get("timings").filter(|timings| timings.is_object()) else {
            return;
        };
        let cached = json::count(timings, "/cache_n");
        let read = json::count(timings, "/prompt_n");
        self.usage(Usage {
            input_tokens: read.map(|read| read.saturating_add(cached.unwrap_or(0))),
            cached_tokens: cached,
            cache_write_tokens: None,
            output_tokens: json::count(timings, "/predicted_n"),
            reasoning_tokens: None,
            cost: None,
        });
    }

    /// The model that the server names; only the first one is told.
    pub(crate) fn served_by(&mut self, model: &str) {
        if !model.is_empty() && !std::mem::replace(&mut self.served, true) {
            self.events.push(ModelEvent::ServedBy(model.to_owned()));
        }
    }

    /// The server said why the answer ended.
    pub(crate) fn ended(&mut self, reason: EndReason) {
        self.end = Some(reason);
    }

    /// The server said that the answer has ended, but not why.
    pub(crate) fn ended_somehow(&mut self) {
        self.end.get_or_insert(EndReason::Unknown);
    }

    /// Whether the server has said that the answer ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    /// Whether calls were taken out of the text, because the server has read none.
    pub(crate) fn called_in_text(&self) -> bool {
        self.called_in_text
    }

    /// Gives what was held back, the calls and the end; or the error that the answer is not complete.
    pub(crate) fn finish(&mut self) -> Result<(), WireError> {
        let end = match self.end {
            // llama.cpp's Responses say "completed", and LiteLLM's Messages "end_turn", when the limit ended the
            // answer (`wire-facts.md` §6.3, §7.2).
            Some(EndReason::Stop) if self.at_limit() => EndReason::Length,
            Some(end) => end,
            None => return Err(WireError::interrupted("the connection ended before the answer did")),
        };
        let cut = end == EndReason::Length;
        self.visible(|think, out| think.finish(cut, out));
        let held = self
            .protocol
            .as_mut()
            .and_then(|protocol| protocol.finish(cut, &mut self.written, &mut self.events))
            // The server's own calls win.
            .filter(|_| self.calls.is_empty());
        let written = self.written.finish(cut, &mut self.events);
        // A limit that came after a whole call cut off nothing of it.
        self.called_in_text = held.is_some() || !written.is_empty();
        let called = held.is_some() || (!written.is_empty() && self.written.ends_with_call());
        let written = written
            .into_iter()
            .map(|call| (call.name, Value::Object(call.arguments)));
        for (index, (name, arguments)) in (0_u64..).zip(held.into_iter().chain(written)) {
            self.calls.open(Key::Index(index), "", &name)?;
            self.calls.replace(Key::Index(index), &arguments.to_string())?;
        }
        let calls = self.calls.finish(cut, &self.known, &mut self.events);
        let reason = match end {
            EndReason::Stop | EndReason::Unknown if self.refused => EndReason::Refused,
            // vLLM ends a named call with `stop` (`wire-facts.md` §7.1).
            EndReason::Stop | EndReason::Unknown if calls > 0 => EndReason::ToolCalls,
            EndReason::Length if called => EndReason::ToolCalls,
            EndReason::ToolCalls if calls == 0 => EndReason::Unknown,
            reason => reason,
        };
        self.events.push(ModelEvent::End(reason));
        Ok(())
    }

    /// Reads what the server could not read as the text of the answer, and ends the answer with it. False, with
    /// nothing changed that shows, when that gives nothing to rely on.
    ///
    /// A server has told of a call already while it came when the text has that call from its beginning. Of what is
    /// not all that the model wrote only calls are taken: its words may belong to a thought.
    pub(crate) fn recover(&mut self, recovered: &Recovered) -> bool {
        if self.known.tools.is_empty() || self.spoke {
            return false;
        }
        let begun = std::mem::take(&mut self.calls);
        let mut before = std::mem::take(&mut self.events);
        // What was held back because it may be reasoning came before the text, and is.
        let mut held = Vec::new();
        std::mem::replace(&mut self.think, Splitter::new(self.start)).finish(true, &mut held);
        before.extend(
            held.into_iter()
                .filter(|event| matches!(event, ModelEvent::Reasoning(_))),
        );
        if !recovered.from_start {
            self.think = Splitter::new(Start::MaybeReasoning);
        }
        self.written = Recogniser::new(self.known.tools.clone());
        self.text(&recovered.text);
        self.ended(EndReason::Stop);
        let finished = self.finish().is_ok();
        let mut found = std::mem::replace(&mut self.events, before);
        if !recovered.from_start {
            found.retain(|event| !matches!(event, ModelEvent::Text(_)));
        }
        if !finished || !is_whole(&found, &begun, &self.known.tools) {
            self.end = None;
            return false;
        }
        self.events.extend(found);
        true
    }

    fn at_limit(&self) -> bool {
        let counted = self.usage.output_tokens.zip(self.limit);
        counted.is_some_and(|(output, limit)| output >= limit)
    }
}

/// Whether an answer that was `found` in a text can be given out: with the calls that had `begun`, or else with words.
/// Text that begins with a mark is a call that nobody could read, or what is left of one
/// (`ggml-org/llama.cpp#20761`: `</tool_call>`).
fn is_whole(found: &[ModelEvent], begun: &Calls, tools: &Tools) -> bool {
    let mut text = String::new();
    let mut calls = Vec::new();
    for event in found {
        match event {
            ModelEvent::Text(piece) => text.push_str(piece),
            ModelEvent::ToolCall(call) => calls.push(call.name.as_str()),
            _ => {}
        }
    }
    let text = text.trim_start();
    let mut begun = begun.names().map(|name| tools.known(name).unwrap_or(name));
    let has_words = !text.is_empty() || !calls.is_empty();
    let mut calls = calls.into_iter();
    has_words && !text.starts_with(['<', '[']) && begun.all(|name| calls.next() == Some(name))
}
