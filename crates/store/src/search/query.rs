//! What is looked for.

use super::words::{Word, words};

/// All of these must be there, anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query(pub(super) Vec<Phrase>);

/// These words must stand side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) words: Vec<String>,
    /// Whether the last word may go on.
    pub(super) is_open: bool,
}

impl Query {
    /// A query as a person writes it: words, and phrases in quotation marks. What stands together without a space is a
    /// phrase too. `None` when there is no word in it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut phrases = Vec::new();
        for (number, part) in text.split(['"', '“', '”', '「', '」']).enumerate() {
            if number % 2 == 1 {
                phrases.extend(Phrase::of(part, false));
            } else {
                phrases.extend(part.split_whitespace().filter_map(|word| Phrase::of(word, true)));
            }
        }
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// For FTS5 (<https://sqlite.org/fts5.html#full_text_query_syntax>). Words have letters and digits only.
    pub(super) fn for_sqlite(&self) -> String {
        let phrase = |phrase: &Phrase| {
            let star = if phrase.is_open { "*" } else { "" };
            format!("\"{}\"{star}", phrase.words.join(" "))
        };
        self.0.iter().map(phrase).collect::<Vec<_>>().join(" ")
    }

    /// A `tsquery` (<https://www.postgresql.org/docs/current/datatype-textsearch.html>).
    pub(super) fn for_postgres(&self) -> String {
        let phrase = |phrase: &Phrase| {
            let last = phrase.words.len() - 1;
            let word = |(at, word): (usize, &String)| {
                let star = if phrase.is_open && at == last { ":*" } else { "" };
                format!("'{word}'{star}")
            };
            let words: Vec<String> = phrase.words.iter().enumerate().map(word).collect();
            format!("({})", words.join(" <-> "))
        };
        self.0.iter().map(phrase).collect::<Vec<_>>().join(" & ")
    }
}

impl Phrase {
    fn of(text: &str, is_open: bool) -> Option<Self> {
        let words: Vec<Word> = words(text).collect();
        let last = words.last()?;
        Some(Self {
            is_open: is_open && !last.is_alone,
            words: words.into_iter().map(|word| word.text).collect(),
        })
    }

    /// How many of these words, from the first on, are this phrase; `None` when they do not begin with it.
    pub(super) fn begins(&self, text: &[Word]) -> Option<usize> {
        let found = text.get(..self.words.len())?;
        let last = self.words.len() - 1;
        let fits = found.iter().zip(&self.words).enumerate().all(|(at, (word, wanted))| {
            word.text == *wanted || (self.is_open && at == last && word.text.starts_with(wanted.as_str()))
        });
        fits.then_some(self.words.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_as_people_write_it() {
        let query = Query::read("Deploy \"the big\" 資料庫 foo-bar").unwrap();
        assert_eq!(query.for_sqlite(), r#""deploy"* "the big" "資 料 庫" "foo bar"*"#);
        assert_eq!(
            query.for_postgres(),
            "('deploy':*) & ('the' <-> 'big') & ('資' <-> '料' <-> '庫') & ('foo' <-> 'bar':*)"
        );
        assert_eq!(Query::read(" … \"\" "), None);
    }

    proptest! {
        #[test]
        fn no_query_can_say_anything_but_words(text in "\\PC*") {
            if let Some(query) = Query::read(&text) {
                for word in query.0.iter().flat_map(|phrase| &phrase.words) {
                    prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{word:?}");
                }
            }
        }
    }
}
