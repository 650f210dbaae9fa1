//! Cutting words.

use std::ops::Range;

/// Longer words are found by their beginning: nobody asks for more of base64.
const LONGEST: usize = 64;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case.
    pub(super) text: String,
    /// Where it stands in the text, in bytes.
    pub(super) range: Range<usize>,
    /// Whether it is a character that is a word of its own.
    pub(super) is_alone: bool,
}

/// The words of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, first) = rest.next()?;
            if !first.is_alphanumeric() {
                continue;
            }
            let mut word = Word {
                text: String::new(),
                range: start..start + first.len_utf8(),
                is_alone: is_alone(first),
            };
            add(&mut word.text, first);
            while !word.is_alone
                && let Some((at, next)) = rest.next_if(|(_, next)| next.is_alphanumeric() && !is_alone(*next))
            {
                word.range.end = at + next.len_utf8();
                if word.text.len() < LONGEST {
                    add(&mut word.text, next);
                }
            }
            if !word.text.is_empty() {
                return Some(word);
            }
        }
    })
}

fn add(word: &mut String, c: char) {
    // What is as wide as a Chinese character is the same letter.
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
}

/// Whether a character is written without spaces around its word: Han, kana, hangul, bopomofo, Thai, Lao, Khmer, Burmese.
fn is_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1100..=0x11ff | 0x1780..=0x17ff | 0x2e80..=0x2fdf | 0x3005..=0x3007
        | 0x3021..=0x3029 | 0x3031..=0x318f | 0x31a0..=0x31bf | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xff66..=0xffdc | 0x1b000..=0x1b16f | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        words(text).map(|word| word.text).collect()
    }

    #[test]
    fn words_are_cut_the_same_way_everywhere() {
        assert_eq!(cut("Hello, wörld-42!"), ["hello", "wörld", "42"]);
        assert_eq!(cut("用Rust寫程式。"), ["用", "rust", "寫", "程", "式"]);
        assert_eq!(cut("ＡＢＣ１ はい 한국"), ["abc1", "は", "い", "한", "국"]);
        assert_eq!(cut(" …'\"\\ "), [""; 0]);
        assert_eq!(cut(&"x".repeat(500)), ["x".repeat(LONGEST)]);
        let text = "a 記憶 b";
        let ranges: Vec<&str> = words(text).map(|word| &text[word.range]).collect();
        assert_eq!(ranges, ["a", "記", "憶", "b"]);
    }
}
