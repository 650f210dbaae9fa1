//! Lines and fenced code, as Markdown has them: where in the visible text a tag is a tag.

use memchr::{memchr, memchr2};

/// Where in a line of visible text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
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
pub(super) struct Fence {
    pub mark: u8,
    pub length: usize,
}

/// The line, and the fence that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub line: Line,
    pub fence: Option<Fence>,
}

// === impl Position ===

impl Position {
    pub(super) const START: Self = Self {
        line: Line::Start(0),
        fence: None,
    };

    /// A run of fence characters at the beginning of a line is over.
    pub(super) fn end_of_run(&mut self, run: Fence) {
        self.line = match self.fence {
            None if run.length >= 3 => {
                self.fence = Some(run);
                Line::Info
            }
            Some(fence) if run.mark == fence.mark && run.length >= fence.length => Line::Closing,
            _ => Line::Middle,
        };
    }

    /// From the middle of a line on: how many bytes are text for certain. Stops at the first `<` that `is_tag` and,
    /// with the line at its start, at the first byte of a line that may begin a tag or a fence.
    ///
    /// Nearly all bytes of nearly all answers go through here.
    pub(super) fn plain(&mut self, text: &str, is_tag: impl Fn(&str) -> bool) -> usize {
        let bytes = text.as_bytes();
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let found = match self.fence {
                None => memchr2(b'\n', b'<', rest),
                Some(_) => memchr(b'\n', rest),
            };
            let Some(found) = found else { return bytes.len() };
            at += found;
            if bytes[at] == b'<' {
                if is_tag(&text[at..]) {
                    return at;
                }
                at += 1;
                continue;
            }
            let mut spaces = 0;
            while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = bytes.get(at) {
                spaces = indent(spaces, *byte);
                at += 1;
            }
            let stop = match bytes.get(at) {
                None => true,
                Some(b'<' | b'[') => self.fence.is_none(),
                Some(b'`' | b'~') => spaces <= 3,
                Some(_) => false,
            };
            if stop {
                self.line = Line::Start(spaces);
                return at;
            }
        }
    }
}

/// The indentation after one more byte of white space.
pub(super) fn indent(spaces: usize, byte: u8) -> usize {
    match byte {
        b' ' => spaces + 1,
        b'\t' => spaces + 4,
        _ => 0,
    }
}
