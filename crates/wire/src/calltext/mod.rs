//! Takes tool calls out of the visible text.
//!
//! A model whose server has no parser for its calls writes them into the answer, each family in its own form
//! (`wire-facts.md` §3). A call counts only when it names a registered tool and its arguments fit the tool's
//! schema, once they are read as leniently as those of any call (`arguments`); everything else stays text, byte for
//! byte. Which places count:
//!
//! - A form with marks of its own counts anywhere outside code; `to=f` and `call:f{…}` count at the beginning of a
//!   line.
//! - JSON and Python calls without marks, and any call in a fence, count only when the whole answer is calls
//!   (`xllamacpp-b11549-qwen1.5b/chat_tools_auto.txt`).
//! - A call that a limit cut off stays text.
//!
//! For an assistant (`ModelRequest::any_call`) it also counts when nobody has registered its tool or its arguments do not
//! fit: as JSON, where it is the whole answer or stands between marks, and in the forms of `<function=…>` and `<invoke …>`.
//! Nobody wants to read it, and the model is told what is wrong. A JSON call that an answer begins with counts too, when it
//! names a registered tool and more follows on other lines: small models go on with what they make up of its result
//! (`hello` to Qwen2.5-Coder-1.5B on llama.cpp). That is dropped, so that nobody takes it for what the tool has said.
//!
//! Held back is only what may still become a call, and white space, which is dropped before a call. A reader of a
//! family is a function over a [`cursor::Cursor`] that says "more" where the text ends too early.

use std::sync::Arc;

use cursor::{Cursor, Ending, Read, Stop};
use serde_json::Value;
use tools::Tools;
use yabby_core::ModelEvent;

use crate::arguments;

mod code;
mod cursor;
mod objects;
mod tagged;
mod tools;
mod value;
mod xml;

pub(crate) use tools::Found;

