//! Where the text is code, so that a call in it is an example.

use memchr::{memchr, memchr3};

/// Follows fences and code spans.
#[derive(Debug)]
pub(super) struct Code {
    line: Line,
    fence: Option<(u8, usize)>,
    /// Inside a code span, which ends with its line at the latest.
    span: bool,
    /// The last byte was a backtick.
    tick: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Only this many spaces so far.
    Start(usize),
    /// In a run of fence marks that began the line.
    Run(u8, usize),
    /// After a run that opened a fence.
    Info,
    /// After a run that closes the fence if the rest of the line is blank.
    Closing,
    Middle,
}

// === impl Code ===

impl Code {
    pub(super) fn new() -> Self {
        Self {
            line: Line::Start(0),
            fence: None,
            span: false,
            tick: false,
        }
    }

    /// Whether what comes next is code.
    pub(super) fn is_code(&self) -> bool {
        self.fence.is_some() || self.span || matches!(self.line, Line::Run(..))
    }

    /// Whether what comes next begins a line.
    pub(super) fn is_line_start(&self) -> bool {
        matches!(self.line, Line::Start(0..=3))
    }

    /// Follows `text` up to the next place where a call may begin; at least one character.
    pub(super) fn follow(&mut self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let starts = matches!(self.line, Line::Start(_)) && !byte.is_ascii_whitespace();
            if at > 0 && text.is_char_boundary(at) && (byte == b'<' || byte == b'[' || starts) {
                break;
            }
            self.byte(byte);
            at += 1;
            if self.line == Line::Middle && !self.tick {
                let rest = &bytes[at..];
                let plain = memchr3(b'\n', b'`', b'<', rest).unwrap_or(rest.len());
                at += memchr(b'[', &rest[..plain]).unwrap_or(plain);
            }
        }
        at
    }

    fn byte(&mut self, byte: u8) {
        let line = match self.line {
            Line::Run(mark, length) if byte == mark => Line::Run(mark, length + 1),
            Line::Run(mark, length) => {
                self.line = self.end_of_run(mark, length);
                return self.byte(byte);
            }
            Line::Start(_) | Line::Middle | Line::Info | Line::Closing if byte == b'\n' => {
                if self.line == Line::Closing {
                    self.fence = None;
                }
                self.span = false;
                Line::Start(0)
            }
            Line::Start(spaces) => match byte {
                b' ' | b'\r' => Line::Start(spaces + 1),
                b'\t' => Line::Start(spaces + 4),
                b'`' | b'~' if spaces <= 3 => Line::Run(byte, 1),
                _ => self.middle(byte),
            },
            Line::Info if byte == b'`' && self.fence.is_some_and(|(mark, _)| mark == b'`') => {
                self.fence = None;
                Line::Middle
            }
            Line::Closing if byte.is_ascii_whitespace() => Line::Closing,
            Line::Info => Line::Info,
            Line::Closing | Line::Middle => self.middle(byte),
        };
        self.tick = byte == b'`';
        self.line = line;
    }

    fn middle(&mut self, byte: u8) -> Line {
        if byte == b'`' && !self.tick && self.fence.is_none() {
            self.span = !self.span;
        }
        Line::Middle
    }

    fn end_of_run(&mut self, mark: u8, length: usize) -> Line {
        match self.fence {
            None if length >= 3 => {
                self.fence = Some((mark, length));
                Line::Info
            }
            Some((open, least)) if mark == open && length >= least => Line::Closing,
            None if mark == b'`' => {
                self.span = true;
                Line::Middle
            }
            _ => Line::Middle,
        }
    }
}
