//! Hides secrets in config text and in JSON values before a person sees them.
//!
//! The text is read with a scanner that forgives everything, because the line around a syntax error is shown too.

use std::collections::HashSet;

use serde_json::Value;

use crate::path::Seg;

/// Whether a key holds a secret, judged by its name.
pub(crate) fn is_secret_key(key: &str) -> bool {
    const PARTS: [&str; 8] = [
        "apikey",
        "secret",
        "password",
        "passphrase",
        "authorization",
        "credential",
        "cookie",
        "bearer",
    ];
    let name: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let alike = |word: &str, distance: usize| strsim::damerau_levenshtein(&name, word) <= distance;
    alike("headers", 1)
        || alike("apikey", 2)
        || name.ends_with("key")
        || name.ends_with("pass")
        || name.contains("token") && !name.contains("tokens")
        || PARTS.iter().any(|part| name.contains(part))
}

/// Replaces every secret below `path` with `***`, the value at `path` included.
pub(crate) fn mask_at(value: &mut Value, path: &[Seg]) {
    let keys = || path.iter().filter_map(Seg::key);
    mask_below(value, keys().any(is_secret_key), keys().next_back().unwrap_or_default());
}

/// Replaces every secret in a whole JSON value with `***`.
pub(crate) fn mask_json(value: &mut Value) {
    mask_at(value, &[]);
}

/// Replaces every string that is one of `secrets` with `***`.
pub(crate) fn mask_equal(value: &mut Value, secrets: &HashSet<String>) {
    match value {
        Value::String(text) if secrets.contains(text) => "***".clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_equal(item, secrets)),
        Value::Object(members) => members.values_mut().for_each(|value| mask_equal(value, secrets)),
        _ => {}
    }
}

fn mask_below(value: &mut Value, secret: bool, key: &str) {
    match value {
        Value::String(text) if secret || is_secret_value(text) => "***".clone_into(text),
        Value::String(text) => {
            if let Some(range) = credentials(text, is_url_key(key)) {
                text.replace_range(range, "***");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_below(item, secret, key)),
        Value::Object(members) => {
            for (key, value) in members {
                mask_below(value, secret || is_secret_key(key), key);
            }
        }
        _ => {}
    }
}

/// The text with the content of secret values and of comments replaced by `*`. Every byte keeps its place.
pub(crate) fn mask(text: &str) -> String {
    let mut scanner = Scanner {
        text,
        at: 0,
        out: text.as_bytes().to_vec(),
        frames: Vec::new(),
        armed: false,
        after_colon: false,
    };
    scanner.run();
    String::from_utf8_lossy(&scanner.out).into_owned()
}

/// Hides everything but structure from `start` to the end of its line: the value of a key that nobody knows.
pub(crate) fn mask_rest_of_line(text: &str, start: usize) -> String {
    let mut in_line = true;
    let hide = |(at, c): (usize, char)| {
        in_line = in_line && (at < start || c != '\n');
        let structure = c.is_whitespace() || "{}[],:'\"".contains(c);
        if at < start || !in_line || structure {
            c.to_string()
        } else {
            "*".repeat(c.len_utf8())
        }
    };
    text.char_indices().map(hide).collect()
}

/// Whether a value looks like the key of an API.
fn is_secret_value(text: &str) -> bool {
    ["sk-", "xoxb-", "xapp-", "ghp_", "github_pat_", "hf_", "gsk_", "AIza"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}

fn is_url_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["url", "endpoint", "host", "proxy"]
        .iter()
        .any(|part| key.contains(part))
}

/// The user name and password of a URL, or everything from its query on. Without a scheme a text counts as a URL only
/// where one is expected: model ids may hold an `@` too.
fn credentials(text: &str, expected: bool) -> Option<std::ops::Range<usize>> {
    let scheme_end = text.find("://").map(|at| at + 3);
    let start = scheme_end.or_else(|| expected.then_some(0))?;
    let authority_end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    if let Some(at) = text[start..authority_end].rfind('@') {
        return Some(start..start + at);
    }
    let query = text.find('?')?;
    Some(query + 1..text.len())
}

struct Frame {
    object: bool,
    secret: bool,
    key: Option<String>,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    out: Vec<u8>,
    frames: Vec<Frame>,
    /// The token before was the name of a secret key, colon or not.
    armed: bool,
    /// A colon stands before, so what follows is a value.
    after_colon: bool,
}

// === impl Scanner ===

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(c) = self.text[self.at..].chars().next() {
            let start = self.at;
            match c {
                '/' if self.text[start..].starts_with("//") => {
                    self.at = self.line_end(start);
                    self.hide(start + 2, self.at);
                }
                '/' if self.text[start..].starts_with("/*") => {
                    let close = self.text[start + 2..].find("*/");
                    let end = close.map_or(self.text.len(), |at| start + 2 + at);
                    self.hide(start + 2, end);
                    self.at = close.map_or(end, |_| end + 2);
                }
                '"' | '\'' => {
                    let end = self.string_end(start, c);
                    let closed = end > start + 1 && self.text[..end].ends_with(c);
                    self.at = end;
                    self.token(start + 1, if closed { end - 1 } else { end });
                }
                '{' | '[' => {
                    let secret = self.is_secret();
                    self.frames.push(Frame {
                        object: c == '{',
                        secret,
                        key: None,
                    });
                    self.armed = false;
                    self.after_colon = false;
                    self.at += 1;
                }
                '}' | ']' => {
                    self.frames.pop();
                    self.armed = false;
                    self.at += 1;
                    self.forget_key();
                }
                ',' => {
                    self.forget_key();
                    self.at += 1;
                }
                ':' => {
                    self.after_colon = true;
                    self.at += 1;
                }
                c if c.is_whitespace() => self.at += c.len_utf8(),
                _ => {
                    let ends = |c: char| c.is_whitespace() || "\"'{}[],:".contains(c);
                    let length = self.text[start..].find(ends).unwrap_or(self.text.len() - start);
                    self.at = start + length.max(c.len_utf8());
                    self.token(start, self.at);
                }
            }
        }
    }

    /// A string or a bare word: a key when a colon follows, else a value.
    fn token(&mut self, start: usize, end: usize) {
        let content = self.text[start..end].to_owned();
        let colon = self.text[self.at..].trim_start().starts_with(':');
        let is_value = std::mem::take(&mut self.after_colon);
        let in_object = self.frames.last().is_none_or(|frame| frame.object);
        if colon && in_object && !is_value {
            if let Some(frame) = self.frames.last_mut() {
                frame.key = Some(content.clone());
            }
            self.armed = is_secret_key(&content);
            return;
        }
        let is_reference_part =
            self.frames
                .last()
                .and_then(|frame| frame.key.as_deref())
                .is_some_and(|key| match key {
                    "source" => matches!(content.as_str(), "env" | "file" | "exec" | "store"),
                    "provider" => content == "default",
                    "id" => crate::variables::is_variable_name(&content),
                    _ => false,
                });
        if (self.is_secret() || is_secret_value(&content)) && !is_reference_part {
            if !is_harmless(&content) {
                self.hide(start, end);
            }
        } else if let Some(range) = credentials(&content, self.key().is_some_and(is_url_key)) {
            self.hide(start + range.start, start + range.end);
        }
        self.armed = self.armed || is_secret_key(&content);
    }

    fn key(&self) -> Option<&str> {
        self.frames.last().and_then(|frame| frame.key.as_deref())
    }

    fn is_secret(&self) -> bool {
        let in_env = self.frames.len() > 1 && self.frames.first().and_then(|frame| frame.key.as_deref()) == Some("env");
        let inherited = self.frames.last().is_some_and(|frame| frame.secret);
        self.armed || in_env || inherited || self.key().is_some_and(is_secret_key)
    }

    fn forget_key(&mut self) {
        self.armed = false;
        self.after_colon = false;
        if let Some(frame) = self.frames.last_mut() {
            frame.key = None;
        }
    }

    fn hide(&mut self, start: usize, end: usize) {
        for byte in &mut self.out[start..end] {
            if !matches!(byte, b'\n' | b'\r' | b' ' | b'\t') {
                *byte = b'*';
            }
        }
    }

    fn line_end(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.text.len(), |at| from + at)
    }

    /// The end of a string, its closing mark included; the end of the line when it is not closed.
    fn string_end(&self, start: usize, mark: char) -> usize {
        let mut escaped = false;
        for (offset, c) in self.text[start + 1..].char_indices() {
            let at = start + 1 + offset;
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => return at,
                c if c == mark => return at + 1,
                _ => {}
            }
        }
        self.text.len()
    }
}

