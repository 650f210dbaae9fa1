//! The place in a text where something was found.

use std::ops::Range;

use super::{
    query::Query,
    words::{Word, words},
};

/// So many characters stand before the first place that was found, and so many in all.
const BEFORE: usize = 30;
const ALL: usize = 160;

/// A part of a text with the places that were found, in bytes.
pub(super) fn snippet(text: &str, query: &Query) -> (String, Vec<Range<usize>>) {
    let words: Vec<Word> = words(text).collect();
    let places = places(&words, query);
    let first = places.first().map_or(0, |place| place.start);
    let start = text[..first]
        .char_indices()
        .rev()
        .nth(BEFORE)
        .map_or(0, |(at, c)| at + c.len_utf8());
    let end = text[start..]
        .char_indices()
        .nth(ALL)
        .map_or(text.len(), |(at, _)| start + at);
    let mut shown = String::new();
    let mut marks = Vec::new();
    if start > 0 {
        shown.push('…');
    }
    let mut open = None;
    for (at, c) in text[start..end].char_indices().map(|(at, c)| (start + at, c)) {
        let inside = places.iter().any(|place| place.contains(&at));
        match (inside, open) {
            (true, None) => open = Some(shown.len()),
            (false, Some(from)) => {
                marks.push(from..shown.len());
                open = None;
            }
            _ => {}
        }
        // One line, and nothing that a terminal would obey.
        shown.push(if c.is_control() { ' ' } else { c });
    }
    if let Some(from) = open {
        marks.push(from..shown.len());
    }
    if end < text.len() {
        shown.push('…');
    }
    (shown, marks)
}

/// Where the phrases stand, in order.
fn places(words: &[Word], query: &Query) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for at in 0..words.len() {
        let rest = words.get(at..).unwrap_or_default();
        for phrase in &query.0 {
            let count = phrase.begins(rest).unwrap_or(0);
            if let Some(found) = rest.get(..count)
                && let (Some(first), Some(last)) = (found.first(), found.last())
            {
                places.push(first.range.start..last.range.end);
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(text: &str, query: &str) -> String {
        let (mut shown, marks) = snippet(text, &Query::read(query).unwrap());
        for mark in marks.into_iter().rev() {
            shown.insert(mark.end, ']');
            shown.insert(mark.start, '[');
        }
        shown
    }

    #[test]
    fn what_was_found_is_marked() {
        assert_eq!(
            marked("We deployed it.\nTwice deploy", "deploy"),
            "We [deployed] it. Twice [deploy]"
        );
        assert_eq!(marked("我的資料庫壞了", "資料庫 壞"), "我的[資料庫壞]了");
        let long = format!("{} needle {}", "x ".repeat(100), "y ".repeat(200));
        let shown = marked(&long, "needle");
        assert!(
            shown.starts_with('…') && shown.ends_with('…') && shown.contains("[needle]"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn any_text_has_a_snippet(text in "\\PC*", query in "\\PC{1,20}") {
            if let Some(query) = Query::read(&query) {
                let (shown, marks) = snippet(&text, &query);
                for mark in marks {
                    prop_assert!(shown.get(mark).is_some());
                }
            }
        }
    }
}
