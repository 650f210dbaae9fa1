//! Keys of OpenClaw that Yabby does not use, and guesses at what a misspelt key was meant to be.

use crate::{
    path::{self, Seg},
    schema::Shape,
};

static LIST: &str = include_str!("openclaw_keys.txt");
static IDLE: &str = include_str!("idle_keys.txt");

/// Names that people bring from other tools, and the key they mean.
const OTHER_NAMES: [(&str, &str); 18] = [
    ("url", "baseUrl"),
    ("endpoint", "baseUrl"),
    ("apibase", "baseUrl"),
    ("host", "baseUrl"),
    ("key", "apiKey"),
    ("token", "apiKey"),
    ("contextlength", "contextWindow"),
    ("contextsize", "contextWindow"),
    ("numctx", "contextWindow"),
    ("maxmodellen", "contextWindow"),
    ("maxoutputtokens", "maxTokens"),
    ("maxcompletiontokens", "maxTokens"),
    ("fallback", "fallbacks"),
    ("timeout", "timeoutSeconds"),
    ("type", "api"),
    ("protocol", "api"),
    ("modalities", "input"),
    ("default", "primary"),
];

/// Patterns of keys that OpenClaw has and Yabby does not use.
pub(crate) fn patterns() -> impl Iterator<Item = &'static str> {
    lines(LIST)
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether the key at `path` is read and checked, and has no effect yet.
pub(crate) fn is_idle(path: &[Seg]) -> bool {
    lines(IDLE).any(|pattern| path::matches(path, pattern))
}

/// Whether OpenClaw has the key at `path` and Yabby does not use it. A `*` of the list means every name that Yabby does not
/// know.
pub(crate) fn is_unused(path: &[Seg]) -> bool {
    patterns().any(|pattern| path::matches(path, pattern)) && !is_used(path)
}

fn is_used(path: &[Seg]) -> bool {
    let Some((Seg::Key(key), parents)) = path.split_last() else {
        return false;
    };
    let parent = Shape::at(parents);
    parent.is_some_and(|shape| shape.alternatives().iter().any(|shape| shape.property(key).is_some()))
}

/// Names of unused OpenClaw keys directly below `within`.
pub(crate) fn unused_below(within: &[Seg]) -> impl Iterator<Item = &'static str> {
    patterns().filter_map(|pattern| {
        let (parent, name) = pattern.rsplit_once('.').unwrap_or(("", pattern));
        let fits = if parent.is_empty() {
            within.is_empty()
        } else {
            path::matches(within, parent)
        };
        (fits && name != "*").then_some(name)
    })
}

/// The candidate that `name` most likely stands for.
pub(crate) fn similar<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = normal(name);
    let candidates: Vec<&str> = candidates.collect();
    let other_name = OTHER_NAMES.iter().find(|(other, _)| *other == plain);
    if let Some((_, meant)) = other_name
        && let Some(found) = candidates.iter().find(|candidate| *candidate == meant)
    {
        return Some(found);
    }
    closest(name, candidates.into_iter(), 1).into_iter().next()
}

/// The `count` candidates most like `name`, best first; none that are unlike it.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let plain = normal(name);
    let allowed = plain.chars().count().div_ceil(3).min(6);
    let mut scored: Vec<(usize, &str)> = candidates
        .map(|candidate| (strsim::damerau_levenshtein(&plain, &normal(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    scored.sort_by_key(|(distance, _)| *distance);
    scored.dedup_by_key(|(_, candidate)| *candidate);
    scored.into_iter().take(count).map(|(_, candidate)| candidate).collect()
}

/// Lower case, without `_` and `-`.
fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::at;

    #[test]
    fn a_used_key_is_never_listed() {
        for pattern in patterns() {
            // A `*` stands for a name or an index; `agents.*.*` for both forms of agents.
            let spellings: Vec<Vec<Seg>> = if let Some(rest) = pattern.strip_prefix("agents.*.*.") {
                let below = |agent: &[Seg]| agent.iter().cloned().chain(rest.split('.').map(Seg::from)).collect();
                vec![
                    below(&at!["agents", "list", 0usize]),
                    below(&at!["agents", "entries", "x"]),
                ]
            } else {
                let seg = |(at, part): (usize, &str)| match part {
                    "*" if at == 4 && pattern.starts_with("models.") => Seg::Index(0),
                    "*" => Seg::from("x"),
                    part => Seg::from(part),
                };
                vec![pattern.split('.').enumerate().map(seg).collect()]
            };
            for path in spellings {
                let (last, parents) = path.split_last().unwrap();
                let parent = Shape::at(parents).unwrap_or_else(|| panic!("{pattern}: no such section"));
                let used = parent
                    .alternatives()
                    .into_iter()
                    .any(|shape| shape.property(last.key().unwrap()).is_some());
                assert!(!used, "{pattern} is used by Yabby, so it must not be listed");
            }
        }
    }

    #[test]
    fn an_idle_key_is_one_that_is_read() {
        for pattern in lines(IDLE) {
            let entries = pattern.replacen("agents.*.*", "agents.entries.x", 1);
            let path: Vec<Seg> = entries.split('.').map(Seg::from).collect();
            assert!(is_used(&path) && is_idle(&path), "{pattern} is not read");
        }
    }

    #[test]
    fn guesses() {
        let keys = ["baseUrl", "apiKey", "api", "models", "timeoutSeconds"];
        let guess = |name| similar(name, keys.into_iter());
        assert_eq!(guess("base_url"), Some("baseUrl"));
        assert_eq!(guess("endpoint"), Some("baseUrl"));
        assert_eq!(guess("apikey"), Some("apiKey"));
        assert_eq!(guess("model"), Some("models"));
        assert_eq!(guess("zebra"), None);
    }
}
