//! What is a secret, and how JSON values and sentences are shown without it.

use serde_json::Value;
use url::Url;
use yabby_core::Secret;

use crate::{
    path::{Seg, at},
    tree::{self, Node},
    variables::Variables,
};

/// Whether a key or a variable holds a secret, judged by its name.
pub(crate) fn is_secret_key(key: &str) -> bool {
    const PARTS: [&str; 10] = [
        "apikey",
        "secret",
        "password",
        "passphrase",
        "authorization",
        "credential",
        "cookie",
        "bearer",
        "jwt",
        "signature",
    ];
    const ENDS: [&str; 4] = ["key", "pass", "headers", "auth"];
    let name: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let alike = |word: &str, distance: usize| strsim::damerau_levenshtein(&name, word) <= distance;
    alike("headers", 1)
        || alike("apikey", 2)
        || ENDS.iter().any(|end| name.ends_with(end))
        || name.contains("token") && !name.contains("tokens")
        || PARTS.iter().any(|part| name.contains(part))
}

/// Whether a value looks like the key of an API, or like the address of a database with its password among parameters.
pub(crate) fn is_secret_value(text: &str) -> bool {
    if text.to_ascii_lowercase().contains("password=") {
        return true;
    }
    ["sk-", "xoxb-", "xapp-", "ghp_", "github_pat_", "hf_", "gsk_", "AIza"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}

/// Whether a key holds an address, judged by its name.
pub(crate) fn is_url_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["url", "endpoint", "host", "proxy"]
        .iter()
        .any(|part| key.contains(part))
}

/// The user name and password of a URL, or everything from its query on. Without a scheme a text counts as a URL only
/// where one is expected: model ids may hold an `@` too.
pub(crate) fn credentials(text: &str, expected: bool) -> Option<std::ops::Range<usize>> {
    let scheme_end = text.find("://").map(|at| at + 3);
    let start = scheme_end.or_else(|| expected.then_some(0))?;
    let authority_end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let query = text.find('?');
    match (text[start..authority_end].rfind('@'), query) {
        // What stands between the two goes with them.
        (Some(_), Some(_)) => Some(start..text.len()),
        (Some(at), None) => Some(start..start + at),
        (None, query) => Some(query? + 1..text.len()),
    }
}

/// Replaces every secret below `path` with `***`, the value at `path` included.
pub(crate) fn mask_at(value: &mut Value, path: &[Seg]) {
    let mut keys: Vec<String> = path.iter().filter_map(Seg::key).map(str::to_owned).collect();
    let secret = keys.iter().any(|key| is_secret_key(key));
    mask_below(value, secret, &mut keys);
}

/// Replaces every secret in a whole JSON value with `***`.
pub(crate) fn mask_json(value: &mut Value) {
    mask_at(value, &[]);
}

/// Whether a value says how keys are asked for, and is none: `gateway.auth` has both. What is written there by mistake is none of
/// its words.
pub(crate) fn is_manner<'a>(keys: impl DoubleEndedIterator<Item = &'a str>, value: &str) -> bool {
    const MODES: [&str; 4] = ["none", "token", "password", "trusted-proxy"];
    let mut keys = keys.rev();
    match (keys.next(), keys.next(), keys.next()) {
        (Some("mode"), Some("auth"), Some("gateway")) => MODES.contains(&value),
        (Some(_), Some("rateLimit"), Some("auth")) => value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

/// `keys` lead to the value.
fn mask_below(value: &mut Value, secret: bool, keys: &mut Vec<String>) {
    let is_manner = |value: &str| is_manner(keys.iter().map(String::as_str), value);
    match value {
        Value::String(text) if secret && is_manner(text) => {}
        Value::Number(number) if secret && is_manner(&number.to_string()) => {}
        Value::String(text) if secret || is_secret_value(text) => "***".clone_into(text),
        Value::Number(_) if secret => *value = "***".into(),
        Value::String(text) => {
            let key = keys.last().map_or("", String::as_str);
            if let Some(range) = credentials(text, is_url_key(key)) {
                text.replace_range(range, "***");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_below(item, secret, keys)),
        Value::Object(members) => {
            for (key, value) in members {
                keys.push(key.clone());
                mask_below(value, secret || is_secret_key(key), keys);
                keys.pop();
            }
        }
        _ => {}
    }
}

/// The values of variables that are secrets, to take them out of whatever they were put into.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a value that holds another one is found whole.
    values: Vec<Secret>,
}

// === impl Redactor ===

impl Redactor {
    /// Knows the values of those variables in `tree` whose names say that they are secrets.
    pub(crate) fn new(tree: &Node, variables: &Variables) -> Self {
        let mut names = Vec::new();
        collect(tree, &mut names);
        names.sort_unstable();
        names.dedup();
        let providers = tree.find(&at!["models", "providers"]).map_or(&[][..], Node::members);
        // `OLLAMA_API_KEY=ollama` is no secret, and without its name no sentence about the provider makes sense.
        let is_name = |value: &str| providers.iter().any(|known| known.key.eq_ignore_ascii_case(value));
        let values = names.into_iter().filter_map(|name| variables.get(name));
        let mut values: Vec<String> = values.filter(|value| !is_name(value)).flat_map(spellings).collect();
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self {
            values: values.into_iter().map(Secret::new).collect(),
        }
    }

    /// The text with every value of 4 and more bytes as `***`.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.values
            .iter()
            .fold(text.to_owned(), |text, secret| secret.redact(&text))
    }

    /// The same for every string in a JSON value.
    pub(crate) fn redact_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            Value::Object(members) => members.values_mut().for_each(|value| self.redact_json(value)),
            _ => {}
        }
    }
}

