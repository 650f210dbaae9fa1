//! Joins what one model has said with what another one says after it.
//!
//! A model that shall go on from given words often says some of them again: all of them from the beginning, or the last few.
//! What was shown once is never shown again, so the beginning of its text is held back until it is known which part is new.

/// The shortest piece, in bytes, that is taken for a repetition; a shorter one may be there by chance, as the second digit
/// of `11`.
const REPEATED: usize = 16;

/// Takes the new text in and gives out what may be shown.
#[derive(Debug)]
pub(crate) struct Seam {
    /// What was shown before; empty where nothing was.
    before: String,
    /// What has come and is not decided yet.
    held: String,
    decided: bool,
    /// Whether white space that comes next is a repetition.
    trimming: bool,
    /// Whether the model goes on from the very letter; otherwise it begins a text of its own.
    exact: bool,
}

impl Seam {
    /// Behind `before`; `exact` when the model goes on from its very last letter, and not with a text of its own. White
    /// space at the beginning of an answer is held back until there is a word.
    pub(crate) fn after(before: &str, exact: bool) -> Self {
        Self {
            before: before.to_owned(),
            held: String::new(),
            decided: false,
            trimming: false,
            exact,
        }
    }

    /// The next piece; gives what may be shown now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        if self.decided {
            let piece = if self.trimming { piece.trim_start() } else { piece };
            self.trimming &= piece.is_empty();
            return piece.to_owned();
        }
        self.held.push_str(piece);
        if self.held.trim().is_empty() || (!self.before.is_empty() && self.may_repeat()) {
            return String::new();
        }
        self.decide()
    }

    /// The text is over; gives what was held back. White space alone is nothing.
    pub(crate) fn finish(&mut self) -> String {
        if self.decided || self.held.trim().is_empty() {
            return String::new();
        }
        self.decide()
    }

    /// Whether more text can still show that what was held is a repetition.
    fn may_repeat(&self) -> bool {
        let held = self.held.trim_start();
        let before = self.before.trim();
        // From the beginning, or from some place near the end on.
        before.starts_with(held) || self.starts_in_before(held)
    }

    /// Whether the held text is a piece of what was said, and not yet its end.
    fn starts_in_before(&self, held: &str) -> bool {
        let before = self.before.trim_end();
        before
            .match_indices(held)
            .any(|(at, found)| at + found.len() < before.len())
    }

    fn decide(&mut self) -> String {
        self.decided = true;
        let held = std::mem::take(&mut self.held);
        if self.before.is_empty() {
            return held;
        }
        let repeated = self.repeated(&held);
        let new = &held[repeated..];
        if self.before.ends_with(char::is_whitespace) {
            let new = new.trim_start();
            self.trimming = new.is_empty();
            return new.to_owned();
        }
        let ends = |c: char| c.is_ascii_alphanumeric() || ".,;:!?)".contains(c);
        if !self.exact
            && repeated == 0
            && self.before.ends_with(ends)
            && new.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            // A new beginning has no space of its own.
            return format!(" {new}");
        }
        new.to_owned()
    }

    /// How many bytes of `held` were said before.
    fn repeated(&self, held: &str) -> usize {
        let start = held.len() - held.trim_start().len();
        let (text, before) = (&held[start..], self.before.trim());
        // All of it, or its beginning and then something else.
        let common = common(text, before);
        if common == before.len() || common >= REPEATED {
            return start + common;
        }
        // The end of what was said.
        let before = self.before.trim_end();
        let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        let overlap = ends
            .filter(|end| *end >= REPEATED)
            .find(|end| before.ends_with(&text[..*end]));
        overlap.map_or(0, |end| start + end)
    }
}

/// How many bytes two texts have in common at their beginning, whole characters only.
fn common(one: &str, other: &str) -> usize {
    let same = one.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
    same.last().map_or(0, |((at, c), _)| at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(before: &str, pieces: &[&str]) -> String {
        joined_as(before, pieces, false)
    }

    fn joined_as(before: &str, pieces: &[&str], exact: bool) -> String {
        let mut seam = Seam::after(before, exact);
        let mut out = before.to_owned();
        for piece in pieces {
            out.push_str(&seam.push(piece));
        }
        out.push_str(&seam.finish());
        out
    }

    #[test]
    fn one_case_a_row() {
        for (before, then, whole) in [
            // A first answer.
            ("", "Hello there.", "Hello there."),
            ("", " \n Hello", " \n Hello"),
            ("", "  ", ""),
            // It goes on, as a server that takes prefills does.
            ("The capital of France", " is Paris.", "The capital of France is Paris."),
            ("x = 1", "1", "x = 1 1"),
            ("巴黎是法國", "的首都。", "巴黎是法國的首都。"),
            // It begins a word of its own.
            ("The capital of France is", "Paris.", "The capital of France is Paris."),
            (
                "The capital of France is ",
                " Paris.",
                "The capital of France is Paris.",
            ),
            ("One.\n", "\n\nTwo.", "One.\nTwo."),
            // It says all of it again.
            (
                "The capital of France is",
                "The capital of France is Paris.",
                "The capital of France is Paris.",
            ),
            ("Hi", "Hi there", "Hi there"),
            (" Hi", "Hi there", " Hi there"),
            // It says the end again.
            (
                "There are three colours. The first of them is",
                "The first of them is red.",
                "There are three colours. The first of them is red.",
            ),
            // It begins anew in other words, after a long common beginning.
            (
                "The capital of France is",
                "The capital of France, as is known, is Paris.",
                "The capital of France is, as is known, is Paris.",
            ),
            // A short common beginning is chance.
            ("The first", "The second", "The first The second"),
            // Nothing more.
            ("All of it.", "", "All of it."),
            ("All of it, and more.", "All of it", "All of it, and more. All of it"),
        ] {
            assert_eq!(joined(before, &[then]), whole, "{before:?} + {then:?}");
        }
    }

    #[test]
    fn what_goes_on_from_the_letter_gets_no_space() {
        assert_eq!(joined_as("x = 1", &["1"], true), "x = 11");
        assert_eq!(joined_as("The capi", &["tal"], true), "The capital");
    }

    proptest! {
        /// However the text is cut, the same comes out.
        #[test]
        fn cuts_change_nothing(before in "[ab .\n]{0,40}", then in "[ab .\né]{0,60}", cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let whole = joined(&before, &[&then]);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| then.is_char_boundary(*cut)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&then[from..cut]);
                from = cut;
            }
            pieces.push(&then[from..]);
            prop_assert_eq!(joined(&before, &pieces), whole);
        }

        /// What says all of it again, and more, adds only what is new.
        #[test]
        fn a_whole_repetition_is_not_shown(before in "[a-z]{3,9}( [a-z]{3,9}){3,9}", more in " [a-z]{1,20}") {
            let again = format!("{before}{more}");
            prop_assert_eq!(joined(&before, &[&again]), again);
        }
    }
}