type Reader = fn(&mut Cursor<'_>, &Tools) -> Read<Vec<Found>>;

/// The families with marks of their own.
const MARKED: [Reader; 15] = [
    tagged::tool_call,
    xml::bare_function,
    xml::invoke,
    tagged::olmo,
    tagged::mistral,
    tagged::harmony,
    tagged::gemma,
    tagged::kimi,
    tagged::deepseek,
    tagged::python_tag,
    tagged::lfm2,
    tagged::cohere,
    tagged::tool_request,
    tagged::bracketed_name,
    tagged::route_llm,
];

/// Those that begin with a word.
const AT_LINE_START: [Reader; 2] = [tagged::harmony, tagged::bare_gemma];

/// The most bytes that are held back for one call.
const MAX_HELD: usize = 1024 * 1024;

/// More than this is looked at again only after it has grown by a part, so that a long call costs linear time.
const OFTEN: usize = 16 * 1024;

/// The incremental recogniser.
#[derive(Debug)]
pub(crate) struct Recogniser {
    tools: Tools,
    code: code::Code,
    /// Text that has not been given out.
    held: String,
    /// The bytes of it that are known to be white space before something.
    followed: usize,
    /// The size at which what is held is looked at again.
    again: usize,
    /// All there was so far may be calls without marks.
    whole: bool,
    /// A call was the last that was not white space.
    after_call: bool,
    /// What comes now is made up.
    made_up: bool,
    found: Vec<(Found, String)>,
}

/// Reads with the first reader that fits.
fn first(readers: &[Reader], c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    let mut stopped = Stop::No;
    for reader in readers {
        let mut ahead = *c;
        match reader(&mut ahead, tools) {
            // A reader before this one may still fit.
            Ok(_) if stopped == Stop::More => return Err(Stop::More),
            Ok(found) => {
                *c = ahead;
                return Ok(found);
            }
            Err(Stop::More) => stopped = Stop::More,
            Err(Stop::No) => {}
        }
    }
    Err(stopped)
}

/// A call of a family with marks of its own.
fn marked(c: &mut Cursor<'_>, tools: &Tools) -> Read<Vec<Found>> {
    first(&MARKED, c, tools)
}

/// The JSON documents in a row that `raw` holds, with the faults that models make: a comma before a closing bracket,
/// raw line ends in strings.
pub(crate) fn loose_json(raw: &str) -> Option<Vec<Value>> {
    let mut c = Cursor::new(raw, Ending::Ended);
    let mut found = Vec::new();
    loop {
        c.space();
        if c.rest().is_empty() {
            return Some(found);
        }
        found.push(value::value(&mut c, value::Style::Json).ok()?);
    }
}

fn emit(text: &str, out: &mut Vec<ModelEvent>) {
    if !text.is_empty() {
        out.push(ModelEvent::Text(text.to_owned()));
    }
}

// === impl Recogniser ===

impl Recogniser {
    pub(crate) fn new(tools: Arc<arguments::Tools>) -> Self {
        Self {
            tools: Tools::new(tools),
            code: code::Code::new(),
            held: String::new(),
            followed: 0,
            again: 0,
            whole: true,
            after_call: false,
            made_up: false,
            found: Vec::new(),
        }
    }

    /// Takes the next piece of visible text.
    pub(crate) fn push(&mut self, piece: &str, out: &mut Vec<ModelEvent>) {
        if self.tools.is_empty() {
            emit(piece, out);
            return;
        }
        if self.made_up {
            return;
        }
        self.held.push_str(piece);
        if self.held.len() >= self.again {
            self.scan(Ending::Open, out);
        }
    }

    /// A new content block begins: no line and no fence goes on from the one before.
    pub(crate) fn block(&mut self, out: &mut Vec<ModelEvent>) {
        if !self.whole && !self.tools.is_empty() {
            self.scan(Ending::Ended, out);
            self.code = code::Code::new();
        }
    }

    /// Text is only text from here: the server reads calls itself.
    pub(crate) fn stop(&mut self, out: &mut Vec<ModelEvent>) {
        if self.tools.is_empty() {
            return;
        }
        for (_, raw) in self.found.drain(..) {
            emit(&raw, out);
        }
        emit(&std::mem::take(&mut self.held), out);
        self.tools = Tools::default();
    }

    /// The answer is over; `cut` when a limit ended it.
    pub(crate) fn finish(&mut self, cut: bool, out: &mut Vec<ModelEvent>) -> Vec<Found> {
        self.scan(if cut { Ending::Cut } else { Ending::Ended }, out);
        self.found.drain(..).map(|(found, _)| found).collect()
    }

    /// Whether nothing but white space has come after a call.
    pub(crate) fn ends_with_call(&self) -> bool {
        self.after_call
    }

    /// Gives out and takes out what is decided.
    fn scan(&mut self, ending: Ending, out: &mut Vec<ModelEvent>) {
        let text = std::mem::take(&mut self.held);
        let mut at = std::mem::take(&mut self.followed);
        let mut done = 0;
        self.again = 0;
        if self.whole {
            match tagged::whole(&text, ending, &self.tools) {
                Ok(found) => {
                    self.take(found, &text);
                    return;
                }
                Err(Stop::More) if text.len() <= MAX_HELD => {
                    self.hold(text, 0);
                    return;
                }
                Err(_) => self.whole = false,
            }
            if let Some(found) = self.leading(&text, ending) {
                self.take(vec![found], &text);
                self.made_up = true;
                return;
            }
        }
        while at < text.len() {
            let rest = &text[at..];
            let mut c = Cursor::new(rest, ending);
            match self.call(&mut c) {
                Ok(found) => {
                    let keep = done + text[done..at].trim_end().len();
                    self.give(&text[done..keep], out);
                    at += c.used();
                    self.take(found, &text[keep..at]);
                    done = at;
                    self.code = code::Code::new();
                }
                Err(Stop::More) if rest.len() <= MAX_HELD => {
                    let keep = done + text[done..at].trim_end().len();
                    self.give(&text[done..keep], out);
                    self.hold(text[keep..].to_owned(), at - keep);
                    return;
                }
                Err(_) => at += self.code.follow(rest),
            }
        }
        let keep = done + text[done..].trim_end().len();
        self.give(&text[done..keep], out);
        let space = &text[keep..];
        if ending == Ending::Open {
            space.clone_into(&mut self.held);
            self.followed = space.len();
        } else if !self.after_call {
            emit(space, out);
        }
    }

    /// The call that an answer of an assistant begins with, before other lines.
    fn leading(&self, text: &str, ending: Ending) -> Option<Found> {
        let mut c = Cursor::new(text, ending);
        c.space();
        let found = objects::object(&mut c, &self.tools, objects::Fields::Strict).ok()?;
        let ends_line = c.rest().trim_start_matches([' ', '\r']).starts_with('\n');
        (ends_line && self.tools.takes_any_and_has(&found.name)).then_some(found)
    }

    /// A call that begins here.
    fn call(&self, c: &mut Cursor<'_>) -> Read<Vec<Found>> {
        if self.code.is_code() {
            return Err(Stop::No);
        }
        match c.peek()? {
            '<' | '[' => marked(c, &self.tools),
            // The readers skip white space; how much there is decides whether this is a line of code.
            next if next.is_ascii_whitespace() => Err(Stop::No),
            _ if self.code.is_line_start() => first(&AT_LINE_START, c, &self.tools),
            _ => Err(Stop::No),
        }
    }

    fn take(&mut self, found: Vec<Found>, raw: &str) {
        self.after_call = true;
        let raws = std::iter::once(raw.to_owned()).chain(std::iter::repeat(String::new()));
        self.found.extend(found.into_iter().zip(raws));
    }

    fn give(&mut self, text: &str, out: &mut Vec<ModelEvent>) {
        if !text.is_empty() {
            self.after_call = false;
            emit(text, out);
        }
    }

    fn hold(&mut self, text: String, followed: usize) {
        if text.len() > OFTEN {
            self.again = text.len() + text.len() / 32;
        }
        self.held = text;
        self.followed = followed;
    }
}

#[cfg(test)]
mod tests;
