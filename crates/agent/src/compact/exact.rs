//! What a summary must not lose: the exact names, numbers and dates that the person said.
//!
//! A word counts as exact when it has a digit in it, or is an address, a path or the name of a file. It is kept with the
//! clause in which it was said, because `4711` alone tells nothing.

use super::Ruler;

/// Characters of a clause; longer ones are cut around the word.
const CLAUSE: usize = 120;
/// Characters kept before a word, when its clause is cut.
const BEFORE: usize = 70;
/// More clauses are not kept.
const MOST: usize = 64;
/// Of one message.
const MOST_OF_ONE: usize = 16;

/// Words that make a digit before them worth keeping.
const UNITS: [&str; 44] = [
    "%", "€", "$", "£", "°", "°C", "°F", "mg", "g", "kg", "t", "ml", "cl", "l", "mm", "cm", "m", "km", "h", "min", "s",
    "ms", "am", "pm", "eur", "usd", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "w", "kw", "kwh", "v", "a", "hz",
    "khz", "mhz", "ghz", "px", "pt",
];

/// The exact words in a text, in their order.
pub(super) fn words(text: &str) -> Vec<&str> {
    let pieces: Vec<&str> = pieces(text).collect();
    let next = |at: usize| pieces.get(at + 1).copied().unwrap_or_default();
    let exact = |(at, word): (usize, &&str)| is_exact(word) || (is_digit(word) && is_unit(next(at)));
    let found = pieces.iter().enumerate().filter(|piece| exact(*piece));
    found.map(|(_, word)| *word).collect()
}

/// The clauses of a text that have exact words in them.
pub(super) fn clauses(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for clause in split(text) {
        let words = words(clause);
        if words.is_empty() || found.len() >= MOST_OF_ONE {
            continue;
        }
        let kept = if clause.chars().count() <= CLAUSE {
            vec![clause.to_owned()]
        } else {
            words.into_iter().map(|word| around(clause, word)).collect()
        };
        for clause in kept {
            if !found.contains(&clause) && found.len() < MOST_OF_ONE {
                found.push(clause);
            }
        }
    }
    found
}

/// Both lists, the older one first, without what stands twice. When there are too many, those with nothing but short
/// numbers go first, and then the oldest.
pub(super) fn join(older: &[String], newer: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for clause in older.iter().cloned().chain(newer) {
        if !all.contains(&clause) {
            all.push(clause);
        }
    }
    while all.len() > MOST {
        let at = all.iter().position(|clause| is_weak(clause)).unwrap_or(0);
        all.remove(at);
    }
    all
}

/// The clauses with words that `text` lacks, as far as they have so many tokens together; in their order.
pub(super) fn lacking<'a>(text: &str, clauses: &'a [String], ruler: &Ruler, most: u32) -> Vec<&'a str> {
    let lacking = clauses
        .iter()
        .filter(|clause| words(clause).iter().any(|word| !text.contains(word)));
    let mut chosen: Vec<(usize, &str)> = Vec::new();
    let mut tokens = 0_u32;
    let (strong, weak): (Vec<_>, Vec<_>) = lacking.enumerate().partition(|(_, clause)| !is_weak(clause));
    for (at, clause) in strong.into_iter().chain(weak) {
        // The line end and the dash.
        let more = ruler.text(clause).saturating_add(2);
        if tokens.saturating_add(more) <= most {
            tokens += more;
            chosen.push((at, clause));
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|(_, clause)| clause).collect()
}

/// Whether all that it has are short numbers.
fn is_weak(clause: &str) -> bool {
    words(clause)
        .iter()
        .all(|word| word.chars().count() <= 3 && word.chars().all(|c| !c.is_alphabetic()))
}

/// A text cut at ends of sentences and lines. What stands between spaces is never cut.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| matches!(c, '\n' | '\r' | '。' | '！' | '？' | '；');
    let sentences = text.split(ends).flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let bytes = rest.as_bytes();
            let end = (1..bytes.len()).find(|at| {
                let sign = bytes.get(at - 1).copied().unwrap_or_default();
                matches!(sign, b'.' | b'!' | b'?' | b';') && bytes.get(*at).is_some_and(u8::is_ascii_whitespace)
            });
            let (sentence, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            Some(sentence)
        })
    });
    sentences.map(str::trim).filter(|clause| !clause.is_empty())
}

/// A piece of a long clause with a word in it.
fn around(clause: &str, word: &str) -> String {
    let at = clause.find(word).unwrap_or(0);
    let before = clause.get(..at).unwrap_or_default();
    let skip = before.chars().count().saturating_sub(BEFORE);
    let begin = before.char_indices().nth(skip).map_or(at, |(at, _)| at);
    let piece = clause.get(begin..).unwrap_or_default();
    let long = word.chars().count() + BEFORE;
    let piece: String = piece.chars().take(CLAUSE.max(long)).collect();
    // A word that is cut says something else.
    let piece = match (skip, piece.split_once(' ')) {
        (1.., Some((cut, rest))) if cut.len() + begin < at => rest,
        _ => &piece,
    };
    let whole = piece.len() + begin >= clause.len() || clause.ends_with(piece);
    match piece.rfind(' ') {
        Some(end) if !whole && piece.get(..end).is_some_and(|kept| kept.contains(word)) => {
            piece.get(..end).unwrap_or(piece).trim().to_owned()
        }
        _ => piece.trim().to_owned(),
    }
}

