//! Cutting an answer for a channel that takes only so much at once.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::FinalText;

/// How much a channel takes in one message, and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimit {
    /// The most of them. Less than one counts as one.
    pub most: usize,
    /// Of what.
    pub unit: ChunkUnit,
}

/// What a channel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode scalar values.
    Chars,
    /// Units of UTF-16, as Telegram and JavaScript count.
    Utf16,
}

/// A block of code that is open where a text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fence {
    /// Three or more back quotes or tildes.
    marks: String,
    /// The line that opened it, without the end of the line.
    line: String,
}

/// What becomes one message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece<'a> {
    /// The code that it goes on with.
    reopened: Option<Fence>,
    text: &'a str,
    /// The code that it must close, and the next piece opens again.
    closed: Option<Fence>,
}

impl FinalText {
    /// The answer in pieces that a channel takes.
    ///
    /// It is cut between paragraphs, else between lines, sentences or words, and never inside of what a person sees as
    /// one character, unless that alone is larger than the limit (then between scalar values). The white space at a cut
    /// is left out; nothing else is. A block of code that is cut is closed in one piece and opened again in the next.
    pub fn chunks(&self, limit: ChunkLimit) -> Vec<Self> {
        let pieces = pieces(self.as_str(), limit);
        let last = pieces.len().saturating_sub(1);
        let pieces = pieces.iter().enumerate();
        pieces
            .map(|(at, piece)| Self::piece(piece.whole(), at == last && self.is_cut()))
            .collect()
    }
}

impl ChunkLimit {
    fn size(self, text: &str) -> usize {
        match self.unit {
            ChunkUnit::Bytes => text.len(),
            ChunkUnit::Chars => text.chars().count(),
            ChunkUnit::Utf16 => text.encode_utf16().count(),
        }
    }

    /// How many bytes of a text fit into `room`.
    fn fitting(self, text: &str, room: usize) -> usize {
        let mut size = 0;
        for (at, c) in text.char_indices() {
            size += match self.unit {
                ChunkUnit::Bytes => c.len_utf8(),
                ChunkUnit::Chars => 1,
                ChunkUnit::Utf16 => c.len_utf16(),
            };
            if size > room {
                return at;
            }
        }
        text.len()
    }
}

impl Piece<'_> {
    fn whole(&self) -> String {
        let mut whole = String::with_capacity(self.text.len() + 16);
        if let Some(fence) = &self.reopened {
            whole.push_str(&fence.line);
            whole.push('\n');
        }
        whole.push_str(self.text);
        if let Some(fence) = &self.closed {
            whole.push('\n');
            whole.push_str(&fence.marks);
        }
        whole
    }
}

impl Fence {
    /// What it takes to close this and to open it again.
    fn sizes(&self, limit: ChunkLimit) -> (usize, usize) {
        (limit.size(&self.marks) + 1, limit.size(&self.line) + 1)
    }
}

fn pieces(text: &str, limit: ChunkLimit) -> Vec<Piece<'_>> {
    let most = limit.most.max(1);
    let mut pieces = Vec::new();
    let mut rest = text.trim_end();
    let mut open: Option<Fence> = None;
    if rest.trim_start().is_empty() {
        return pieces;
    }
    loop {
        let reopened = open.clone().filter(|fence| fits(fence, limit, most));
        let head = reopened.as_ref().map_or(0, |fence| fence.sizes(limit).1);
        let room = most - head;
        let all = limit.fitting(rest, room) == rest.len();
        if all {
            pieces.push(Piece {
                reopened,
                text: rest,
                closed: None,
            });
            return pieces;
        }
        // First as if no code had to be closed; then, if some must, with room for that.
        let mut tail = 0;
        let (cut, closed) = loop {
            let cut = cut(rest, limit, room - tail);
            let closed = fence_after(open.as_ref(), &rest[..cut]);
            let needed = closed.as_ref().filter(|fence| fits(fence, limit, most));
            let needed = needed.map_or(0, |fence| fence.sizes(limit).0);
            if needed <= tail {
                break (cut, closed);
            }
            tail = needed;
        };
        let text = rest[..cut].trim_end();
        let next = rest[cut..].trim_start_matches(['\n', '\r']);
        // White space at the beginning of a line is meant in code, and nowhere else.
        rest = if closed.is_some() { next } else { next.trim_start() };
        if text.is_empty() {
            continue;
        }
        pieces.push(Piece {
            reopened,
            text,
            closed: closed.clone().filter(|fence| fits(fence, limit, most)),
        });
        open = closed;
    }
}

