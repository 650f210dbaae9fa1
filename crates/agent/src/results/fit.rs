//! Cutting a result to the room that there is for it.

/// So many characters are never cut away: the line that tells of the cut would be as long.
const LEAST: usize = 200;

/// Beyond this part of the room, counted in its quarters, the beginning ends and the end of the text follows.
const HEAD_QUARTERS: usize = 3;

/// The text as a model is shown it when there is room for so many characters: all of it, or its beginning and its end, cut
/// at ends of lines, with a line between them that says what is left out and how the rest is read. It may be some
/// characters longer than the room because of that line. `id` is that of the item.
pub fn fit(text: &str, room: usize, id: &str) -> String {
    cut(text, room, |from, to, all| {
        format!("[characters {from} to {to} of {all} are left out; result(handle=\"{id}\", from={from}) shows them]")
    })
}

/// The same when the rest is kept nowhere.
pub(super) fn fit_for_good(text: &str, room: usize) -> String {
    cut(text, room, |from, to, all| {
        format!("[characters {from} to {to} of {all} are left out and were not kept: ask for less]")
    })
}

fn cut(text: &str, room: usize, says: impl Fn(usize, usize, usize) -> String) -> String {
    let all = text.chars().count();
    let room = room.max(LEAST);
    if all <= room {
        return text.to_owned();
    }
    let head = head(text, room * HEAD_QUARTERS / 4);
    let tail = tail(text, room - room * HEAD_QUARTERS / 4);
    let from = head.chars().count();
    let says = says(from, all - tail.chars().count(), all);
    let line = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{head}{line}{says}\n{tail}")
}

/// The beginning, of at most so many characters, and of whole lines where that costs less than a half of it.
pub(super) fn head(text: &str, most: usize) -> &str {
    let end = at(text, most);
    let piece = text.get(..end).unwrap_or_default();
    if end == text.len() || text.as_bytes().get(end.wrapping_sub(1)) == Some(&b'\n') {
        return piece;
    }
    match piece.rfind('\n') {
        Some(line) if line + 1 > end / 2 => piece.get(..=line).unwrap_or(piece),
        _ => piece,
    }
}

/// The end, of at most so many characters, and of whole lines where that costs less than a half of it.
fn tail(text: &str, most: usize) -> &str {
    let begin = at(text, text.chars().count().saturating_sub(most));
    let piece = text.get(begin..).unwrap_or_default();
    if begin == 0 || text.as_bytes().get(begin - 1) == Some(&b'\n') {
        return piece;
    }
    match piece.find('\n') {
        Some(line) if line + 1 < piece.len() / 2 => piece.get(line + 1..).unwrap_or(piece),
        _ => piece,
    }
}

/// Where a character stands, in bytes; the end for one that is not there.
pub(super) fn at(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_at_ends_of_lines() {
        let text = (1..=100)
            .map(|line| format!("line {line}\n"))
            .collect::<Vec<_>>()
            .concat();
        insta::assert_snapshot!(fit(&text, 240, "0190"), @r#"
        line 1
        line 2
        line 3
        line 4
        line 5
        line 6
        line 7
        line 8
        line 9
        line 10
        line 11
        line 12
        line 13
        line 14
        line 15
        line 16
        line 17
        line 18
        line 19
        line 20
        line 21
        line 22
        line 23
        [characters 175 to 735 of 792 are left out; result(handle="0190", from=175) shows them]
        line 94
        line 95
        line 96
        line 97
        line 98
        line 99
        line 100
        "#);
        assert_eq!(fit(&text, 792, "0190"), text);
        let one_line = "記".repeat(1000);
        let shown = fit(&one_line, 400, "h");
        assert!(
            shown.contains(
                "\n[characters 300 to 900 of 1000 are left out; result(handle=\"h\", from=300) shows them]\n"
            ),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_shown_twice_and_the_line_says_what_is_missing(text in "(?s)(.{0,30}\n?){0,60}", room in 0_usize..800) {
            let shown = fit(&text, room, "h");
            let all = text.chars().count();
            if all <= room.max(LEAST) {
                prop_assert_eq!(shown, text);
            } else {
                let (head, tail) = (head(&text, room.max(LEAST) * 3 / 4), tail(&text, room.max(LEAST) - room.max(LEAST) * 3 / 4));
                prop_assert!(head.len() + tail.len() < text.len());
                prop_assert!(text.starts_with(head) && text.ends_with(tail));
                let (from, to) = (head.chars().count(), all - tail.chars().count());
                let says = format!("[characters {from} to {to} of {all} ");
                prop_assert!(shown.starts_with(head) && shown.ends_with(tail) && shown.contains(&says));
                prop_assert!(shown.chars().count() <= room.max(LEAST) + 160);
            }
        }
    }
}