/// Values that say nothing: words of JSON, and references to variables.
fn is_harmless(content: &str) -> bool {
    let reference = content
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(crate::variables::is_variable_name);
    reference || matches!(content, "true" | "false" | "null" | "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let cases = [
            ("{apiKey: 'sk-1', api: 'x'}", "{apiKey: '****', api: 'x'}"),
            ("{apiKey: '${KEY}'}", "{apiKey: '${KEY}'}"),
            ("{headers: {'X-A': \"b c\"}, n: 1}", "{headers: {'X-A': \"* *\"}, n: 1}"),
            ("{apiKey 'sk-1'}", "{apiKey '****'}"),
            ("{apiKey: 'sk-1\n b: 'x'}", "{apiKey: '****\n b: 'x'}"),
            ("{apiKey: sk-1:x y, b: 1}", "{apiKey: ****:* *, b: 1}"),
            ("{env: {A: 'v', vars: {B: 'w'}}}", "{env: {A: '*', vars: {B: '*'}}}"),
            ("{maxTokens: 5, token: 12345}", "{maxTokens: 5, token: *****}"),
            ("{u: 'http://me:pw@h/v1'}", "{u: 'http://*****@h/v1'}"),
            ("{u: 'http://h/v1?key=s'}", "{u: 'http://h/v1?*****'}"),
            ("{} // sk-1\n", "{} // ****\n"),
        ];
        for (text, masked) in cases {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn a_reference_to_a_secret_is_shown() {
        let text = "{apiKey: {source: 'env', provider: 'default', id: 'MY_KEY'}}";
        assert_eq!(mask(text), text);
    }

    #[test]
    fn json_is_masked_by_key() {
        let mut value = serde_json::json!({
            "a": {"headers": {"X": "s"}, "maxTokens": 4},
            "u": "http://a:b@c/v1",
            "baseUrl": "a:b@c",
            "id": "qwen:8b@q4",
        });
        mask_json(&mut value);
        let expected = serde_json::json!({
            "a": {"headers": {"X": "***"}, "maxTokens": 4},
            "u": "http://***@c/v1",
            "baseUrl": "***@c",
            "id": "qwen:8b@q4",
        });
        assert_eq!(value, expected);
    }

    proptest! {
        #[test]
        fn every_byte_keeps_its_place(text in "(?s)[{}\\[\\]:,'\"/*\\\\a中 \n]{0,40}|(?s).{0,40}") {
            prop_assert_eq!(mask(&text).len(), text.len());
        }
    }
}
