//! Reading text that may not be all there yet.

/// Why a reader did not find what it looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// What is there fits, and the text goes on.
    More,
    /// This is something else.
    No,
}

/// What a reader gives. A reader that has given `Ok` or `No` gives the same when more text follows.
pub(super) type Read<T> = Result<T, Stop>;

/// Whether more text can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// More can follow.
    Open,
    /// The model has ended here.
    Ended,
    /// A limit has ended the answer here.
    Cut,
}

/// The most characters of a name or an attribute.
const MAX_SHORT: usize = 160;

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    ending: Ending,
}

/// Whether `c` can stand in the name of a tool.
pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, ending: Ending) -> Self {
        Self { text, at: 0, ending }
    }

    /// The bytes that have been read.
    pub(super) fn used(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads `bytes` bytes.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// What it means that the text ends before something is decided.
    pub(super) fn more(&self) -> Stop {
        match self.ending {
            Ending::Open => Stop::More,
            Ending::Ended | Ending::Cut => Stop::No,
        }
    }

    /// Whether the model ended its answer here, so that closing tags may be missing.
    pub(super) fn ended(&self) -> bool {
        self.ending == Ending::Ended && self.rest().trim().is_empty()
    }

    /// Whether nothing is left; open text may go on.
    pub(super) fn nothing_left(&self) -> Read<bool> {
        match (self.rest().is_empty(), self.ending) {
            (true, Ending::Open) => Err(Stop::More),
            (empty, _) => Ok(empty),
        }
    }

    pub(super) fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn peek(&self) -> Read<char> {
        self.rest().chars().next().ok_or_else(|| self.more())
    }

    /// Skips white space and looks at what follows.
    pub(super) fn next_is(&mut self, c: char) -> Read<bool> {
        self.space();
        Ok(self.peek()? == c)
    }

    /// Reads `tag` if it stands here.
    pub(super) fn maybe(&mut self, tag: &str) -> Read<bool> {
        self.any(&[tag])
    }

    /// Reads the first of `tags` that stands here.
    pub(super) fn any(&mut self, tags: &[&str]) -> Read<bool> {
        let rest = self.rest();
        if let Some(tag) = tags.iter().find(|tag| rest.starts_with(**tag)) {
            self.at += tag.len();
            return Ok(true);
        }
        if self.ending == Ending::Open && tags.iter().any(|tag| tag.starts_with(rest)) {
            return Err(Stop::More);
        }
        Ok(false)
    }

    /// Reads `tag`, which must stand here.
    pub(super) fn tag(&mut self, tag: &str) -> Read<()> {
        self.one_of(&[tag])
    }

    /// Reads one of `tags`, which must stand here.
    pub(super) fn one_of(&mut self, tags: &[&str]) -> Read<()> {
        if self.any(tags)? { Ok(()) } else { Err(Stop::No) }
    }

    /// Reads one of `tags` with white space before it; without one nothing is read.
    pub(super) fn closer(&mut self, tags: &[&str]) -> Read<bool> {
        let before = self.at;
        self.space();
        let found = self.any(tags)?;
        if !found {
            self.at = before;
        }
        Ok(found)
    }

    /// Whether one of `tags` stands after white space; nothing is read.
    pub(super) fn before(&self, tags: &[&str]) -> Read<bool> {
        let mut ahead = *self;
        ahead.closer(tags)
    }

    /// Reads up to `marker` and the marker; what stands before it is short and on one line.
    pub(super) fn short(&mut self, marker: char) -> Read<&'a str> {
        let rest = self.rest();
        match rest.find([marker, '\n']) {
            Some(at) if at <= MAX_SHORT && rest[at..].starts_with(marker) => {
                self.at += at + marker.len_utf8();
                Ok(&rest[..at])
            }
            None if rest.len() <= MAX_SHORT => Err(self.more()),
            _ => Err(Stop::No),
        }
    }

    /// Reads a name.
    pub(super) fn name(&mut self) -> Read<&'a str> {
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if length > MAX_SHORT || (length == 0 && !rest.is_empty()) {
            return Err(Stop::No);
        }
        if length == rest.len() && (length == 0 || self.ending == Ending::Open) {
            return Err(self.more());
        }
        self.at += length;
        Ok(&rest[..length])
    }
}
