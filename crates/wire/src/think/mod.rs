//! Takes inline reasoning out of the visible text.
//!
//! Models without a reasoning parser on their server write `<think>…</think>` into the answer (`model-servers.md`
//! §4). Which tags count:
//!
//! - An opener counts at the beginning of the answer or of a line (at most three spaces before it, as Markdown
//!   counts), outside fenced code. Elsewhere it is text about tags.
//! - Inside a block the matching closer counts anywhere; a block that is never closed is reasoning to the end.
//! - A closer without an opener, at the beginning of a line, is dropped alone: text that has been given out
//!   cannot be taken back. Where the chat template may open the block in the prompt, so that the answer begins
//!   inside it, the caller says so and everything is held back until a closer or the end decides.
//! - Newlines between a block and the visible answer are dropped.
//! - A new content block or output item begins a line.
//!
//! Otherwise only bytes that may still become a tag are held back.

use yabby_core::ModelEvent;

/// Tag names, without brackets.
const TAGS: [&str; 4] = ["think", "thinking", "reasoning", "thought"];

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
    /// White space at the beginning, which is dropped when a block follows.
    lead: String,
    /// How visible text begins here, until there is some.
    fresh: Option<Fresh>,
    line: Line,
    fence: Option<Fence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Undecided,
    Text,
    /// Inside a block: the index of its tag, or any when the template opened it.
    Reasoning(Option<usize>),
}

/// Why there is no visible text yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Beginning,
    AfterBlock,
}

/// Where in a line of visible text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Only this many spaces so far.
    Start(usize),
    /// In a run of fence characters that began the line.
    Run(Fence),
    /// After a run that opened a fence; a backtick here means that it was inline code.
    Info,
    /// After a run that closes the fence if the rest of the line is blank.
    Closing,
    Middle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

/// What stands at a `<`.
enum Tag {
    Opener(usize, usize),
    Closer(usize),
    /// The text ends before it is decided.
    Maybe,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Opener,
    Closer,
}

/// How much of `tag` stands at the beginning of `rest`: `Some(length)` when all of it, `None` with the second
/// value true when `rest` is only its beginning.
fn tag_at(rest: &str, name: &str, side: Side) -> (Option<usize>, bool) {
    let open = if side == Side::Opener { "<" } else { "</" };
    let mut tag = open.bytes().chain(name.bytes()).chain([b'>']);
    let mut length = 0;
    for byte in rest.bytes() {
        match tag.next() {
            None => return (Some(length), false),
            Some(expected) if expected == byte.to_ascii_lowercase() => length += 1,
            Some(_) => return (None, false),
        }
    }
    if tag.next().is_none() {
        (Some(length), false)
    } else {
        (None, true)
    }
}

fn read_tag(rest: &str, openers: bool, closer: Option<usize>) -> Tag {
    let mut maybe = false;
    for (index, name) in TAGS.iter().enumerate() {
        if openers {
            let (length, open) = tag_at(rest, name, Side::Opener);
            if let Some(length) = length {
                return Tag::Opener(index, length);
            }
            maybe |= open;
        }
        if closer.is_none_or(|only| only == index) {
            let (length, open) = tag_at(rest, name, Side::Closer);
            if let Some(length) = length {
                return Tag::Closer(length);
            }
            maybe |= open;
        }
    }
    if maybe { Tag::Maybe } else { Tag::No }
}

