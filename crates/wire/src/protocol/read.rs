//! Reads answers that a schema holds to the protocol, in pieces cut anywhere.
//!
//! Text comes while it is written; a call when its object is whole. A server may have ignored the schema: what is not
//! the protocol's goes, whole, to the recogniser of calls in plain text. What the model wrote inside a string may be
//! reasoning in its own tags, which are seen only behind the escapes, so that a second splitter reads it.

use serde_json::{Map, Value};
use yabby_core::ModelEvent;

use super::{
    ANSWER, ARGUMENTS, TOOL,
    string::{Scan, Unescape},
    value::Shown,
};
use crate::{
    calltext::Recogniser,
    think::{Splitter, Start},
};

/// The most bytes before the first value.
const MAX_BEGINNING: usize = 4096;

/// The most white space that is kept behind an answer, in case that text follows.
const MAX_BLANK: usize = 64;

/// The most bytes of a call.
const MAX_CALL: usize = 4 * 1024 * 1024;

/// The incremental reader.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// What has not been given out.
    held: String,
    /// The object stands in a fence.
    fenced: bool,
    /// The request has a schema of its own for answers.
    structured: bool,
    /// White space behind the answer has been dropped.
    dropped: bool,
    think: Splitter,
    call: Option<Call>,
}

#[derive(Debug)]
enum State {
    /// Before the first value.
    Beginning,
    /// In the string of an answer.
    Answer(Unescape),
    /// In an answer with a schema of its own, which is given as it stands.
    Value(Scan),
    /// In an answer that is another value than a string.
    Shown(Box<Shown>),
    /// After the value of an answer, in its object.
    Answered,
    /// In an object that is read when it is whole; where it begins in what is held.
    Object(Scan, usize),
    /// After the object of an answer.
    Ended,
    /// After a call: what follows is ignored.
    Called,
    /// It is not the protocol.
    Plain,
}

/// What the beginning of an answer says.
enum Beginning {
    /// Not enough.
    More,
    /// Not the protocol.
    Other,
    /// An answer whose value begins here.
    Answer(usize),
    /// Another object of the protocol that begins here.
    Object(usize),
}

fn beginning(held: &str) -> Beginning {
    let mut rest = held.trim_start();
    if let Some(inside) = rest.strip_prefix("```") {
        match inside.split_once('\n') {
            Some((word, inside)) if matches!(word.trim(), "" | "json") => rest = inside.trim_start(),
            None if "json".starts_with(inside.trim()) => return Beginning::More,
            _ => return Beginning::Other,
        }
    } else if "```".starts_with(rest) {
        return Beginning::More;
    }
    let at = |rest: &str| held.len() - rest.len();
    let Some(inside) = rest.strip_prefix('{').map(str::trim_start) else {
        return if rest.is_empty() {
            Beginning::More
        } else {
            Beginning::Other
        };
    };
    for key in [ANSWER, TOOL, ARGUMENTS] {
        let quoted = format!("\"{key}\"");
        if quoted.starts_with(inside) {
            return Beginning::More;
        }
        let Some(after) = inside.strip_prefix(&quoted).map(str::trim_start) else {
            continue;
        };
        let value = after.strip_prefix(':').map(str::trim_start);
        // However the text is cut, the same beginning is too long.
        let too_long = |rest: &str| at(rest) > MAX_BEGINNING;
        return match value {
            None if after.is_empty() => Beginning::More,
            None => Beginning::Other,
            Some(_) if key != ANSWER && too_long(after) => Beginning::Other,
            Some(_) if key != ANSWER => Beginning::Object(at(rest)),
            Some("") => Beginning::More,
            Some(value) if too_long(value) => Beginning::Other,
            Some(value) => Beginning::Answer(at(value)),
        };
    }
    Beginning::Other
}

/// A name and what was given for arguments.
type Call = (String, Value);

