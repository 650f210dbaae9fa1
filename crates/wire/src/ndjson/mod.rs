//! One JSON document a line, cut at any byte: how Ollama's own API streams.
//!
//! `\n` ends a line, and a `\r` before it is white space.

use memchr::memchr;

use crate::sse::{MAX_EVENT, TooLarge};

/// Takes bytes in pieces of any size and gives lines. Each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
}

// === impl Lines ===

impl Lines {
    /// Reads bytes; complete lines are added to `lines`, also when the error comes after them.
    pub(crate) fn push(&mut self, mut bytes: &[u8], lines: &mut Vec<Vec<u8>>) -> Result<(), TooLarge> {
        while let Some(at) = memchr(b'\n', bytes) {
            self.grow(&bytes[..at])?;
            lines.push(self.finish());
            bytes = &bytes[at + 1..];
        }
        self.grow(bytes)
    }

    /// The line that nothing has ended.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line)
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + bytes.len() > MAX_EVENT {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut framer, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            framer.push(piece, &mut found).unwrap();
        }
        found.push(framer.finish());
        let text = |line: Vec<u8>| String::from_utf8(line).unwrap();
        found.into_iter().map(text).collect()
    }

    #[test]
    fn lines_however_they_are_cut_and_ended() {
        let body = "{\"a\":1}\r\n\n \r\n{\"é\":\n{}".as_bytes();
        let expected = ["{\"a\":1}\r", "", " \r", "{\"é\":", "{}"];
        assert_eq!(lines([body]), expected);
        assert_eq!(lines(body.chunks(1)), expected);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let (mut framer, mut found) = (Lines::default(), Vec::new());
        let piece = vec![b'x'; MAX_EVENT / 4];
        let results: Vec<_> = (0..5).map(|_| framer.push(&piece, &mut found)).collect();
        assert_eq!(results, [Ok(()), Ok(()), Ok(()), Ok(()), Err(TooLarge)]);
    }
}
