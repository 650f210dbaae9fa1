//! Taking secrets out of a stream of bytes, wherever the stream is cut into pieces.

use memchr::memmem;
use yabby_core::Secret;

/// Shorter values are no secrets; replacing them would only garble the text. As in [`Secret::redact`].
const SHORTEST: usize = 4;
const MASK: &[u8] = b"***";

/// Replaces what is secret in what passes through it.
#[derive(Default)]
pub(super) struct Redactor {
    secrets: Vec<Vec<u8>>,
    /// What may be the beginning of a secret, and of each byte whether it belongs to one that was found.
    held: Vec<u8>,
    found: Vec<bool>,
    /// Whether the last byte that went out stands for a secret, which was told.
    inside: bool,
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all: Vec<Vec<u8>> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        all.retain(|secret| secret.len() >= SHORTEST);
        all.sort_unstable();
        all.dedup();
        Self {
            secrets: all,
            ..Self::default()
        }
    }

    /// Takes the next piece and appends to `out` what is certain by now.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(piece);
        self.found.resize(self.held.len(), false);
        for secret in &self.secrets {
            let finder = memmem::Finder::new(secret);
            let mut from = 0;
            while let Some(at) = self.held.get(from..).and_then(|rest| finder.find(rest)) {
                let start = from + at;
                if let Some(range) = self.found.get_mut(start..start + secret.len()) {
                    range.fill(true);
                }
                // Occurrences may overlap.
                from = start + 1;
            }
        }
        self.release(self.held.len() - self.open_end(), out);
    }

    /// Appends the rest: nothing more comes.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(self.held.len(), out);
    }

    /// The length of the longest end of what is held that could go on to a whole secret.
    fn open_end(&self) -> usize {
        let longest = |secret: &Vec<u8>| {
            let most = self.held.len().min(secret.len() - 1);
            (1..=most)
                .rev()
                .find(|length| secret.get(..*length).is_some_and(|begin| self.held.ends_with(begin)))
        };
        self.secrets.iter().filter_map(longest).max().unwrap_or(0)
    }

    fn release(&mut self, count: usize, out: &mut Vec<u8>) {
        for (byte, found) in self.held.drain(..count).zip(self.found.drain(..count)) {
            if !found {
                out.push(byte);
            } else if !self.inside {
                out.extend_from_slice(MASK);
            }
            self.inside = found;
        }
    }
}

/// The ways in which a value may turn up: as it is, as JSON writes it, and, of one with several lines or words such as
/// a PEM file or `Bearer sk-…`, each long one of them.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.trim_matches('"');
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= LONG);
    let token = value.rsplit_once(' ').map(|(_, token)| token);
    let all = [value, value.trim(), json].into_iter().chain(lines).chain(token);
    all.map(|form| form.as_bytes().to_vec()).collect()
}

/// A single line of a longer secret that gives something away.
const LONG: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn redacted(secrets: &[&str], pieces: &[&[u8]]) -> String {
        let secrets: Vec<Secret> = secrets.iter().map(|value| Secret::new(*value)).collect();
        let mut redactor = Redactor::new(&secrets);
        let mut out = Vec::new();
        for piece in pieces {
            redactor.push(piece, &mut out);
        }
        redactor.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_secret_is_replaced_and_nothing_else() {
        for (secrets, text, expected) in [
            (
                &["sk-1234"][..],
                "key sk-1234 was used, sk-123 not",
                "key *** was used, sk-123 not",
            ),
            // Side by side, inside one another, and overlapping: nothing of either is left.
            (&["abcd", "efgh"], "<abcdefgh>", "<***>"),
            (&["abcd", "xabcdx"], "<xabcdx> <xabcd>", "<***> <x***>"),
            (&["abcd", "cdef"], "<abcdef>", "<***>"),
            (&["aaaa"], "<aaaaaa>", "<***>"),
            // One that is short is no secret.
            (&["0", "abc"], "0 abc", "0 abc"),
            (&["Bearer sk-1234"], "token=sk-1234", "token=***"),
            (&["a\"b\\c"], r#"{"key": "a\"b\\c"}"#, r#"{"key": "***"}"#),
            (
                &["line one of a key\nline two of a key"],
                "| line two of a key",
                "| ***",
            ),
            (&[], "all of it", "all of it"),
        ] {
            assert_eq!(redacted(secrets, &[text.as_bytes()]), expected, "{secrets:?}");
            for cut in 0..=text.len() {
                let (begin, end) = text.as_bytes().split_at(cut);
                assert_eq!(redacted(secrets, &[begin, end]), expected, "{secrets:?} cut at {cut}");
            }
        }
    }

    /// A byte is released as soon as it cannot belong to a secret: a log that is read while it grows is whole.
    #[test]
    fn only_the_beginning_of_a_secret_is_held_back() {
        let secret = Secret::new("secret");
        let mut redactor = Redactor::new([&secret]);
        let mut seen = Vec::new();
        for piece in ["ready\n", "a sec", "ond"] {
            let mut out = Vec::new();
            redactor.push(piece.as_bytes(), &mut out);
            seen.push(String::from_utf8(out).unwrap());
        }
        assert_eq!(seen, ["ready\n", "a ", "second"]);
    }

    proptest! {
        /// Few letters, so that secrets overlap with themselves and with each other.
        #[test]
        fn cuts_change_nothing_and_no_secret_gets_through(
            secrets in vec("[ab]{4,7}", 0..4),
            text in "[abc]{0,60}",
            cuts in vec(0_usize..60, 0..8),
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let whole = redacted(&secrets, &[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(&redacted(&secrets, &pieces), &whole);
            // What a reader who does not stream would do: mark every byte of every occurrence.
            let mut marked = vec![false; text.len()];
            for secret in &secrets {
                for at in 0..text.len() {
                    if text[at..].starts_with(secret) {
                        marked[at..at + secret.len()].fill(true);
                    }
                }
            }
            let mut expected = String::new();
            for (at, letter) in text.chars().enumerate() {
                if !marked[at] {
                    expected.push(letter);
                } else if at == 0 || !marked[at - 1] {
                    expected.push_str("***");
                }
            }
            prop_assert_eq!(whole, expected);
        }
    }
}
