//! Names inside an error text: of a field, of a tool, of what was refused.

use yabby_core::{
    ErrorKind::{self, Template, UnsupportedFeature},
    Refused::{self, Alternation, CallIds, Images, NoQuestion, Prefill, SystemRole, Thinking, Tools},
};

/// What a text in lower case says of what was refused. The first row whose kind and words fit decides.
const REFUSED: &[(ErrorKind, &str, Refused)] = &[
    (Template, "roles must alternate", Alternation),
    (Template, "tool call id", CallIds),
    (Template, "system", SystemRole),
    (Template, "only user and assistant roles", SystemRole),
    (Template, "no user query", NoQuestion),
    (Template, "empty conversation", NoQuestion),
    (Template, "assistant message prefill", Prefill),
    (Template, "must end with a user message", Prefill),
    (UnsupportedFeature, "support tool", Tools),
    (UnsupportedFeature, "tool choice requires", Tools),
    (UnsupportedFeature, "tool_choice param requires", Tools),
    (UnsupportedFeature, "tools param requires", Tools),
    (UnsupportedFeature, "support thinking", Thinking),
    (UnsupportedFeature, "image", Images),
    (UnsupportedFeature, "multimodal", Images),
];

/// What was refused. llama.cpp quotes a piece of the template before its own words.
pub(super) fn refused(kind: ErrorKind, lower: &str) -> Option<Refused> {
    let words = lower.rsplit("jinja exception:").next().unwrap_or(lower);
    let fits = |row: &&(ErrorKind, &str, Refused)| row.0 == kind && words.contains(row.1);
    REFUSED.iter().find(fits).map(|row| row.2)
}

/// The tool that a refused schema belongs to (OpenAI: `Invalid schema for function 'f'`).
pub(super) fn tool(message: &str) -> Option<String> {
    const PHRASES: [&str; 3] = ["schema for function ", "schema for tool ", "schema of tool "];
    let lower = message.to_ascii_lowercase();
    PHRASES.iter().find_map(|phrase| {
        let at = lower.find(phrase)? + phrase.len();
        quoted_name(&message[at..])
    })
}

/// What stands behind the name of a field.
const BEHIND: [&str; 4] = [
    ": extra inputs are not permitted",
    ": input should be a valid string",
    " must be a string",
    " is required",
];

/// The field of the request that an error names: the parameter, or the first name after a phrase that announces one.
pub(super) fn field(message: &str, param: Option<&str>) -> Option<String> {
    const PHRASES: [&str; 13] = [
        "does not support parameters: [",
        "unsupported parameter: ",
        "unsupported value: ",
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
    if let Some(given) = given.filter(|name| !vague(name) && is_path(name)) {
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
    // `x: Extra inputs are not permitted` (Anthropic), `'x' is required` (llama.cpp), `x must be a string`.
    let before = BEHIND.iter().find_map(|phrase| lower.find(phrase))?;
    let name = message[..before].rsplit([' ', ';']).next()?;
    quoted_name(name)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The longest path of a field.
const LONGEST: usize = 128;

fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']')
}

/// Whether this can be the path of a field: a person is told of it, and a server may write anything there.
fn is_path(text: &str) -> bool {
    text.len() <= LONGEST && text.chars().all(is_of_path)
}

/// A field name at the beginning of `text`, in quotes or bare.
fn quoted_name(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['\'', '"', '`', ' ']);
    let end = text.find(|c: char| !is_of_path(c)).unwrap_or(text.len());
    let name = text[..end].trim_end_matches(['.', ']']);
    (!name.is_empty() && name.len() <= LONGEST).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_and_nothing_else() {
        let path = "tools.0.function[strict]";
        assert_eq!(field("", Some(path)), Some(path.to_owned()));
        for odd in ["a\nb", "a b", "\u{1b}[31m", &"x".repeat(129)] {
            assert_eq!(field("", Some(odd)), None, "{odd:?}");
            assert_eq!(field("Unknown parameter: 'store'", Some(odd)), Some("store".to_owned()));
        }
        assert_eq!(field(&format!("Unknown parameter: '{}'", "x".repeat(129)), None), None);
    }
}