fn collect<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    let used = node.variables.iter().map(String::as_str);
    names.extend(used.filter(|name| is_secret_key(name)));
    match &node.value {
        tree::Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        tree::Value::Object(members) => members.iter().for_each(|member| collect(&member.value, names)),
        _ => {}
    }
}

/// A value as it is, and as it reads in the path and in the host of an address.
fn spellings(value: &str) -> Vec<String> {
    let mut spellings = vec![value.to_owned(), value.to_lowercase()];
    if let Ok(mut url) = Url::parse("http://h/") {
        url.set_path(value);
        spellings.push(url.path().trim_start_matches('/').to_owned());
    }
    spellings.retain(|spelling| spelling.len() >= 4);
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "apiKey",
            "api_kye",
            "extra_headers",
            "extraHeaders",
            "auth",
            "jwt",
            "GW_TOKEN",
            "signature",
        ] {
            assert!(is_secret_key(name), "{name}");
        }
        for name in ["maxTokens", "authHeader", "baseUrl", "models", "id", "author"] {
            assert!(!is_secret_key(name), "{name}");
        }
    }

    #[test]
    fn how_keys_are_asked_for_is_no_secret() {
        let mut value = serde_json::json!({"gateway": {"auth": {
            "mode": "password", "password": "hunter2", "token": "none", "rateLimit": {"maxAttempts": 5, "windowMs": "x"}}},
            "auth": {"mode": "token", "rateLimit": {"maxAttempts": 5}}});
        mask_json(&mut value);
        let expected = serde_json::json!({"gateway": {"auth": {
            "mode": "password", "password": "***", "token": "***", "rateLimit": {"maxAttempts": 5, "windowMs": "***"}}},
            "auth": {"mode": "***", "rateLimit": {"maxAttempts": 5}}});
        assert_eq!(value, expected);
        // A secret where a word belongs.
        let mut value = serde_json::json!("hunter2");
        mask_at(&mut value, &at!["gateway", "auth", "mode"]);
        assert_eq!(value, "***");
        let mut value = serde_json::json!("token");
        mask_at(&mut value, &at!["gateway", "auth", "mode"]);
        assert_eq!(value, "token");
    }

    #[test]
    fn json_is_masked_by_key() {
        let mut value = serde_json::json!({
            "a": {"headers": {"X": "s"}, "maxTokens": 4, "token": 12, "auth": {"pin": 5, "on": true}},
            "u": "http://a:b@c/v1",
            "baseUrl": "a:b@c",
            "id": "qwen:8b@q4",
        });
        mask_json(&mut value);
        let expected = serde_json::json!({
            "a": {"headers": {"X": "***"}, "maxTokens": 4, "token": "***", "auth": {"pin": "***", "on": true}},
            "u": "http://***@c/v1",
            "baseUrl": "***@c",
            "id": "qwen:8b@q4",
        });
        assert_eq!(value, expected);
    }
}