/// What an object says: an answer, a call or both.
fn said(object: &str) -> Option<(Option<String>, Option<Call>)> {
    let mut object: Map<String, Value> = serde_json::from_str(object).ok()?;
    let call = match object.remove(TOOL) {
        Some(Value::String(name)) if !name.trim().is_empty() => {
            Some((name, object.remove(ARGUMENTS).unwrap_or(Value::Null)))
        }
        Some(_) => return None,
        None => None,
    };
    let answer = match object.remove(ANSWER) {
        Some(Value::String(answer)) => Some(answer),
        Some(Value::Null) | None => None,
        Some(_) => return None,
    };
    object.is_empty().then_some((answer, call))
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(structured: bool) -> Self {
        Self {
            state: State::Beginning,
            held: String::new(),
            fenced: false,
            structured,
            dropped: false,
            think: Splitter::new(Start::Text),
            call: None,
        }
    }

    /// Takes the next piece of visible text.
    pub(crate) fn push(&mut self, piece: &str, plain: &mut Recogniser, out: &mut Vec<ModelEvent>) {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = self.step(rest, plain, out);
        }
    }

    /// Whether the text is read as the protocol, so far.
    pub(crate) fn reads(&self) -> bool {
        !matches!(self.state, State::Plain)
    }

    /// The answer is over; `cut` when a limit ended it. Gives the call: its name and what was given for arguments.
    pub(crate) fn finish(&mut self, cut: bool, plain: &mut Recogniser, out: &mut Vec<ModelEvent>) -> Option<Call> {
        self.end(cut, plain, out);
        self.call.take()
    }

    /// Gives out what is held.
    fn end(&mut self, cut: bool, plain: &mut Recogniser, out: &mut Vec<ModelEvent>) {
        let held = std::mem::take(&mut self.held);
        match &mut self.state {
            State::Answer(_) => self.think.finish(cut, out),
            State::Shown(shown) => shown.finish(cut, out),
            // Of a call that the limit cut off, and of what may have become one, there is nothing to read.
            State::Beginning if !(cut && held.contains('{')) => plain.push(&held, out),
            State::Object(..) if !cut => plain.push(&held, out),
            _ => {}
        }
    }

    /// One step: what is left of `piece`.
    fn step<'a>(&mut self, piece: &'a str, plain: &mut Recogniser, out: &mut Vec<ModelEvent>) -> &'a str {
        match &mut self.state {
            State::Beginning => {
                self.held.push_str(piece);
                match beginning(&self.held) {
                    Beginning::More if self.held.len() <= MAX_BEGINNING => "",
                    Beginning::More | Beginning::Other => self.give_up(plain, out),
                    Beginning::Answer(at) => {
                        // The value begins in this piece: without it, more was waited for.
                        let value = &piece[piece.len() - (self.held.len() - at)..];
                        self.fenced = self.held.trim_start().starts_with('`');
                        self.held.clear();
                        if self.structured {
                            self.state = State::Value(Scan::default());
                            value
                        } else if !value.starts_with('"') {
                            self.state = State::Shown(Box::default());
                            value
                        } else {
                            self.state = State::Answer(Unescape::default());
                            &value[1..]
                        }
                    }
                    Beginning::Object(at) => {
                        let mut scan = Scan::default();
                        let end = scan.push(&self.held[at..]);
                        self.state = State::Object(scan, at);
                        self.object(end.map(|end| at + end), piece, plain, out)
                    }
                }
            }
            State::Answer(unescape) => {
                let mut text = String::new();
                let end = unescape.push(piece, &mut text);
                self.think.push(&text, out);
                end.map_or("", |end| {
                    self.think.finish(false, out);
                    self.state = State::Answered;
                    &piece[end..]
                })
            }
            State::Value(scan) => {
                let end = scan.push(piece);
                let value = &piece[..end.unwrap_or(piece.len())];
                if !value.is_empty() {
                    out.push(ModelEvent::Text(value.to_owned()));
                }
                end.map_or("", |end| {
                    self.state = State::Answered;
                    &piece[end..]
                })
            }
            State::Shown(shown) => {
                let end = shown.push(piece, out);
                end.map_or("", |end| {
                    self.state = State::Answered;
                    &piece[end..]
                })
            }
            State::Answered => {
                let piece = piece.trim_start();
                match piece.chars().next() {
                    None => "",
                    Some('}') => {
                        self.state = State::Ended;
                        &piece[1..]
                    }
                    Some(',') => {
                        self.held.push_str(piece);
                        let mut scan = Scan::inside();
                        let end = scan.push(&self.held[1..]);
                        self.state = State::Object(scan, 0);
                        self.object(end.map(|end| 1 + end), piece, plain, out)
                    }
                    Some(_) => {
                        self.held.push_str(piece);
                        self.give_up(plain, out)
                    }
                }
            }
            State::Object(scan, _) => {
                let before = self.held.len();
                let end = scan.push(piece).map(|end| before + end);
                self.held.push_str(piece);
                self.object(end, piece, plain, out)
            }
            State::Ended => {
                let kept = if self.dropped { self.held.len() } else { MAX_BLANK };
                self.held.push_str(piece);
                let rest = self.held.trim_start();
                match rest.strip_prefix("```").map(str::len).filter(|_| self.fenced) {
                    Some(after) => {
                        self.fenced = false;
                        self.dropped = false;
                        self.held.clear();
                        return &piece[piece.len() - after..];
                    }
                    None if self.fenced && !rest.is_empty() && "```".starts_with(rest) => return "",
                    None => {}
                }
                let blank = self.held.len() - self.held.trim_start().len();
                let is_blank = blank == self.held.len();
                let kept = self.held.floor_char_boundary(blank.min(kept));
                self.dropped |= kept < blank;
                self.held.replace_range(kept..blank, "");
                if is_blank { "" } else { self.give_up(plain, out) }
            }
            State::Called => "",
            State::Plain => {
                plain.push(piece, out);
                ""
            }
        }
    }

    /// An object has grown, or ended at `end` of what is held.
    fn object<'a>(
        &mut self,
        end: Option<usize>,
        piece: &'a str,
        plain: &mut Recogniser,
        out: &mut Vec<ModelEvent>,
    ) -> &'a str {
        let State::Object(_, begin) = self.state else { return "" };
        let end = match end {
            Some(end) if end <= MAX_CALL => end,
            None if self.held.len() <= MAX_CALL => return "",
            _ => return self.give_up(plain, out),
        };
        // Behind an answer it begins with a comma.
        let object = self.held[begin..end].replacen(',', "{", usize::from(self.held[begin..].starts_with(',')));
        let Some((answer, call)) = said(&object) else {
            return self.give_up(plain, out);
        };
        if let Some(answer) = answer {
            self.think = Splitter::new(Start::Text);
            self.think.push(&answer, out);
            self.think.finish(false, out);
        }
        let left = &piece[piece.len() - (self.held.len() - end)..];
        self.held.clear();
        self.state = if call.is_some() { State::Called } else { State::Ended };
        self.call = call;
        left
    }

    /// What is held is plain text, and so is all that follows.
    fn give_up(&mut self, plain: &mut Recogniser, out: &mut Vec<ModelEvent>) -> &'static str {
        self.state = State::Plain;
        plain.push(&std::mem::take(&mut self.held), out);
        ""
    }
}

#[cfg(test)]
mod tests;