/// Whether it is worth to close a block and open it again: with a tiny limit nothing else would fit.
fn fits(fence: &Fence, limit: ChunkLimit, most: usize) -> bool {
    let (close, open) = fence.sizes(limit);
    (close + open).saturating_mul(2) <= most
}

/// Where to cut: as late as possible at the best kind of place in the second half, at least one character in.
fn cut(text: &str, limit: ChunkLimit, room: usize) -> usize {
    // What is cut off as white space needs no room.
    let end = limit.fitting(text, room);
    let window = &text[..end];
    let late = end / 2;
    let after = |found: Option<usize>, length: usize| found.map(|at| at + length).filter(|at| *at > late);
    // A place right behind the window is as good as one in it.
    if text[end..].starts_with('\n') && !window.trim().is_empty() {
        return end;
    }
    let paragraph = after(window.rfind("\n\n"), 2);
    let line = || after(window.rfind('\n'), 1);
    // Rules for words and sentences differ from those for characters, which count more.
    let bounds: Vec<usize> = text[..behind(text, end)]
        .grapheme_indices(true)
        .map(|(at, _)| at)
        .collect();
    let at_bound = |at: usize| {
        bounds
            .partition_point(|bound| *bound <= at)
            .checked_sub(1)
            .map(|n| bounds[n])
    };
    let sentence = || {
        let last = window.split_sentence_bound_indices().last();
        last.and_then(|(at, _)| at_bound(at)).filter(|at| *at > late)
    };
    let word = || {
        if text[end..].starts_with(char::is_whitespace) {
            return at_bound(end);
        }
        let last = text[..behind(text, end)].split_word_bound_indices();
        let last = last.map(|(at, _)| at).take_while(|at| *at <= end).last();
        last.and_then(at_bound).filter(|at| *at > late)
    };
    let character = || at_bound(end);
    let found = paragraph
        .or_else(line)
        .or_else(sentence)
        .or_else(word)
        .or_else(character);
    let found = found.filter(|at| !text[..*at].trim().is_empty());
    let first = text.chars().next().map_or(0, char::len_utf8);
    found.unwrap_or(end).max(first)
}

/// A place some way behind another, so that what is seen as one unit there is looked at as a whole.
fn behind(text: &str, at: usize) -> usize {
    let mut behind = text.len().min(at + 256);
    while !text.is_char_boundary(behind) {
        behind += 1;
    }
    behind
}

