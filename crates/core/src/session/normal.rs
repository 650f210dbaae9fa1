//! How ids and keys are spelt, after OpenClaw 2026.9 (`src/routing/session-key.ts`, `src/sessions/session-key-utils.ts`).

use super::shape::direct_marker;

const LONGEST_ID: usize = 64;

/// Channels whose ids of groups and rooms differ by case alone. Of Signal it is the id, of Matrix everything behind it.
const KEEPS_CASE: [(&str, &str, Span); 3] = [
    ("signal", "group", Span::Segment),
    ("matrix", "channel", Span::Tail),
    ("matrix", "group", Span::Tail),
];

#[derive(Clone, Copy)]
enum Span {
    Segment,
    Tail,
}

/// The id of an agent or of an account: lower case, at most 64 of `a-z 0-9 _ -`, other characters as `-`; `otherwise`
/// when nothing is left.
pub(super) fn id(text: &str, otherwise: &str) -> String {
    let text = text.trim().to_lowercase();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let begins = |c: char| is_plain(c) && c != '_' && c != '-';
    if text.len() <= LONGEST_ID && text.starts_with(begins) && text.chars().all(is_plain) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut replaced = false;
    for c in text.chars() {
        if is_plain(c) {
            plain.push(c);
        } else if !replaced {
            plain.push('-');
        }
        replaced = !is_plain(c);
    }
    let plain = plain.trim_matches('-');
    let plain = &plain[..plain.len().min(LONGEST_ID)];
    if plain.is_empty() {
        otherwise.to_owned()
    } else {
        plain.to_owned()
    }
}

/// A whole key in its one spelling: lower case but for ids that differ by case alone, `direct` for the older `dm`.
pub(super) fn key(text: &str) -> String {
    let raw: Vec<&str> = text.trim().split(':').collect();
    let mut segments: Vec<String> = raw.iter().map(|segment| segment.to_lowercase()).collect();
    let wrapped = segments
        .chunks(2)
        .take_while(|pair| pair.len() == 2 && pair[0] == "agent");
    let body = 2 * wrapped.count();
    for (channel, kind, span) in KEEPS_CASE {
        let is_at = |at: usize, segments: &[String]| {
            segments.get(at).is_some_and(|segment| segment == channel)
                && segments.get(at + 1).is_some_and(|segment| segment == kind)
        };
        match span {
            Span::Segment => {
                for at in 2..raw.len() {
                    if is_at(at - 2, &segments) {
                        raw[at].trim().clone_into(&mut segments[at]);
                    }
                }
            }
            Span::Tail if is_at(body, &segments) => {
                let tail = body + 2..raw.len();
                let thread = tail.clone().skip(1).rev().find(|at| segments[*at] == "thread");
                for at in tail.filter(|at| Some(*at) != thread) {
                    raw[at].clone_into(&mut segments[at]);
                }
            }
            Span::Tail => {}
        }
    }
    if segments.len() > 2 && segments[0] == "agent" {
        segments[1] = if segments[1].trim().is_empty() {
            String::new()
        } else {
            id(&segments[1], super::key::DEFAULT_AGENT)
        };
        if let Some(at) = direct_marker(&segments[2..]) {
            "direct".clone_into(&mut segments[2 + at]);
        }
    }
    segments.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_in_paths() {
        let long = "a".repeat(70);
        let cases = [
            ("main", "main"),
            (" My-Research_Agent01 ", "my-research_agent01"),
            ("", "x"),
            ("  ", "x"),
            ("!!!", "x"),
            ("Agent not found: xyz", "agent-not-found-xyz"),
            ("../../../etc/passwd", "etc-passwd"),
            ("-a-", "a"),
            ("_a", "_a"),
            ("é1", "1"),
            (&long, &long[..64]),
        ];
        for (text, expected) in cases {
            assert_eq!(id(text, "x"), expected, "{text:?}");
        }
    }
}
