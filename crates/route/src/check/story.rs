//! What scripted models say: stories of which every word is told by its letter and number, so that a word that comes twice,
//! or is left out, is seen.
//!
//! Each answer that begins a text of its own tells a new story, whose words all begin with a letter that no other story has.
//! Any sixteen bytes of a story stand in it only once.

/// What stands behind the word of this number.
const fn separator(number: usize) -> &'static str {
    match number % 7 {
        0 | 1 | 4 => " ",
        2 => "\n",
        3 => ", ",
        5 => ". ",
        _ => "",
    }
}

fn word(letter: char, number: usize) -> String {
    format!("{letter}{number:04}{}", separator(number))
}

/// The letter of the story of this number. Some are longer than a byte.
pub(super) fn letter(story: usize) -> char {
    let letters = ('A'..='Z')
        .chain('a'..='z')
        .chain('α'..='ω')
        .chain('\u{4e00}'..='\u{9fff}');
    letters.cycle().nth(story).unwrap()
}

/// The words of a story in one line, without white space, as long as `len` bytes.
pub(super) fn without_space(letter: char, len: usize) -> String {
    let mut all = String::new();
    for number in 0.. {
        if all.len() >= len {
            break;
        }
        all.push_str(word(letter, number).trim_end());
    }
    all
}

/// A model that speaks: first what it says again, then its story from some place on.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    letter: char,
    /// What comes next.
    ahead: String,
    /// The number of the word behind that.
    number: usize,
    /// How many bytes of `ahead` are said again.
    again: usize,
}

impl Voice {
    /// A story from its beginning.
    pub(super) fn of(letter: char, lead: &str) -> Self {
        Self {
            letter,
            ahead: lead.to_owned(),
            number: 0,
            again: 0,
        }
    }

    /// The last story that was told in `said`, from the very place where that ends.
    pub(super) fn behind(said: &str) -> Option<Self> {
        let letter = said.chars().rfind(|c| c.is_alphabetic())?;
        let told = &said[said.find(letter)?..];
        let mut left = told.chars().filter(|c| !c.is_whitespace()).count();
        let mut number = 0;
        loop {
            let next = word(letter, number);
            let chars = next.trim_end().chars().count();
            number += 1;
            if left < chars {
                let ahead = next.chars().skip(left).collect();
                return Some(Self {
                    letter,
                    ahead,
                    number,
                    again: 0,
                });
            }
            left -= chars;
            if left == 0 {
                // White space that is there already does not come again.
                let there = told.len() - told.trim_end().len();
                let space = &next[next.trim_end().len()..];
                let ahead = space.get(there..).unwrap_or_default().to_owned();
                return Some(Self {
                    letter,
                    ahead,
                    number,
                    again: 0,
                });
            }
        }
    }

    /// The same, after it has said this once more.
    pub(super) fn after_saying(self, again: &str) -> Self {
        Self {
            again: again.len(),
            ahead: format!("{again}{}", self.ahead),
            ..self
        }
    }

    /// The next piece.
    pub(super) fn take(&mut self, chars: usize) -> String {
        while self.ahead.chars().count() < chars {
            self.ahead.push_str(&word(self.letter, self.number));
            self.number += 1;
        }
        let end = self
            .ahead
            .char_indices()
            .nth(chars)
            .map_or(self.ahead.len(), |(at, _)| at);
        self.again = self.again.saturating_sub(end);
        self.ahead.drain(..end).collect()
    }

    pub(super) const fn is_repeating(&self) -> bool {
        self.again > 0
    }

    /// What is left of what is said again: who ends an answer has said all of that.
    pub(super) fn rest(&mut self) -> String {
        let again = std::mem::take(&mut self.again);
        self.ahead.drain(..again).collect()
    }
}

/// The last words of `said`, sixteen bytes or more, from the beginning of a word on; `words` is how many more. All of it where
/// it is short.
pub(super) fn last_words(said: &str, words: usize) -> &str {
    let said = said.trim();
    let starts = said.char_indices().filter(|(_, c)| c.is_alphabetic()).map(|(at, _)| at);
    let long: Vec<usize> = starts.filter(|at| said.len() - at >= 16).collect();
    let start = long.len().checked_sub(1 + words).and_then(|place| long.get(place));
    start.map_or(said, |start| &said[*start..])
}

#[test]
fn a_voice_goes_on_where_it_was_cut() {
    let all = Voice::of('A', "").take(300);
    for cut in 1..200 {
        let (said, rest) = all.split_at(cut);
        let mut voice = Voice::behind(said).unwrap();
        assert_eq!(voice.take(50), rest[..50], "{said:?}");
        let again = last_words(said, 1);
        let mut voice = Voice::behind(said).unwrap().after_saying(again);
        assert_eq!(voice.rest(), again);
        assert_eq!(voice.take(50), rest[..50], "{said:?}");
    }
    let trimmed = Voice::behind("A0000").map(|mut voice| voice.take(6));
    assert_eq!(trimmed.as_deref(), Some(" A0001"));
    let second = Voice::behind("A0000 A00\nB0000 B0").map(|mut voice| voice.take(4));
    assert_eq!(second.as_deref(), Some("001 "));
    assert_eq!(last_words("A0000 A0001 A0002\nA0003, ", 0), "A0001 A0002\nA0003,");
    let whole = without_space('A', 30);
    assert!(all.replace(char::is_whitespace, "").starts_with(&whole), "{whole}");
}