/// The pieces of a text that may be words of this kind: runs of letters, digits and the signs that stand within them.
/// Characters of scripts without spaces stand between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let within = |c: char| (c.is_alphanumeric() && !is_alone(c)) || "._-/\\@:~#%+=&?$€£°".contains(c);
    text.split(move |c: char| !within(c))
        .map(|piece| piece.trim_matches(['.', ':', '-', '?', '=', '&', '_']))
        .filter(|piece| !piece.is_empty())
}

fn is_exact(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().any(char::is_alphabetic);
    digits >= 2 || (digits == 1 && letters && word.chars().count() > 1) || is_address(word) || is_path(word)
}

fn is_address(word: &str) -> bool {
    let named = |(name, host): (&str, &str)| {
        name.contains(char::is_alphanumeric) && host.contains('.') && host.contains(char::is_alphanumeric)
    };
    word.contains("://") || word.starts_with("www.") || word.split_once('@').is_some_and(named)
}

fn is_path(word: &str) -> bool {
    let begins = ["/", "~/", "./", "../", "\\\\"]
        .iter()
        .any(|begin| word.starts_with(begin));
    let parts = word
        .split(['/', '\\'])
        .filter(|part| part.contains(char::is_alphanumeric))
        .count();
    let drive = matches!(word.as_bytes(), [b'a'..=b'z' | b'A'..=b'Z', b':', b'\\', ..]);
    // `and/or` is none.
    (begins && parts >= 1) || drive || parts >= 3 || (parts >= 1 && is_file(word))
}

/// Whether it ends like the name of a file. `e.g` and `z.B` do not.
fn is_file(word: &str) -> bool {
    let Some((name, end)) = word.rsplit_once('.') else {
        return false;
    };
    let last = name.rsplit(['/', '\\', '.']).next().unwrap_or_default();
    (2..=5).contains(&end.len()) && end.bytes().all(|byte| byte.is_ascii_alphanumeric()) && last.chars().count() >= 2
}

fn is_digit(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_unit(word: &str) -> bool {
    UNITS.iter().any(|unit| word.eq_ignore_ascii_case(unit))
}

/// Han and kana, which have no spaces around words.
fn is_alone(c: char) -> bool {
    matches!(u32::from(c), 0x2e80..=0x312f | 0x31a0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff
        | 0xff66..=0xff9f | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_word_a_row() {
        for (text, found) in [
            ("my code is 4711, thanks", &["4711"][..]),
            ("see https://a.example/x?y=1.", &["https://a.example/x?y=1"]),
            ("write to mina@example.org!", &["mina@example.org"]),
            ("it is in ~/notes or /etc/hosts", &["~/notes", "/etc/hosts"]),
            ("open report.pdf (draft)", &["report.pdf"]),
            ("C:\\Users\\me and src/a/b", &["C:\\Users\\me", "src/a/b"]),
            ("on 2026-11-25 at 18:30", &["2026-11-25", "18:30"]),
            ("order AB-1234-x and v2", &["AB-1234-x", "v2"]),
            ("take 5 mg, not 2 of them", &["5"]),
            ("it costs $42 or 42 €", &["$42", "42"]),
            ("電話是0912345678，下午3點", &["0912345678"]),
            ("yes and/or no, e.g. z.B. 7", &[]),
            ("nothing here. At all...", &[]),
        ] {
            assert_eq!(words(text), found, "{text}");
        }
    }

    #[test]
    fn a_word_is_kept_with_its_clause() {
        let text = "Hello! My locker is number 4711. I like tea.\nFlight LH123 leaves at 9:15; gate unknown.";
        assert_eq!(
            clauses(text),
            ["My locker is number 4711.", "Flight LH123 leaves at 9:15;"]
        );
        let long = format!("{} the key is 9f8e7d and {}", "so ".repeat(50), "then ".repeat(50));
        let kept = clauses(&long);
        assert_eq!(kept.len(), 1);
        assert!(
            kept[0].contains("the key is 9f8e7d and") && kept[0].chars().count() <= CLAUSE,
            "{kept:?}"
        );
    }

    #[test]
    fn only_what_is_missing_is_listed_and_names_come_before_small_numbers() {
        let ruler = Ruler::default();
        let all = [
            "we are 12".to_owned(),
            "locker 4711".to_owned(),
            "mail to a@b.org".to_owned(),
        ];
        let lists = |text: &str, most| lacking(text, &all, &ruler, most);
        assert_eq!(lists("", 99), ["we are 12", "locker 4711", "mail to a@b.org"]);
        assert_eq!(lists("The locker has 4711.", 99), ["we are 12", "mail to a@b.org"]);
        let few = lists("", 14);
        assert!(!few.is_empty() && !few.contains(&"we are 12"), "{few:?}");
        let many: Vec<String> = (1000..1080).map(|number| format!("n {number}")).collect();
        let joined = join(&["we are 12".to_owned(), "first 99999".to_owned()], many);
        assert_eq!((joined.len(), joined[0].as_str()), (MOST, "n 1016"));
    }

    proptest! {
        #[test]
        fn every_exact_word_stands_in_a_clause(text in "(?s)([a-z0-9./@ -]{0,40}[.!?\n ]?|.{0,40}){0,8}") {
            let clauses = clauses(&text);
            prop_assert!(clauses.len() <= MOST_OF_ONE);
            for clause in &clauses {
                prop_assert!(!words(clause).is_empty(), "{clause:?}");
                prop_assert!(text.contains(clause.as_str()), "{clause:?}");
            }
            if clauses.len() < MOST_OF_ONE {
                for clause in split(&text) {
                    for word in words(clause) {
                        prop_assert!(clauses.iter().any(|kept| kept.contains(word)), "{word:?} {clauses:?}");
                    }
                }
            }
        }
    }
}
