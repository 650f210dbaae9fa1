//! Tools without the server's own fields for them.
//!
//! Some models and templates know no tools: llama.cpp then takes them and says nothing (`wire-facts.md` §6.2). Two
//! modes do without. [`ToolMode::Constrained`] holds the whole answer to one schema, a union of an answer and a call of
//! each tool; the first key decides, so that an answer streams:
//!
//! ```text
//! {"answer": "Hello!"}
//! {"tool": "get_weather", "arguments": {"city": "Paris"}}
//! ```
//!
//! [`ToolMode::Text`] asks for `<tool_call>…</tool_call>`, which [`crate::calltext`] reads. In both the system prompt
//! describes the tools, and the calls and results of the conversation become text in the same form. The request is
//! rewritten before a dialect sees it, so that no dialect knows of modes.

mod describe;
mod history;
mod read;
mod schema;
mod string;
mod value;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use yabby_core::{Message, ModelRequest, Tool, ToolChoice, ToolMode};

pub(crate) use read::Reader;

use crate::dialect::Quirks;

/// The key of an answer.
const ANSWER: &str = "answer";
/// The keys of a call.
const TOOL: &str = "tool";
const ARGUMENTS: &str = "arguments";

/// What `mode` comes to for this request: where no tool may be called, nothing is described and nothing constrained.
pub(crate) fn effective(request: &ModelRequest, mode: ToolMode) -> ToolMode {
    match mode {
        ToolMode::Text | ToolMode::Constrained if offered(request).next().is_none() => ToolMode::None,
        mode => mode,
    }
}

/// The request as it is put into a dialect.
pub(crate) fn rewritten<'a>(request: Cow<'a, ModelRequest>, quirks: &Quirks) -> Cow<'a, ModelRequest> {
    let mode = effective(&request, quirks.tool_mode);
    let calls = |message: &Message| match message {
        Message::User { .. } => false,
        Message::Assistant { tool_calls, .. } => !tool_calls.is_empty(),
        Message::ToolResult { .. } => true,
    };
    let untouched = request.tools.is_empty() && !request.messages.iter().any(calls);
    if mode == ToolMode::Native || untouched {
        return request;
    }
    let structured = request.output_schema.is_some();
    let written = |message| history::written(message, mode, structured);
    Cow::Owned(ModelRequest {
        system: describe::system(&request, mode),
        messages: request.messages.iter().map(written).collect(),
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
        output_schema: match mode {
            ToolMode::Constrained => Some(schema::union(&request, quirks)),
            _ => request.output_schema.clone(),
        },
        extra_body: request.extra_body.clone(),
        ..*request
    })
}

/// The tools that the answer may call.
pub(crate) fn offered(request: &ModelRequest) -> impl Iterator<Item = &Tool> {
    request.tools.iter().filter(|tool| match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::Required => true,
        ToolChoice::None => false,
        ToolChoice::Named(name) => *name == tool.name,
    })
}

/// JSON with a space behind each colon and comma, as models write it: what they said is then in the server's cache.
fn spaced(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut out, Spaced));
    debug_assert!(written.is_ok(), "JSON values can be written to memory");
    String::from_utf8_lossy(&out).into_owned()
}

struct Spaced;

// === impl Spaced ===

impl Formatter for Spaced {
    fn begin_array_value<W: std::io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: std::io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: std::io::Write + ?Sized>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
