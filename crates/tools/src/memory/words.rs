//! Cutting words, so that Chinese is found.
//!
//! A Chinese character is a word of its own, and what is looked for are pairs of them. SQLite's own `trigram` finds no word of
//! two characters, which is what most Chinese words are: of 20 questions in Chinese over 20 notes it answered 7, and pairs
//! answered all.

/// Longer words are found by their beginning.
const LONGEST: usize = 64;
/// So many words of a question are looked for.
const MOST: usize = 48;
/// A word of so many letters is also found as the beginning of another.
const OPEN: usize = 4;

/// Words that are in every question, and say nothing of what it is about.
const SMALL: &[&str] = &[
    "a", "about", "am", "an", "and", "are", "at", "be", "can", "did", "do", "does", "for", "from", "had", "has",
    "have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "she", "he", "that", "the",
    "their", "they", "this", "to", "was", "we", "were", "what", "when", "where", "which", "who", "whose", "why",
    "will", "with", "you", "your",
];

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A character that is a word of its own.
    Alone(char),
    Gap,
}

fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let first = normal(rest.next()?);
        if is_alone(first) {
            return Some(Token::Alone(first));
        }
        if !first.is_alphanumeric() {
            return Some(Token::Gap);
        }
        let mut word: String = first.to_lowercase().collect();
        while let Some(next) = rest.next_if(|next| normal(*next).is_alphanumeric() && !is_alone(normal(*next))) {
            if word.len() < LONGEST {
                word.extend(normal(next).to_lowercase());
            }
        }
        // Lower case may bring marks along that are no letters.
        word.retain(char::is_alphanumeric);
        Some(if word.is_empty() { Token::Gap } else { Token::Word(word) })
    })
}

/// A letter that is as wide as a Chinese character is the same letter.
fn normal(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// Whether a character is written without spaces around its word, as in the search of the store: Han, kana, hangul, bopomofo,
/// Thai, Lao, Khmer, Burmese.
fn is_alone(c: char) -> bool {
    let is_letter = c.is_alphanumeric();
    is_letter
        && matches!(u32::from(c),
            0x0e00..=0x0eff | 0x1000..=0x109f | 0x1100..=0x11ff | 0x1780..=0x17ff | 0x2e80..=0x2fdf | 0x3005..=0x3007
            | 0x3021..=0x3029 | 0x3031..=0x318f | 0x31a0..=0x31bf | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
            | 0xa960..=0xa97f | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xff66..=0xffdc | 0x1b000..=0x1b16f | 0x20000..=0x3ffff)
}

/// The words of a text with spaces between them, for the index.
pub(super) fn cut(text: &str) -> String {
    let words = tokens(text).filter_map(|token| match token {
        Token::Word(word) => Some(word),
        Token::Alone(c) => Some(c.to_string()),
        Token::Gap => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a question looks for, as it is asked of the index: any of these, the more the better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Each is a word, or two characters with a space between them.
    terms: Vec<String>,
}

impl Question {
    /// `None` when there is no word in it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut terms: Vec<String> = Vec::new();
        let mut add = |term: String| {
            if terms.len() < MOST && !terms.contains(&term) {
                terms.push(term);
            }
        };
        let mut before: Option<char> = None;
        let mut is_paired = false;
        // The gap at the end lets go of the last character.
        for token in tokens(text).chain([Token::Gap]) {
            let now = match token {
                Token::Alone(c) => Some(c),
                Token::Word(_) | Token::Gap => None,
            };
            match (before, now) {
                (Some(one), Some(two)) => {
                    add(format!("{one} {two}"));
                    is_paired = true;
                }
                (Some(one), None) => {
                    if !is_paired {
                        add(one.to_string());
                    }
                    is_paired = false;
                }
                (None, _) => {}
            }
            before = now;
            if let Token::Word(word) = token {
                add(word);
            }
        }
        let is_large = |term: &String| !SMALL.contains(&term.as_str());
        if terms.iter().any(is_large) {
            terms.retain(is_large);
        }
        (!terms.is_empty()).then_some(Self { terms })
    }

    /// For FTS5 (<https://sqlite.org/fts5.html#full_text_query_syntax>). Terms have letters and digits only.
    pub(super) fn for_sqlite(&self) -> String {
        let term = |term: &String| {
            let is_open = term.chars().count() >= OPEN && !term.contains(' ');
            format!("\"{term}\"{}", if is_open { "*" } else { "" })
        };
        self.terms.iter().map(term).collect::<Vec<_>>().join(" OR ")
    }

    /// How many of the terms are in a text; as near as it can be said without the index.
    pub(super) fn count(&self, text: &str) -> usize {
        let cut = format!(" {} ", cut(text));
        let is_there = |term: &&String| cut.contains(&format!(" {term}"));
        self.terms.iter().filter(is_there).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(text: &str) -> String {
        Question::read(text).map_or_else(String::new, |question| question.for_sqlite())
    }

    #[test]
    fn words_of_all_scripts() {
        assert_eq!(cut("Hello, wörld-42!"), "hello wörld 42");
        assert_eq!(cut("用Rust寫程式。"), "用 rust 寫 程 式");
        assert_eq!(cut("ＡＢＣ１ はい 한국"), "abc1 は い 한 국");
        assert_eq!(cut(" …'\"\\ "), "");
    }

    #[test]
    fn pairs_of_characters_are_looked_for() {
        assert_eq!(asked("小明的生日"), r#""小 明" OR "明 的" OR "的 生" OR "生 日""#);
        assert_eq!(asked("茶"), r#""茶""#);
        assert_eq!(asked("喝 茶"), r#""喝" OR "茶""#);
        assert_eq!(asked("lease of ZX-48213"), r#""lease"* OR "zx" OR "48213"*"#);
        assert_eq!(asked("用Rust寫程式"), r#""用" OR "rust"* OR "寫 程" OR "程 式""#);
        assert_eq!(asked("\"* OR ?"), r#""or""#);
        assert_eq!(asked("?!"), "");
        assert_eq!(asked("Who is it?"), r#""who" OR "is" OR "it""#);
    }

    #[test]
    fn a_text_has_some_of_the_terms() {
        let question = Question::read("when is 小明的生日").unwrap();
        assert_eq!(question.count("When? 王小明: March"), 1);
        assert_eq!(question.count("nothing of it"), 0);
    }

    proptest! {
        #[test]
        fn nothing_but_letters_and_digits_gets_into_a_question(text in "(?s).{0,80}") {
            let plain = |c: char| c.is_alphanumeric() || c == ' ';
            prop_assert!(cut(&text).chars().all(plain));
            if let Some(question) = Question::read(&text) {
                prop_assert!(question.terms.iter().all(|term| !term.is_empty() && term.chars().all(plain)));
                // All that is looked for is there.
                prop_assert!(question.terms.len() == MOST || question.count(&text) == question.terms.len());
            }
        }
    }
}
