//! What an error quotes of a conversation is taken out before the error is written down.
//!
//! Servers repeat pieces of a request in their refusals (`input_value='…'`), and sometimes all of it. An error is compared
//! word by word with the conversation, so that quotation marks and escapes hide nothing. Taken out is
//!
//! - three words in a row that also stand in the conversation in a row,
//! - one or two words between quotation marks that stand there,
//! - a long word that stands there, or one with digits in it: a number, a name, a key,
//! - every word, of a conversation that has less than three.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use yabby_core::{Message, ModelRequest};

/// What was said, as far as it may be quoted.
#[derive(Debug, Default)]
pub(super) struct Quotable(Vec<String>);

/// So much of an answer can be quoted.
const LONGEST_ANSWER: usize = 64 << 10;
/// An error is cut after so many letters.
const LONGEST_ERROR: usize = 400;
/// A word of this length is telling by itself, one with digits in it sooner.
const LONG_WORD: usize = 12;
const LONG_NUMBER: usize = 6;
/// The most words in a row that are looked for.
const ROW: usize = 3;

struct Word {
    place: Range<usize>,
    hash: u64,
    letters: usize,
    digits: bool,
    /// The quotation mark before it, and the one behind it.
    quoted: (bool, bool),
}

impl Quotable {
    pub(super) fn of(request: &ModelRequest) -> Self {
        let mut texts: Vec<String> = request.system.iter().cloned().collect();
        for message in &request.messages {
            match message {
                Message::User { text, .. } => texts.push(text.clone()),
                Message::Assistant { text, tool_calls, .. } => {
                    texts.push(text.clone());
                    texts.extend(
                        tool_calls
                            .iter()
                            .flat_map(|call| call.arguments.values().map(ToString::to_string)),
                    );
                }
                Message::ToolResult { content, .. } => texts.push(content.clone()),
            }
        }
        // Where the answer goes.
        texts.push(String::new());
        Self(texts)
    }

    /// A piece of the answer or of the reasoning has come.
    pub(super) fn said(&mut self, piece: &str) {
        if let Some(answer) = self.0.last_mut()
            && answer.len() < LONGEST_ANSWER
        {
            answer.push_str(piece);
        }
    }

    /// The error without what it quotes.
    pub(super) fn without(&self, error: &str) -> String {
        let error: String = error.chars().take(LONGEST_ERROR).collect();
        let hasher = RandomState::new();
        let words: Vec<Word> = words(&error, &hasher).collect();
        let mut gone = vec![false; words.len()];
        let looked_for = looked_for(&words);
        for text in self.0.iter().filter(|text| !text.is_empty()) {
            let mut last = [0; ROW];
            let mut count = 0;
            for word in self::words(text, &hasher) {
                last.rotate_left(1);
                last[ROW - 1] = word.hash;
                count += 1;
                for length in 1..=ROW.min(count) {
                    let key = row(last.iter().skip(ROW - length).copied());
                    for at in looked_for
                        .get(&key)
                        .into_iter()
                        .flatten()
                        .filter(|at| at.len() == length)
                    {
                        gone.get_mut(at.clone())
                            .into_iter()
                            .flatten()
                            .for_each(|gone| *gone = true);
                    }
                }
            }
            if count < ROW {
                let all: Vec<u64> = self::words(text, &hasher).map(|word| word.hash).collect();
                for (word, gone) in words.iter().zip(&mut gone) {
                    *gone |= all.contains(&word.hash);
                }
            }
        }
        left(&error, &words, &gone)
    }
}

/// The rows of words that are taken out if they stand in the conversation.
fn looked_for(words: &[Word]) -> HashMap<u64, Vec<Range<usize>>> {
    let mut rows: HashMap<u64, Vec<Range<usize>>> = HashMap::new();
    for length in 1..=ROW {
        for (at, found) in words.windows(length).enumerate() {
            let quoted = matches!(found, [first, .., last] if first.quoted.0 && last.quoted.1)
                || matches!(found, [only] if only.quoted == (true, true));
            let telling =
                matches!(found, [only] if only.letters >= LONG_WORD || (only.digits && only.letters >= LONG_NUMBER));
            if length == ROW || quoted || telling {
                let key = row(found.iter().map(|word| word.hash));
                rows.entry(key).or_default().push(at..at + length);
            }
        }
    }
    rows
}

fn row(hashes: impl Iterator<Item = u64>) -> u64 {
    hashes.fold(0, |row, hash| {
        row.rotate_left(21).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash
    })
}

