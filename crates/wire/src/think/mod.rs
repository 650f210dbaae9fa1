//! Takes inline reasoning out of the visible text.
//!
//! Models without a reasoning parser on their server write `<think>…</think>`, or their family's own tags, into the
//! answer (`wire-facts.md` §4; the catalogue is in `tags`, harmony's headers are in `harmony`). Which tags count:
//!
//! - An opener counts at the beginning of the answer or of a line (at most three spaces before it, as Markdown
//!   counts), outside fenced code. Elsewhere it is text about tags. Special tokens (`<|…|>`) count in the middle of a
//!   line too.
//! - Inside a block the matching closer counts anywhere; a block that is never closed is reasoning to the end.
//! - A closer without an opener, where an opener would count, is dropped alone: text that has been given out
//!   cannot be taken back. Where the chat template may open the block in the prompt, so that the answer begins
//!   inside it, the caller says so and everything is held back until a closer or the end decides.
//! - An opener that is the last thing in an answer is dropped (llama.cpp issue 27733).
//! - Wrappers around the visible text are dropped: `<final>` before all of it, Command A's and harmony's anywhere.
//! - The text of a harmony call goes through as it is, header and end included: another module reads it.
//! - Newlines between a block and the visible answer are dropped. Two harmony messages that are both visible are
//!   paragraphs.
//! - A new content block or output item begins a line.
//! - An answer that begins with a line `Reasoning:` and lines in italics has its reasoning there (`aloud`). It is held
//!   back until the whole shape is seen, with what follows it; a block that nothing follows is text.
//!
//! Otherwise only bytes that may still become a tag are held back.

mod aloud;
mod fence;
mod harmony;
mod out;
mod tags;
mod text;

use memchr::{memchr, memchr2_iter};
use yabby_core::ModelEvent;

use self::{
    fence::Position,
    out::Out,
    tags::{Block, End, Place, Tag},
};

/// The most bytes that are held back while it is open whether the answer began inside a block.
const UNDECIDED_BYTES: usize = 256 * 1024;

/// Where answers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// In the visible text, unless a tag opens a block.
    Text,
    /// Maybe inside a block that the chat template has opened.
    MaybeReasoning,
}

/// The incremental splitter.
#[derive(Debug)]
pub(crate) struct Splitter {
    mode: Mode,
    /// Bytes that may still become a tag; in [`Mode::Undecided`] everything.
    held: String,
    /// How much of `held` has no closer; only in [`Mode::Undecided`].
    searched: usize,
    /// How much of `held` is whole lines of a block that is written in words.
    aloud: usize,
    /// White space at the beginning, which is dropped when a block follows.
    lead: String,
    /// How visible text begins here, until there is some.
    fresh: Option<Fresh>,
    /// There has been visible text.
    said: bool,
    /// The visible text began with `<final>`.
    wrapped: bool,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Undecided,
    Text,
    Reasoning(Block),
    /// After the header of a harmony call.
    Call,
}

/// Why there is no visible text yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Beginning,
    AfterBlock,
    /// At the beginning of a message of its own.
    Message,
}

// === impl Splitter ===