/// The block of code that is open behind a text, by `CommonMark`'s rules for the lines that open and close one.
fn fence_after(open: Option<&Fence>, text: &str) -> Option<Fence> {
    let mut open = open.cloned();
    for line in text.lines() {
        let inner = line.trim_start_matches(' ');
        if line.len() - inner.len() > 3 {
            continue;
        }
        let Some(mark) = inner.chars().next().filter(|c| matches!(c, '`' | '~')) else {
            continue;
        };
        let rest = inner.trim_start_matches(mark);
        let marks = &inner[..inner.len() - rest.len()];
        if marks.len() < 3 {
            continue;
        }
        match &open {
            Some(fence) if fence.marks.starts_with(mark) => {
                if marks.len() >= fence.marks.len() && rest.trim().is_empty() {
                    open = None;
                }
            }
            Some(_) => {}
            None if mark == '`' && rest.contains('`') => {}
            None => {
                open = Some(Fence {
                    marks: marks.to_owned(),
                    line: line.trim_end().to_owned(),
                });
            }
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chars(most: usize) -> ChunkLimit {
        ChunkLimit {
            most,
            unit: ChunkUnit::Chars,
        }
    }

    fn cut_up(text: &str, most: usize) -> Vec<String> {
        pieces(text, chars(most)).iter().map(Piece::whole).collect()
    }

    #[test]
    fn the_best_place_is_taken() {
        assert_eq!(cut_up("short", 100), ["short"]);
        assert_eq!(cut_up(" \n ", 100), [""; 0]);
        assert_eq!(cut_up("One two.\n\nThree.\nFour.", 18), ["One two.", "Three.\nFour."]);
        assert_eq!(cut_up("one two\nthree four", 12), ["one two", "three four"]);
        assert_eq!(cut_up("First one. Then two.", 15), ["First one.", "Then two."]);
        assert_eq!(cut_up("some words here", 11), ["some words", "here"]);
        assert_eq!(cut_up("first second", 5), ["first", "secon", "d"]);
        assert_eq!(cut_up("第一句。第二句。", 6), ["第一句。", "第二句。"]);
    }

    #[test]
    fn what_is_seen_as_one_character_stays_whole() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(cut_up(&family.repeat(3), 8), [family; 3]);
        assert_eq!(cut_up("e\u{301}e\u{301}", 3), ["e\u{301}"; 2]);
        // It does not fit at all.
        assert_eq!(cut_up(family, 3).concat(), family);
    }

    #[test]
    fn code_is_opened_again() {
        let code = "See:\n```rust\nfn a() {}\n    let b = 1;\nfn c() {}\n```\nDone.";
        assert_eq!(
            cut_up(code, 40),
            [
                "See:\n```rust\nfn a() {}\n```",
                "```rust\n    let b = 1;\nfn c() {}\n```",
                "Done.",
            ]
        );
        // Where there is no room for that, the limit counts more.
        assert_eq!(cut_up("```\nabcdef\n```", 5), ["```", "abcde", "f\n```"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn nothing_is_lost_and_limits_are_kept(
            parts in proptest::collection::vec(
                prop_oneof![
                    "[a-z .!?]{0,12}",
                    Just("```rust\n".to_owned()),
                    Just("\n```\n".to_owned()),
                    Just("~~~~\n".to_owned()),
                    Just("\n\n".to_owned()),
                    Just("    indented\n".to_owned()),
                    "[一-龥。，🇹🇼é\u{301}👩\u{200d}]{0,8}",
                    "\\PC{0,6}",
                    "[ \n\r\t]{0,4}",
                ],
                0..40,
            ),
            most in 1_usize..120,
            unit in prop_oneof![Just(ChunkUnit::Bytes), Just(ChunkUnit::Chars), Just(ChunkUnit::Utf16)],
        ) {
            // A limit that no single character exceeds.
            let most = if unit == ChunkUnit::Chars { most } else { most.max(4) };
            let limit = ChunkLimit { most, unit };
            let text = parts.concat();
            let pieces = pieces(&text, limit);
            let mut rest = text.as_str();
            for (n, piece) in pieces.iter().enumerate() {
                let whole = piece.whole();
                prop_assert!(limit.size(&whole) <= most, "{whole:?} is larger than {limit:?}");
                prop_assert!(!piece.text.trim().is_empty(), "an empty piece of {text:?}");
                let at = piece.text.as_ptr() as usize - text.as_ptr() as usize;
                let before = text.len() - rest.len();
                prop_assert!(text[before..at].trim().is_empty(), "{:?} is lost", &text[before..at]);
                rest = &text[at + piece.text.len()..];
                let next = pieces.get(n + 1).and_then(|next| next.reopened.as_ref());
                prop_assert_eq!(piece.closed.as_ref(), next);
            }
            prop_assert!(rest.trim().is_empty(), "{:?} is lost", rest);
        }

        #[test]
        fn no_character_is_torn(text in "[a-c \ne\u{301}👨👩\u{200d}🇹🇼]{0,80}", most in 40_usize..60) {
            let bounds: std::collections::BTreeSet<usize> = text
                .grapheme_indices(true)
                .map(|(at, _)| at)
                .chain([text.len()])
                // A mark that stands on white space is left alone when that is left out.
                .chain(text.match_indices([' ', '\n']).map(|(at, space)| at + space.len()))
                .collect();
            let longest = text.graphemes(true).map(str::len).max().unwrap_or(0);
            prop_assume!(longest <= most);
            let limit = ChunkLimit { most, unit: ChunkUnit::Bytes };
            for piece in pieces(&text, limit) {
                let at = piece.text.as_ptr() as usize - text.as_ptr() as usize;
                prop_assert!(bounds.contains(&at) && bounds.contains(&(at + piece.text.len())), "{text:?} {piece:?}");
            }
        }
    }
}
