//! Texts that are too long: shares of a budget, and where to cut.

use super::Tokens;

/// What a text was cut to, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// So many are shown,
    pub shown: usize,
    /// of so many.
    pub of: usize,
}

/// Less than this many tokens of a file say nothing.
const LEAST: u32 = 24;

/// Tokens for the end of a block of code that was cut.
const FENCE: u32 = 6;

/// The beginning of a text that has at most so many tokens and characters, with what `note` says of the cut behind it. Cut
/// is at a paragraph where there is one, else at a line or a word. `None` where nothing worth showing fits.
pub(super) fn cut(
    text: &str,
    tokens: &Tokens,
    room: u32,
    most: usize,
    note: impl Fn(Cut) -> String,
) -> Option<(String, Option<Cut>)> {
    let of = text.chars().count();
    if of <= most && tokens.of_text(text) <= room {
        return Some((text.to_owned(), None));
    }
    let around = tokens.of_text(&note(Cut { shown: of, of })) + FENCE;
    let room = room.checked_sub(around).filter(|room| *room >= LEAST)?;
    let ends: Vec<usize> = text
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8())
        .take(most)
        .collect();
    let fitting = ends.partition_point(|end| tokens.of_text(&text[..*end]) <= room);
    let end = ends.get(fitting.checked_sub(1)?)?;
    let kept = whole_pieces(&text[..*end]);
    if kept.is_empty() {
        return None;
    }
    let shown = Cut {
        shown: kept.chars().count(),
        of,
    };
    let open = kept.lines().filter(|line| line.trim_start().starts_with("```")).count() % 2 == 1;
    let fence = if open { "\n```" } else { "" };
    Some((format!("{kept}{fence}\n{}", note(shown)), Some(shown)))
}

/// A beginning without the piece at its end that is not whole, and without headings of nothing.
fn whole_pieces(text: &str) -> &str {
    let half = text.len() / 2;
    let paragraph = text.rfind("\n\n");
    let line = text.rfind('\n');
    let sentence = text.rfind(['。', '！', '？', '；']).map(|at| at + '。'.len_utf8());
    let word = text.rfind(' ');
    let end = [paragraph, line, sentence, word]
        .into_iter()
        .flatten()
        .find(|at| *at >= half)
        .unwrap_or(text.len());
    let mut kept = text[..end].trim_end();
    while let Some(last) = kept.lines().last()
        && last.starts_with('#')
    {
        kept = kept[..kept.len() - last.len()].trim_end();
    }
    kept
}

/// Shares of `room`: nobody gets more than it wants, and what is missing is missing by weight.
pub(super) fn shares(wants: &[(u32, u32)], room: u32) -> Vec<u32> {
    let mut given: Vec<Option<u32>> = vec![None; wants.len()];
    loop {
        let left = room.saturating_sub(given.iter().flatten().sum());
        let open = || (0..wants.len()).filter(|place| given[*place].is_none());
        let weights: u32 = open().map(|place| wants[place].1).sum();
        let share = |place: usize| {
            let share = u64::from(left) * u64::from(wants[place].1) / u64::from(weights.max(1));
            u32::try_from(share).unwrap_or(u32::MAX)
        };
        let content: Vec<usize> = open().filter(|place| wants[*place].0 <= share(*place)).collect();
        if content.is_empty() {
            return (0..wants.len())
                .map(|place| given[place].unwrap_or_else(|| share(place)))
                .collect();
        }
        for place in content {
            given[place] = Some(wants[place].0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(cut: Cut) -> String {
        format!("[{} of {}]", cut.shown, cut.of)
    }

    #[test]
    fn a_cut_is_made_where_something_ends() {
        let tokens = Tokens::default();
        let words = |count: usize| vec!["word"; count].join(" ");
        let paragraphs = format!("{}\n\n{}\n\n## Next\n\n{}", words(30), words(30), words(400));
        let (shown, _) = cut(&paragraphs, &tokens, 110, 20_000, note).unwrap();
        assert_eq!(shown, format!("{}\n\n{}\n[300 of 2310]", words(30), words(30)));
        let lines = vec!["- a line of words"; 40].join("\n");
        let (shown, _) = cut(&lines, &tokens, 100, 20_000, note).unwrap();
        assert!(shown.lines().rev().skip(1).all(|line| line == "- a line of words"));
        let code = format!("Do this:\n```sh\n{}", vec!["ls"; 200].join("\n"));
        let (shown, _) = cut(&code, &tokens, 100, 20_000, note).unwrap();
        assert!(shown.contains("ls\n```\n["), "{shown}");
        let chinese = "今天天氣很好。我們去散步。".repeat(30);
        let (shown, _) = cut(&chinese, &tokens, 100, 20_000, note).unwrap();
        assert!(shown.contains("。\n["), "{shown}");
        let (_, by_chars) = cut(&words(100), &tokens, 1_000, 50, note).unwrap();
        assert_eq!(by_chars, Some(Cut { shown: 49, of: 499 }));
        assert_eq!(cut(&words(100), &tokens, 30, 20_000, note), None);
    }

    #[test]
    fn who_wants_little_gets_it() {
        assert_eq!(shares(&[(10, 1), (500, 1), (500, 1)], 210), [10, 100, 100]);
        assert_eq!(shares(&[(500, 3), (500, 1)], 200), [150, 50]);
        assert_eq!(shares(&[(5, 1), (5, 1)], 200), [5, 5]);
        assert_eq!(shares(&[], 200), Vec::<u32>::new());
    }

    proptest! {
        #[test]
        fn shares_never_exceed_the_room(wants in prop::collection::vec((0_u32..3_000, 1_u32..4), 0..9), room in 0_u32..9_000) {
            let given = shares(&wants, room);
            prop_assert!(given.iter().sum::<u32>() <= room);
            prop_assert!(given.iter().zip(&wants).all(|(given, want)| *given <= want.0));
        }

        #[test]
        fn a_cut_keeps_to_its_room(text in "([a-z]{1,9}|你好|[ \n#`。.-]){0,400}", room in 0_u32..300, most in 1_usize..900) {
            let tokens = Tokens::default();
            if let Some((shown, cut)) = cut(&text, &tokens, room, most, note) {
                prop_assert!(tokens.of_text(&shown) <= room + 1, "{} {room}", tokens.of_text(&shown));
                prop_assert_eq!(cut.is_none(), shown == text);
            }
        }
    }
}