/// The error with one mark for each row of words that is gone.
fn left(error: &str, words: &[Word], gone: &[bool]) -> String {
    let mut out = String::with_capacity(error.len());
    let mut from = 0;
    let mut before = false;
    for (word, gone) in words.iter().zip(gone) {
        if *gone {
            if !before {
                out.push_str(error.get(from..word.place.start).unwrap_or_default());
                out.push('…');
            }
            from = word.place.end;
        } else if before {
            out.push_str(error.get(from..word.place.start).unwrap_or_default());
            from = word.place.start;
        }
        before = *gone;
    }
    out.push_str(error.get(from..).unwrap_or_default());
    out
}

/// The words of a text. A letter of a script without spaces is a word of its own, and an escape is none.
fn words<'a>(text: &'a str, hasher: &'a RandomState) -> impl Iterator<Item = Word> + 'a {
    let mut chars = text.char_indices().peekable();
    let mut quoted = false;
    std::iter::from_fn(move || {
        let mut letters = String::new();
        let mut place = 0..0;
        let mut digits = false;
        while let Some((at, char)) = chars.next() {
            if char == '\\' {
                // `\n`, `\"`; a letter that is written as a number stays one, in both.
                chars.next();
                quoted = false;
                continue;
            }
            if !char.is_alphanumeric() {
                quoted = is_quotation_mark(char);
                continue;
            }
            place.start = at;
            let mut next = Some((at, char));
            while let Some((at, char)) = next {
                letters.extend(char.to_lowercase());
                digits |= char.is_numeric();
                place.end = at + char.len_utf8();
                let wide = char >= '\u{2e80}';
                next = chars.next_if(|(_, next)| !wide && next.is_alphanumeric() && *next < '\u{2e80}');
            }
            break;
        }
        (!letters.is_empty()).then(|| {
            let behind = chars.peek().is_some_and(|(_, next)| is_quotation_mark(*next));
            Word {
                place,
                hash: hasher.hash_one(&letters),
                letters: letters.chars().count(),
                digits,
                quoted: (std::mem::take(&mut quoted), behind),
            }
        })
    })
}

fn is_quotation_mark(char: char) -> bool {
    matches!(char, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '「' | '」')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(texts: &[&str]) -> Quotable {
        let messages = texts.iter().map(|text| Message::user(*text)).collect();
        Quotable::of(&ModelRequest {
            messages,
            ..ModelRequest::default()
        })
    }

    #[test]
    fn quotations_go_and_the_words_of_the_server_stay() {
        let said = conversation(&[
            "My PIN is 493817 and I told only Rumpelstiltskin about the blue elephant.",
            "請告訴我為什麼天空是藍的",
        ]);
        for (error, left) in [
            ("model \"m1\" not found", "model \"m1\" not found"),
            (
                "input_value='My PIN is 493817 and I', input_type=str",
                "input_value='…', input_type=str",
            ),
            ("bad content: \"my pin\\nis 493817\"", "bad content: \"…\""),
            ("{\"text\": \"the blue elephant\"}", "{\"text\": \"…\"}"),
            ("cannot say 'elephant' here", "cannot say '…' here"),
            ("unexpected token Rumpelstiltskin", "unexpected token …"),
            ("無法處理「為什麼天空」這句", "無法處理「…」這句"),
            ("the model is busy", "the model is busy"),
        ] {
            assert_eq!(said.without(error), left);
        }
    }

    #[test]
    fn short_conversations_and_answers_are_kept_secret_too() {
        let mut said = conversation(&["hunter2"]);
        assert_eq!(said.without("cannot parse HUNTER2"), "cannot parse …");
        said.said("Purple cows ");
        said.said("fly at noon.");
        assert_eq!(
            said.without("expected JSON, got Purple cows fly"),
            "expected JSON, got …"
        );
    }

    #[test]
    fn errors_are_cut() {
        assert_eq!(
            conversation(&[]).without(&"é".repeat(5000)).chars().count(),
            LONGEST_ERROR
        );
    }

    proptest::proptest! {
        /// Whatever of the conversation is repeated between other words, and however it is quoted, is not there afterwards.
        #[test]
        fn no_three_words_in_a_row_are_left(
            words in proptest::collection::vec("[a-z]{3,8}", 3..30),
            from in 0_usize..27,
            mark in "['\"` ]",
        ) {
            let said = conversation(&[&words.join(" ")]);
            let from = from.min(words.len() - 3);
            let quoted = words[from..(from + 9).min(words.len())].join(" ");
            let left = said.without(&format!("0: {mark}{quoted}{mark} !"));
            proptest::prop_assert!(left == format!("0: {mark}…{mark} !"), "{left}");
        }
    }
}
