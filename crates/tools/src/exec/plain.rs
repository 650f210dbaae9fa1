//! Output of programs without what is only for terminals.

use anstyle_parse::{DefaultCharAccumulator, Parser, Perform};

/// Takes control sequences out of a stream of bytes, wherever it is cut into pieces.
#[derive(Default)]
pub(super) struct Plain {
    parser: Parser<DefaultCharAccumulator>,
    /// The beginning of a character that was cut.
    begun: Vec<u8>,
    text: Text,
}

#[derive(Default)]
struct Text {
    out: String,
    /// A carriage return that may still be the first half of a line's end.
    returned: bool,
}

impl Plain {
    /// The text in `bytes`. What is not UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        // The parser would take what comes after half a character for a part of it.
        let begun = std::mem::take(&mut self.begun);
        let mut bytes = [&begun, bytes].concat();
        self.begun = bytes.split_off(bytes.len() - half(&bytes));
        for byte in String::from_utf8_lossy(&bytes).bytes() {
            self.parser.advance(&mut self.text, byte);
        }
        std::mem::take(&mut self.text.out)
    }
}

/// How many bytes at the end are the beginning of a character.
fn half(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let begins = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    if begins { last.len() } else { 0 }
}

impl Text {
    /// A line that is written over again is a line of its own here.
    fn finish_return(&mut self) {
        if std::mem::take(&mut self.returned) {
            self.out.push('\n');
        }
    }
}

impl Perform for Text {
    fn print(&mut self, char: char) {
        self.finish_return();
        // The second half of the control characters comes as letters.
        if !char.is_control() {
            self.out.push(char);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.returned = false;
                self.out.push('\n');
            }
            b'\r' => self.returned = true,
            b'\t' => {
                self.finish_return();
                self.out.push('\t');
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_text_is_left() {
        let cases: [(&[u8], &str); 8] = [
            (b"a\x1b[1;31mred\x1b[0m b", "ared b"),
            (b"\x1b]0;a title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
            (b"one\r\ntwo\r\n", "one\ntwo\n"),
            (b" 10%\r 20%\rdone\n", " 10%\n 20%\ndone\n"),
            (b"a\x07\x08\x00b\tc\x7f", "ab\tc"),
            ("é 中 \u{9b}31m".as_bytes(), "é 中 31m"),
            (b"\x1bP+q\x1b\\a\x1b(Bb", "ab"),
            (b"caf\xe9 \xff\n!", "caf\u{fffd} \u{fffd}\n!"),
        ];
        let told = cases.map(|(bytes, _)| Plain::default().push(bytes));
        assert_eq!(told, cases.map(|(_, text)| text));
    }

    proptest! {
        #[test]
        fn where_it_is_cut_does_not_matter_and_nothing_is_left_that_controls(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b']'), Just(b'\r')], 0..60),
            cut in 0..60_usize,
        ) {
            let whole = Plain::default().push(&bytes);
            let (begin, end) = bytes.split_at(cut.min(bytes.len()));
            let mut plain = Plain::default();
            prop_assert_eq!(plain.push(begin) + &plain.push(end), whole.clone());
            prop_assert!(whole.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\t')));
        }
    }
}