impl Splitter {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            mode: match start {
                Start::Text => Mode::Text,
                Start::MaybeReasoning => Mode::Undecided,
            },
            held: String::new(),
            searched: 0,
            aloud: 0,
            lead: String::new(),
            fresh: Some(Fresh::Beginning),
            said: false,
            wrapped: false,
            position: Position::START,
        }
    }

    /// The server sends reasoning in a field of its own, so the text does not begin inside a block.
    pub(crate) fn told_apart(&mut self, out: &mut Vec<ModelEvent>) {
        if self.mode == Mode::Undecided {
            self.mode = Mode::Text;
            let held = std::mem::take(&mut self.held);
            self.push(&held, out);
        }
    }

    /// A new content block begins, which is text of its own: no line, no fence and no tag goes on from the one
    /// before. An open block of reasoning does.
    pub(crate) fn block(&mut self, out: &mut Vec<ModelEvent>) {
        if !matches!(self.mode, Mode::Text | Mode::Call) {
            return;
        }
        self.mode = Mode::Text;
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.show(&held, &mut Out::new(out, held.len()));
        }
        self.position = Position::START;
    }

    /// Takes the next piece of what the server calls the answer's text.
    pub(crate) fn push(&mut self, piece: &str, out: &mut Vec<ModelEvent>) {
        let mut out = Out::new(out, self.held.len() + piece.len());
        if self.mode == Mode::Undecided {
            self.held.push_str(piece);
            self.undecided(&mut out);
        } else if self.held.is_empty() {
            self.run(piece, &mut out);
        } else {
            self.held.push_str(piece);
            let joined = std::mem::take(&mut self.held);
            self.run(&joined, &mut out);
        }
    }

    /// The answer is over; `cut` when a limit ended it, so that an undecided beginning was still reasoning.
    pub(crate) fn finish(&mut self, cut: bool, out: &mut Vec<ModelEvent>) {
        let mut out = Out::new(out, self.held.len());
        if self.mode == Mode::Undecided {
            let held = std::mem::take(&mut self.held);
            if cut {
                out.reasoning(&held);
                return;
            }
            self.mode = Mode::Text;
            self.run(&held, &mut out);
        }
        let held = std::mem::take(&mut self.held);
        match self.mode {
            Mode::Reasoning(_) => out.reasoning(&held),
            Mode::Text if tags::is_stray(&held) || harmony::is_cut(&held) => {}
            Mode::Undecided | Mode::Text | Mode::Call => {
                if !held.is_empty() || self.fresh == Some(Fresh::Beginning) {
                    self.show(&held, &mut out);
                }
            }
        }
    }

    /// Looks for what tells whether the text that is held began in a block.
    fn undecided(&mut self, out: &mut Out<'_>) {
        let trimmed = self.held.trim_start();
        match tags::read(trimmed, Place::Beginning, false) {
            Tag::Maybe => return,
            Tag::No | Tag::Closer(_) => {}
            _ => {
                self.mode = Mode::Text;
                let held = std::mem::take(&mut self.held);
                self.run(&held, out);
                return;
            }
        }
        let from = self.searched;
        self.searched = self.held.len();
        let rest = &self.held.as_bytes()[from..];
        for at in memchr2_iter(b'<', b'[', rest).map(|found| from + found) {
            let length = match tags::read_end(&self.held[at..], Block::Any) {
                End::No => continue,
                End::Closer(length) => length,
                End::Header => 0,
                End::Maybe => {
                    self.searched = at;
                    break;
                }
            };
            // The end of a message at the end of the answer tells nothing: that may have been the whole answer.
            if harmony::is_end(&self.held[at..at + length]) && self.held[at + length..].trim_start().is_empty() {
                self.searched = at;
                break;
            }
            let held = std::mem::take(&mut self.held);
            out.reasoning(&held[..at]);
            self.close(Fresh::AfterBlock);
            self.run(&held[at + length..], out);
            return;
        }
        if self.held.len() > UNDECIDED_BYTES {
            self.mode = Mode::Reasoning(Block::Any);
            let held = std::mem::take(&mut self.held);
            self.run(&held, out);
        }
    }

    fn run(&mut self, text: &str, out: &mut Out<'_>) {
        let mut rest = text;
        while !rest.is_empty() {
            let used = match self.mode {
                Mode::Reasoning(block) => self.reasoning(rest, block, out),
                Mode::Text | Mode::Undecided => self.text(rest, out),
                Mode::Call => self.call(rest, out),
            };
            let Some(used) = used else {
                rest.clone_into(&mut self.held);
                return;
            };
            rest = &rest[used..];
        }
    }

    /// One step inside a block: bytes used, or `None` to wait for more.
    fn reasoning(&mut self, rest: &str, block: Block, out: &mut Out<'_>) -> Option<usize> {
        let found = memchr2_iter(b'<', b'[', rest.as_bytes()).find_map(|at| match tags::read_end(&rest[at..], block) {
            End::No => None,
            end => Some((at, end)),
        });
        match found {
            None => {
                out.reasoning(rest);
                Some(rest.len())
            }
            Some((0, End::Closer(length))) => {
                self.close(Fresh::AfterBlock);
                Some(length)
            }
            Some((0, End::Header)) => {
                self.close(Fresh::AfterBlock);
                Some(0)
            }
            Some((0, _)) => None,
            Some((at, _)) => {
                out.reasoning(&rest[..at]);
                Some(at)
            }
        }
    }

    /// One step in a call: bytes used, or `None` to wait for more.
    fn call(&mut self, rest: &str, out: &mut Out<'_>) -> Option<usize> {
        let at = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if at > 0 {
            self.show(&rest[..at], out);
            return Some(at);
        }
        match tags::read_end(rest, Block::Harmony) {
            End::No => {
                self.show("<", out);
                Some(1)
            }
            End::Maybe => None,
            End::Closer(length) => {
                self.show(&rest[..length], out);
                self.mode = Mode::Text;
                self.position = Position::START;
                Some(length)
            }
            End::Header => {
                self.mode = Mode::Text;
                self.position = Position::START;
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