/// Adds text or reasoning, joined to the event before it when that came from the same call.
fn emit(text: &str, reasoning: bool, since: usize, out: &mut Vec<ModelEvent>) {
    if text.is_empty() {
        return;
    }
    match out.get_mut(since..).and_then(<[_]>::last_mut) {
        Some(ModelEvent::Text(last)) if !reasoning => last.push_str(text),
        Some(ModelEvent::Reasoning(last)) if reasoning => last.push_str(text),
        _ if reasoning => out.push(ModelEvent::Reasoning(text.to_owned())),
        _ => out.push(ModelEvent::Text(text.to_owned())),
    }
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
            lead: String::new(),
            fresh: Some(Fresh::Beginning),
            line: Line::Start(0),
            fence: None,
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
        if self.mode != Mode::Text {
            return;
        }
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.show(&held, out.len(), out);
        }
        self.line = Line::Start(0);
        self.fence = None;
    }

    /// Takes the next piece of what the server calls the answer's text.
    pub(crate) fn push(&mut self, piece: &str, out: &mut Vec<ModelEvent>) {
        let since = out.len();
        if self.mode == Mode::Undecided {
            self.undecided(piece, since, out);
            return;
        }
        if self.held.is_empty() {
            self.run(piece, since, out);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.push_str(piece);
            self.run(&joined, since, out);
        }
    }

    /// The answer is over; `cut` when a limit ended it, so that an undecided beginning was still reasoning.
    pub(crate) fn finish(&mut self, cut: bool, out: &mut Vec<ModelEvent>) {
        let since = out.len();
        let held = std::mem::take(&mut self.held);
        match self.mode {
            Mode::Reasoning(_) => emit(&held, true, since, out),
            Mode::Undecided => emit(&held, cut, since, out),
            Mode::Text => {
                if !held.is_empty() || self.fresh == Some(Fresh::Beginning) {
                    self.show(&held, since, out);
                }
            }
        }
    }

    fn undecided(&mut self, piece: &str, since: usize, out: &mut Vec<ModelEvent>) {
        // A closer may have begun in the last bytes of what is held.
        let mut from = self.held.len().saturating_sub("</reasoning>".len());
        while !self.held.is_char_boundary(from) {
            from -= 1;
        }
        self.held.push_str(piece);
        if matches!(read_tag(self.held.trim_start(), true, None), Tag::Opener(..)) {
            self.mode = Mode::Text;
            let held = std::mem::take(&mut self.held);
            self.run(&held, since, out);
            return;
        }
        let closer = self.held[from..].match_indices('<').find_map(|(at, _)| {
            match read_tag(&self.held[from + at..], false, None) {
                Tag::Closer(length) => Some((from + at, length)),
                _ => None,
            }
        });
        if let Some((at, length)) = closer {
            let held = std::mem::take(&mut self.held);
            emit(&held[..at], true, since, out);
            self.close();
            self.run(&held[at + length..], since, out);
        } else if self.held.len() > UNDECIDED_BYTES {
            self.mode = Mode::Reasoning(None);
            let held = std::mem::take(&mut self.held);
            self.run(&held, since, out);
        }
    }

    fn run(&mut self, text: &str, since: usize, out: &mut Vec<ModelEvent>) {
        let mut rest = text;
        while !rest.is_empty() {
            let used = match self.mode {
                Mode::Reasoning(tag) => self.reasoning(rest, tag, since, out),
                Mode::Text | Mode::Undecided => self.text(rest, since, out),
            };
            let Some(used) = used else {
                rest.clone_into(&mut self.held);
                return;
            };
            rest = &rest[used..];
        }
    }

    /// One step inside a block: bytes used, or `None` to wait for more.
    fn reasoning(&mut self, rest: &str, tag: Option<usize>, since: usize, out: &mut Vec<ModelEvent>) -> Option<usize> {
        match rest.find('<') {
            None => {
                emit(rest, true, since, out);
                Some(rest.len())
            }
            Some(0) => match read_tag(rest, false, tag) {
                Tag::Closer(length) => {
                    self.close();
                    Some(length)
                }
                Tag::Maybe => None,
                Tag::Opener(..) | Tag::No => {
                    emit("<", true, since, out);
                    Some(1)
                }
            },
            Some(at) => {
                emit(&rest[..at], true, since, out);
                Some(at)
            }
        }
    }

    /// One step in the visible text: bytes used, or `None` to wait for more.
    fn text(&mut self, rest: &str, since: usize, out: &mut Vec<ModelEvent>) -> Option<usize> {
        let first = rest.chars().next()?;
        match self.line {
            Line::Start(spaces) => match first {
                '\n' | '\r' => Some(self.blank(first, Line::Start(0), since, out)),
                ' ' | '\t' => {
                    let width = if first == ' ' { 1 } else { 4 };
                    Some(self.blank(first, Line::Start(spaces + width), since, out))
                }
                '<' if self.fence.is_none() && (spaces <= 3 || self.fresh.is_some()) => self.tag(rest, since, out),
                '`' | '~' if spaces <= 3 => {
                    self.line = Line::Run(Fence { mark: first, length: 0 });
                    Some(0)
                }
                _ => {
                    self.line = Line::Middle;
                    Some(0)
                }
            },
            Line::Run(run) if first == run.mark => {
                self.line = Line::Run(Fence {
                    length: run.length + 1,
                    ..run
                });
                self.show(&rest[..1], since, out);
                Some(1)
            }
            Line::Run(run) => {
                self.line = self.end_of_run(run);
                Some(0)
            }
            Line::Closing if first == '\n' => {
                self.fence = None;
                self.line = Line::Middle;
                Some(0)
            }
            Line::Closing if first.is_whitespace() => {
                self.show(&rest[..first.len_utf8()], since, out);
                Some(first.len_utf8())
            }
            Line::Info if first == '`' && self.fence.is_some_and(|fence| fence.mark == '`') => {
                self.fence = None;
                self.line = Line::Middle;
                Some(0)
            }
            Line::Info => {
                let used = rest.find(['`', '\n']).unwrap_or(rest.len()).max(1);
                if rest.starts_with('\n') {
                    self.line = Line::Start(0);
                }
                self.show(&rest[..used], since, out);
                Some(used)
            }
            Line::Closing | Line::Middle => {
                self.line = Line::Middle;
                let used = rest.find('\n').map_or(rest.len(), |at| at + 1);
                if rest[..used].ends_with('\n') {
                    self.line = Line::Start(0);
                }
                self.show(&rest[..used], since, out);
                Some(used)
            }
        }
    }

    fn tag(&mut self, rest: &str, since: usize, out: &mut Vec<ModelEvent>) -> Option<usize> {
        match read_tag(rest, true, None) {
            Tag::Opener(index, length) => {
                self.lead.clear();
                self.mode = Mode::Reasoning(Some(index));
                Some(length)
            }
            Tag::Closer(length) => {
                self.close();
                Some(length)
            }
            Tag::Maybe => None,
            Tag::No => {
                self.line = Line::Middle;
                self.show("<", since, out);
                Some(1)
            }
        }
    }

    /// A run of fence characters at the beginning of a line is over.
    fn end_of_run(&mut self, run: Fence) -> Line {
        match self.fence {
            None if run.length >= 3 => {
                self.fence = Some(run);
                Line::Info
            }
            Some(fence) if run.mark == fence.mark && run.length >= fence.length => Line::Closing,
            _ => Line::Middle,
        }
    }

    /// White space at the beginning of a line; held back while there is no visible text.
    fn blank(&mut self, first: char, line: Line, since: usize, out: &mut Vec<ModelEvent>) -> usize {
        self.line = line;
        if self.fresh.is_some() {
            self.lead.push(first);
        } else {
            emit(first.encode_utf8(&mut [0; 4]), false, since, out);
        }
        first.len_utf8()
    }

    /// Gives out visible text, with the white space before it.
    fn show(&mut self, text: &str, since: usize, out: &mut Vec<ModelEvent>) {
        let lead = std::mem::take(&mut self.lead);
        match self.fresh.take() {
            Some(Fresh::AfterBlock) => emit(lead.trim_start_matches(['\n', '\r']), false, since, out),
            Some(Fresh::Beginning) | None => emit(&lead, false, since, out),
        }
        emit(text, false, since, out);
    }

    /// A block has ended.
    fn close(&mut self) {
        self.mode = Mode::Text;
        self.fresh = Some(Fresh::AfterBlock);
        self.lead.clear();
        self.line = Line::Start(0);
    }
}

#[cfg(test)]
mod tests;
