//! Numbers and names inside an error text. Texts are in lower case here, except for field names.

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

/// What the prompt's number follows.
const PROMPT_AFTER: [&str; 13] = [
    "request (",
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
        // Anthropic: `prompt is too long: 213462 tokens > 200000 maximum`.
        .or_else(|| number_before(text, " maximum"))
}

/// The prompt's tokens that the text tells; characters are not tokens (vLLM counts both).
pub(super) fn prompt_tokens(text: &str) -> Option<u32> {
    PROMPT_BEFORE
        .iter()
        .find_map(|suffix| number_before(text, suffix))
        .or_else(|| PROMPT_AFTER.iter().find_map(|prefix| number_after(text, prefix)))
}

/// The wait in texts such as "please try again in 1.5s".
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    let after = ["try again in ", "retry after ", "retry in "]
        .iter()
        .find_map(|prefix| text.split_once(prefix))?
        .1;
    let digits = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    let value: f64 = after[..digits].trim_end_matches('.').parse().ok()?;
    let unit = after[digits..].trim_start();
    let seconds = if unit.starts_with("ms") || unit.starts_with("milli") {
        value / 1000.0
    } else if unit.starts_with('m') {
        value * 60.0
    } else if unit.starts_with('h') {
        value * 3600.0
    } else {
        value
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// The field that an error names, if a request can do without it.
pub(super) fn field(message: &str, param: Option<&str>) -> Option<String> {
    let needed = ["model", "messages", "input"];
    named(message, param).filter(|name| !needed.contains(&name.as_str()))
}

/// The parameter, or the first name after a phrase that announces one.
fn named(message: &str, param: Option<&str>) -> Option<String> {
    const PHRASES: [&str; 12] = [
        "does not support parameters: [",
        "unsupported parameter: ",
        "unknown parameter: ",
        "unrecognized request argument supplied: ",
        "unrecognized request arguments supplied: ",
        "unknown field ",
        "unknown name ",
        "unexpected keyword argument ",
        "missing required parameter: ",
        "does not support '",
        "doesn't support `",
        "property '",
    ];
    let given = param.map(|param| param.strip_prefix("body.").unwrap_or(param));
    // LiteLLM says `request_body`, vLLM `body` and `body.1` when no field is meant.
    let vague = |name: &str| name.is_empty() || name == "body" || name == "request_body" || is_number(name);
    if let Some(given) = given.filter(|name| !vague(name)) {
        return Some(given.to_owned());
    }
    let lower = message.to_ascii_lowercase();
    for phrase in PHRASES {
        if let Some(at) = lower.find(phrase)
            && let Some(name) = quoted_name(&message[at + phrase.len()..])
        {
            return Some(name);
        }
    }
    // `x: Extra inputs are not permitted` (Anthropic), `'x' is required` (llama.cpp).
    let before = lower
        .find(": extra inputs are not permitted")
        .or_else(|| lower.find(" is required"))?;
    let name = message[..before].rsplit([' ', ';']).next()?;
    quoted_name(name)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A field name at the beginning of `text`, in quotes or bare.
fn quoted_name(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['\'', '"', '`', ' ']);
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-' | '[' | ']'))
        .unwrap_or(text.len());
    let name = text[..end].trim_end_matches(['.', ']']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The number that directly follows `prefix`, unless it counts characters.
fn number_after(text: &str, prefix: &str) -> Option<u32> {
    text.match_indices(prefix).find_map(|(at, _)| {
        let rest = &text[at + prefix.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != ',')
            .unwrap_or(rest.len());
        let unit = rest[end..].trim_start();
        let counts_characters = unit.starts_with("character") || unit.starts_with("input character");
        if counts_characters { None } else { number(&rest[..end]) }
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
