//! Server-sent events, cut at any byte.
//!
//! After the WHATWG definition, with what servers really do: `\n`, `\r\n` and `\r` all end a line, a byte order
//! mark may stand first, `event:` lines are optional (LiteLLM's Responses streams have none), comments are
//! reported because they are signs of life (`: ` pings of llama.cpp every 30 s, `: keepalive done/total` of
//! mlx-lm, `: OPENROUTER PROCESSING`; `wire-facts.md` §6.2, §7.9, §7.6), and old llama.cpp builds wrote an
//! `error:` field instead of `data:`.

use memchr::memchr2;

/// The most bytes that one line or the data of one event may have. A 100 MB line must not be kept.
pub(crate) const MAX_EVENT: usize = 16 * 1024 * 1024;

/// One thing that a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A comment, or an event without data.
    Comment(String),
    /// An event with data.
    Event {
        /// The `event:` field.
        name: Option<String>,
        /// The `data:` lines, joined with `\n`.
        data: String,
    },
}

/// A line or an event is longer than [`MAX_EVENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Takes bytes in pieces of any size and gives frames. Each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The last byte was `\r`, so a `\n` that follows belongs to it.
    after_cr: bool,
    /// The first line has been read.
    begun: bool,
    name: Option<String>,
    data: Option<String>,
}

// === impl Framer ===

impl Framer {
    /// Reads bytes; complete frames are added to `frames`, also when the error comes after them.
    pub(crate) fn push(&mut self, mut bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), TooLarge> {
        if let Some((&first, rest)) = bytes.split_first()
            && std::mem::take(&mut self.after_cr)
            && first == b'\n'
        {
            bytes = rest;
        }
        while let Some(at) = memchr2(b'\n', b'\r', bytes) {
            let (head, tail) = bytes.split_at(at);
            self.grow(head)?;
            let line = std::mem::take(&mut self.line);
            self.read(&line, frames)?;
            bytes = match tail {
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.grow(bytes)
    }

    /// The stream has ended: gives the event that no empty line has closed.
    pub(crate) fn finish(&mut self, frames: &mut Vec<Frame>) -> Result<(), TooLarge> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.read(&line, frames)?;
        }
        self.dispatch(frames);
        Ok(())
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + bytes.len() > MAX_EVENT {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn read(&mut self, line: &[u8], frames: &mut Vec<Frame>) -> Result<(), TooLarge> {
        let line = if std::mem::replace(&mut self.begun, true) {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        if line.is_empty() {
            self.dispatch(frames);
            return Ok(());
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => frames.push(Frame::Comment(value.to_owned())),
            "data" => self.append(value)?,
            "event" => self.name = Some(value.to_owned()),
            "error" => {
                self.name = Some("error".to_owned());
                self.append(value)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn append(&mut self, value: &str) -> Result<(), TooLarge> {
        if let Some(data) = &mut self.data {
            if data.len() + 1 + value.len() > MAX_EVENT {
                return Err(TooLarge);
            }
            data.push('\n');
            data.push_str(value);
        } else {
            self.data = Some(value.to_owned());
        }
        Ok(())
    }

    fn dispatch(&mut self, frames: &mut Vec<Frame>) {
        let name = self.name.take();
        match self.data.take() {
            Some(data) => frames.push(Frame::Event { name, data }),
            None => frames.extend(name.map(Frame::Comment)),
        }
    }
}

#[cfg(test)]
mod tests;
