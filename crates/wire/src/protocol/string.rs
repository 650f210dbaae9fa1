//! JSON strings and values that come in pieces.

use memchr::memchr2;

/// What stands for half of a surrogate pair.
const LOST: char = '\u{FFFD}';

/// Reads the inside of a string.
#[derive(Debug, Default)]
pub(super) struct Unescape {
    state: State,
    /// The first half of a surrogate pair.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Plain,
    /// After a backslash.
    Escape,
    /// After `\u` and this many digits.
    Unicode(u8, u16),
}

/// Finds the end of a value.
#[derive(Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    string: bool,
    escaped: bool,
    begun: bool,
}

// === impl Unescape ===

impl Unescape {
    /// Adds what `piece` says to `out`. Gives the bytes up to and with the closing quote, if it is there.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            let rest = &piece[at..];
            match self.state {
                State::Plain => {
                    let run = memchr2(b'"', b'\\', rest.as_bytes()).unwrap_or(rest.len());
                    if run > 0 {
                        self.flush(out);
                        out.push_str(&rest[..run]);
                    } else if rest.starts_with('"') {
                        self.flush(out);
                        return Some(at + 1);
                    } else {
                        self.state = State::Escape;
                    }
                    at += run.max(1);
                }
                State::Escape => {
                    let c = rest.chars().next().unwrap_or(LOST);
                    at += c.len_utf8();
                    self.state = if c == 'u' { State::Unicode(0, 0) } else { State::Plain };
                    if c != 'u' {
                        self.flush(out);
                        out.push(escaped(c));
                    }
                }
                State::Unicode(digits, value) => {
                    let c = rest.chars().next().unwrap_or(LOST);
                    let Some(digit) = c.to_digit(16).and_then(|digit| u16::try_from(digit).ok()) else {
                        // No escape at all: what stands here is read as it is.
                        self.flush(out);
                        out.push(LOST);
                        self.state = State::Plain;
                        continue;
                    };
                    at += 1;
                    let value = value << 4 | digit;
                    self.state = State::Unicode(digits + 1, value);
                    if digits == 3 {
                        self.state = State::Plain;
                        self.unit(value, out);
                    }
                }
            }
        }
        None
    }

    /// A UTF-16 unit.
    fn unit(&mut self, unit: u16, out: &mut String) {
        if let Some(high) = self.high
            && let [Ok(c)] = char::decode_utf16([high, unit]).collect::<Vec<_>>().as_slice()
        {
            self.high = None;
            out.push(*c);
            return;
        }
        self.flush(out);
        match char::from_u32(unit.into()) {
            Some(c) => out.push(c),
            None if unit < 0xDC00 => self.high = Some(unit),
            None => out.push(LOST),
        }
    }

    /// A first half without a second one.
    fn flush(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(LOST);
        }
    }
}

fn escaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{C}',
        other => other,
    }
}

// === impl Scan ===

impl Scan {
    /// Inside an object whose brace has been read.
    pub(super) fn inside() -> Self {
        Self {
            depth: 1,
            begun: true,
            ..Self::default()
        }
    }

    /// The bytes of `piece` that belong to the value, if it ends there. Brackets are only counted: a parser looks at
    /// them later.
    pub(super) fn push(&mut self, piece: &str) -> Option<usize> {
        for (at, byte) in piece.bytes().enumerate() {
            if self.string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.string = true,
                b'{' | b'[' => self.depth += 1,
                // What closes the object around a number or a word.
                b'}' | b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b',' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 && self.begun => return Some(at),
                _ => {}
            }
            self.begun = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&str]) -> (String, Option<usize>) {
        let (mut reader, mut out, mut end) = (Unescape::default(), String::new(), None);
        for piece in pieces {
            end = reader.push(piece, &mut out);
        }
        (out, end)
    }

    #[test]
    fn escapes() {
        assert_eq!(read(&[r#"a\n\t\"\\\/\u00e9 é\ud83d\ude00" rest"#]).0, "a\n\t\"\\/é é😀");
        assert_eq!(read(&["\\ud8", "3d\\", "ude0", "0\"x"]), ("😀".to_owned(), Some(2)));
        assert_eq!(read(&[r#"\ud83dx\ude00\ud83d""#]).0, "\u{FFFD}x\u{FFFD}\u{FFFD}");
        assert_eq!(
            read(&[r#"\ud83d\n\ud83d\ud83d\ude00\u12g\q""#]).0,
            "\u{FFFD}\n\u{FFFD}😀\u{FFFD}gq"
        );
    }

    #[test]
    fn ends_of_values() {
        for (value, rest) in [
            ("12", "}"),
            ("true", ", "),
            (r#""a}\"]""#, "}"),
            (r#"{"a": [1, {"b": "}"}]}"#, "}"),
            ("[]", "]"),
        ] {
            let text = format!("{value}{rest}");
            assert_eq!(Scan::default().push(&text), Some(value.len()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_string_comes_out_as_it_went_in(text in any::<String>(), ascii in any::<bool>(), cut in any::<prop::sample::Index>()) {
            let mut written = serde_json::to_string(&text).unwrap();
            if ascii {
                let mut escaped = String::new();
                for c in written.chars() {
                    if c.is_ascii() {
                        escaped.push(c);
                    } else {
                        for unit in c.encode_utf16(&mut [0; 2]) {
                            let _ = write!(escaped, "\\u{unit:04x}");
                        }
                    }
                }
                written = escaped;
            }
            let inside = &written[1..];
            let mut cut = cut.index(inside.len());
            while !inside.is_char_boundary(cut) {
                cut -= 1;
            }
            let (found, end) = read(&[&inside[..cut], &inside[cut..]]);
            prop_assert_eq!(found, text);
            prop_assert_eq!(end, Some(inside.len() - cut));
        }
    }
}
