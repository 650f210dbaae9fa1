//! Hides secrets in config text before a person sees it.
//!
//! The text is read with a scanner that forgives everything, because the line around a syntax error is shown too.

use std::ops::Range;

use crate::{
    path::Seg,
    secret::{credentials, is_manner, is_secret_key, is_secret_value, is_url_key},
    variables::is_variable_name,
};

/// The text with the content of secret values and of comments replaced by `*`. Every byte keeps its place.
///
/// `within` holds the keys at which the text stands in a config: one path without steps for the config itself.
pub(crate) fn mask(text: &str, within: &[Vec<Seg>]) -> String {
    let mut scanner = Scanner {
        text,
        at: 0,
        out: text.as_bytes().to_vec(),
        frames: Vec::new(),
        armed: false,
        after_colon: false,
        around: Around::new(within),
    };
    scanner.run();
    String::from_utf8_lossy(&scanner.out).into_owned()
}

/// Hides everything but structure in these ranges of a text.
pub(crate) fn hide(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in bytes.get_mut(range.clone()).into_iter().flatten() {
            if !byte.is_ascii_whitespace() && !b"{}[],:'\"".contains(byte) {
                *byte = b'*';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    around: Around,
}

/// What stands around the text.
struct Around {
    /// All of it is below a secret key.
    secret: bool,
    /// It is a config of its own, so that its `env` holds variables.
    nothing: bool,
    /// It stands at a key that holds an address.
    url: bool,
}

// === impl Around ===

impl Around {
    fn new(within: &[Vec<Seg>]) -> Self {
        let key = |seg: Option<&Seg>, is: fn(&str) -> bool| seg.and_then(Seg::key).is_some_and(is);
        let in_env = |path: &Vec<Seg>| key(path.first(), |name| name == "env");
        let in_secret = |path: &Vec<Seg>| path.iter().any(|seg| key(Some(seg), is_secret_key));
        Self {
            secret: within.iter().any(|path| in_env(path) || in_secret(path)),
            nothing: within.iter().any(Vec::is_empty),
            url: within.iter().any(|path| key(path.last(), is_url_key)),
        }
    }
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
                    "mode" => matches!(content.as_str(), "json" | "singleValue"),
                    "command" | "path" => content.starts_with(['/', '~']),
                    "source" => matches!(content.as_str(), "env" | "file" | "exec" | "store"),
                    "provider" => content == "default",
                    "id" => is_variable_name(&content),
                    _ => false,
                });
        let keys = self.frames.iter().filter_map(|frame| frame.key.as_deref());
        let is_harmless_part = is_reference_part || is_manner(keys, &content);
        if (self.is_secret() || is_secret_value(&content)) && !is_harmless_part {
            if !is_harmless(&content) {
                self.hide(start, end);
            }
        } else if let Some(range) = credentials(&content, self.key().map_or(self.around.url, is_url_key)) {
            self.hide(start + range.start, start + range.end);
        }
        self.armed = self.armed || is_secret_key(&content);
    }

    fn key(&self) -> Option<&str> {
        self.frames.last().and_then(|frame| frame.key.as_deref())
    }

    fn is_secret(&self) -> bool {
        let in_env = self.around.nothing
            && self.frames.len() > 1
            && self.frames.first().and_then(|frame| frame.key.as_deref()) == Some("env");
        let inherited = self.frames.last().is_some_and(|frame| frame.secret);
        self.around.secret || self.armed || in_env || inherited || self.key().is_some_and(is_secret_key)
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
        .is_some_and(is_variable_name);
    reference || matches!(content, "true" | "false" | "null" | "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::path::at;

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
            ("{u: 'http://me@h/v1?key=s'}", "{u: 'http://*************'}"),
            ("{u: 'host=h password=s'}", "{u: '****** **********'}"),
            ("{} // sk-1\n", "{} // ****\n"),
            (
                "{gateway: {auth: {mode: 'token', token: 'none', rateLimit: {maxAttempts: 5}}}}",
                "{gateway: {auth: {mode: 'token', token: '****', rateLimit: {maxAttempts: 5}}}}",
            ),
        ];
        for (text, masked) in cases {
            assert_eq!(mask(text, &[Vec::new()]), masked);
        }
    }

    #[test]
    fn a_reference_to_a_secret_is_shown() {
        let text = "{apiKey: {source: 'env', provider: 'default', id: 'MY_KEY'}}";
        assert_eq!(mask(text, &[Vec::new()]), text);
    }

    #[test]
    fn an_included_text_is_read_at_its_key() {
        let mask_at = |text: &str, path: &[Seg]| mask(text, &[path.to_vec()]);
        let provider = at!["models", "providers", "a", "headers"];
        assert_eq!(mask_at("{'X-A': 'secret', n: 1}", &provider), "{'X-A': '******', n: *}");
        assert_eq!(mask_at("{A: 'secret'}", &at!["env", "vars"]), "{A: '******'}");
        assert_eq!(
            mask_at("'me:pw@h'", &at!["models", "providers", "a", "baseUrl"]),
            "'*****@h'"
        );
        assert_eq!(mask_at("{mode: 'merge'}", &at!["models"]), "{mode: 'merge'}");
    }

    #[test]
    fn ranges_keep_their_structure() {
        assert_eq!(
            hide("{a: {b: ['x y', 1]}, c: 2}", std::slice::from_ref(&(4..18))),
            "{a: {*: ['* *', *]}, c: 2}"
        );
    }

    proptest! {
        #[test]
        fn every_byte_keeps_its_place(text in "(?s)[{}\\[\\]:,'\"/*\\\\a中 \n]{0,40}|(?s).{0,40}") {
            prop_assert_eq!(mask(&text, &[Vec::new()]).len(), text.len());
        }
    }
}
