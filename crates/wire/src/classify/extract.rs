//! Numbers inside an error text, which is in lower case here.

use std::time::Duration;

/// What the window's number follows.
const WINDOW_AFTER: [&str; 15] = [
    "available context size (",
    "maximum context length is ",
    "maximum context length of ",
    "context length is only ",
    "context length of only ",
    "max_model_len=",
    "max_model_len (",
    "n_ctx: ",
    "n_ctx = ",
    "'s context length (",
    "maximum prompt length is ",
    "too large for model with ",
    "exceed context window of ",
    "maximum number of tokens allowed (",
    "exceeded model token limit: ",
];

/// What the prompt's number follows, where only the word after the number tells that it counts tokens: there is
/// "Bad Request (400)" too.
const PROMPT_TOKENS_AFTER: [&str; 1] = ["request ("];

/// What the prompt's number follows.
const PROMPT_AFTER: [&str; 13] = [
    "exceed context limit: ",
    "you passed ",
    "prompt contains at least ",
    "prompt contains ",
    "prompt is too long: ",
    "n_keep: ",
    "keep the first ",
    "the input (",
    "input (",
    "requested tokens (",
    "(requested: ",
    "input token count (",
    "requested about ",
];

/// What the prompt's number stands before, in texts that first give a sum with the answer's tokens.
const PROMPT_BEFORE: [&str; 3] = [" in the messages", " in the prompt", " of text input"];

/// The window that the text tells.
pub(super) fn window(text: &str) -> Option<u32> {
    WINDOW_AFTER
        .iter()
        .find_map(|prefix| number_after(text, prefix))
        // Anthropic: `exceed context limit: 199000 + 8192 > 200000`.
        .or_else(|| number_after(text.split_once("exceed context limit: ")?.1, " > "))
        // Anthropic: `prompt is too long: 213462 tokens > 200000 maximum`.
        .or_else(|| number_before(text, " maximum"))
}

/// The prompt's tokens that the text tells; characters are not tokens (vLLM counts both).
pub(super) fn prompt_tokens(text: &str) -> Option<u32> {
    PROMPT_BEFORE
        .iter()
        .find_map(|suffix| number_before(text, suffix))
        .or_else(|| {
            let is_tokens = |unit: &str| unit.starts_with(" token");
            PROMPT_TOKENS_AFTER
                .iter()
                .find_map(|prefix| number_after_if(text, prefix, is_tokens))
        })
        .or_else(|| PROMPT_AFTER.iter().find_map(|prefix| number_after(text, prefix)))
}

/// The wait in texts such as "please try again in 1.5s" or "1m12s".
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    let after = ["try again in ", "retry after ", "retry in "]
        .iter()
        .find_map(|prefix| text.split_once(prefix))?
        .1;
    let (mut seconds, mut unit, mut rest) = wait(after, f64::INFINITY)?;
    while let Some((more, smaller, next)) = wait(rest, unit) {
        (seconds, unit, rest) = (seconds + more, smaller, next);
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// One number with its unit at the beginning of `text`: its seconds, those of the unit, and what follows. The unit
/// must be smaller than `below`, the one before it; a number without a unit counts seconds, and only alone.
fn wait(text: &str, below: f64) -> Option<(f64, f64, &str)> {
    let text = text.trim_start();
    let text = text.strip_prefix("and ").unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..end].trim_end_matches('.').parse().ok()?;
    let word = text[end..].trim_start();
    let (word, rest) = word.split_at(word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len()));
    let unit = match word {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ if word.starts_with("milli") => 0.001,
        _ if word.starts_with("sec") => 1.0,
        _ if word.starts_with("min") => 60.0,
        _ if word.starts_with("hour") => 3600.0,
        // Nothing that follows belongs to the wait.
        _ if below.is_infinite() => return Some((value, 0.0, "")),
        _ => return None,
    };
    (unit < below).then_some((value * unit, unit, rest))
}

/// The number that directly follows `prefix`, unless it counts characters.
fn number_after(text: &str, prefix: &str) -> Option<u32> {
    number_after_if(text, prefix, |unit| {
        let unit = unit.trim_start();
        !unit.starts_with("character") && !unit.starts_with("input character")
    })
}

/// The number that directly follows `prefix`, if what stands after it is a fitting unit.
fn number_after_if(text: &str, prefix: &str, fits: impl Fn(&str) -> bool) -> Option<u32> {
    text.match_indices(prefix).find_map(|(at, _)| {
        let rest = &text[at + prefix.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != ',')
            .unwrap_or(rest.len());
        if fits(&rest[end..]) { number(&rest[..end]) } else { None }
    })
}

/// The number that directly precedes `suffix`.
fn number_before(text: &str, suffix: &str) -> Option<u32> {
    text.match_indices(suffix).find_map(|(at, _)| {
        let head = &text[..at];
        let start = head
            .rfind(|c: char| !c.is_ascii_digit() && c != ',')
            .map_or(0, |found| {
                found + head[found..].chars().next().map_or(1, char::len_utf8)
            });
        number(&head[start..])
    })
}

fn number(digits: &str) -> Option<u32> {
    digits.trim_matches(',').replace(',', "").parse().ok()
}
