//! What went wrong, as far as bytes can tell.

use yabby_core::{ErrorDetails, ErrorKind, Text, text};

/// The most characters that [`WireError::message`] has.
const MESSAGE_CHARS: usize = 500;

/// A refusal or a broken answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// The kind, to match on.
    pub kind: ErrorKind,
    /// The server's own words on one line: at most 500 characters, without control characters and terminal
    /// escapes. It may still quote what was sent, credentials included.
    pub message: String,
    /// What the error names. With [`ErrorKind::UnsupportedField`] the field is what the server does not take.
    pub details: ErrorDetails,
    /// With [`ErrorKind::ToolParser`]: what the model wrote, where the server quotes it. See
    /// [`crate::Decoder::recover`].
    pub recovered: Option<Recovered>,
}

/// What a model wrote after the place that the server's parser could not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The model's words, not made safe to print.
    pub text: String,
    /// It is all that the model wrote. Otherwise it may begin inside a thought.
    pub from_start: bool,
}

/// Text of a server made safe to print: one line, no terminal escapes, no control or direction characters, and
/// not longer than [`MESSAGE_CHARS`].
pub(crate) fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(MESSAGE_CHARS * 4));
    let mut count = 0;
    let mut space = false;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' | '\u{9b}' => {
                skip_escape(c, &mut chars);
                continue;
            }
            _ if c.is_whitespace() => {
                space = true;
                continue;
            }
            _ if c.is_control() || is_invisible(c) => continue,
            _ => {}
        }
        if count + usize::from(space) + 1 > MESSAGE_CHARS - 1 {
            out.push('…');
            break;
        }
        if space && !out.is_empty() {
            out.push(' ');
            count += 1;
        }
        space = false;
        out.push(c);
        count += 1;
    }
    out
}

/// Skips the rest of an ECMA-48 escape sequence.
fn skip_escape(first: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let introducer = if first == '\u{9b}' { Some('[') } else { chars.next() };
    match introducer {
        // Control sequence: parameters, then one final byte.
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        // Strings (window titles, links): up to BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next();
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Zero-width and direction-changing characters, which make a text look like another one.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

// === impl WireError ===

impl WireError {
    /// An error that names nothing; the message is made safe to print.
    pub(crate) fn new(kind: ErrorKind, message: &str) -> Self {
        Self {
            kind,
            message: clean(message),
            details: ErrorDetails::default(),
            recovered: None,
        }
    }

    /// The answer could not be decoded.
    pub(crate) fn malformed(message: &str) -> Self {
        Self::new(ErrorKind::Malformed, message)
    }

    /// The connection ended before the answer did.
    pub(crate) fn interrupted(message: &str) -> Self {
        Self::new(ErrorKind::Interrupted, message)
    }

    /// What happened, in one sentence without the server's words.
    pub fn summary(&self) -> Text {
        match self.kind {
            ErrorKind::Interrupted => text!("the connection ended before the answer did"),
            ErrorKind::Loading => text!("the server is loading the model"),
            ErrorKind::NotLoaded => text!("the model is not loaded"),
            ErrorKind::ModelNotFound => text!("the server has no model of this name"),
            ErrorKind::Auth => text!("the server did not accept the key"),
            ErrorKind::Billing => text!("the account has no credit left"),
            ErrorKind::RateLimit => text!("too many requests for this key"),
            ErrorKind::Overloaded => text!("the server has no capacity now"),
            ErrorKind::ContextOverflow => self.overflow(),
            ErrorKind::Template => text!("the model's chat template refused the shape of the conversation"),
            ErrorKind::Grammar => text!("the server could not compile a tool schema"),
            ErrorKind::UnsupportedField => match &self.details.field {
                Some(field) => text!("the server does not take the field {field}", field = field),
                None => text!("the server does not take a field of the request"),
            },
            ErrorKind::UnsupportedFeature => text!("the model or its server cannot do what was asked"),
            ErrorKind::ToolParser => text!("the server could not read the tool call that the model wrote"),
            ErrorKind::BadRequest => text!("the server refused the request"),
            ErrorKind::NotAnApi => text!("what answered is not a model API"),
            ErrorKind::Server => text!("the server failed inside"),
            ErrorKind::Malformed => text!("the answer could not be read"),
            _ => text!("the request failed"),
        }
    }

    fn overflow(&self) -> Text {
        let numbers = self.details.numbers;
        match (numbers.prompt_tokens, numbers.window) {
            (Some(prompt), Some(window)) if prompt > window => text!(
                "the prompt has {prompt} tokens and the context window holds {window}",
                prompt = prompt,
                window = window
            ),
            (_, Some(window)) => {
                text!(
                    "the prompt does not fit the context window of {window} tokens",
                    window = window
                )
            }
            _ => text!("the prompt does not fit the context window"),
        }
    }
}

#[cfg(test)]
mod tests {
    use yabby_core::Lang;

    use super::*;

    #[test]
    fn server_words_are_made_safe() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m\r\n\tb\u{7}"), "ared b");
        assert_eq!(clean("x\u{1b}]0;title\u{7}y\u{1b}]8;;http://a\u{1b}\\z"), "xyz");
        assert_eq!(clean("ab\u{202e}cd\u{200b}"), "abcd");
        assert_eq!(clean("\u{9b}2Jok \u{1b}"), "ok");
        let long = clean(&"é ".repeat(2_000));
        assert!(long.chars().count() <= MESSAGE_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn summaries_speak_chinese() {
        let mut error = WireError::new(ErrorKind::ContextOverflow, "too long");
        assert_eq!(error.summary().english(), "the prompt does not fit the context window");
        error.details.numbers.window = Some(2048);
        error.details.numbers.prompt_tokens = Some(40031);
        assert_eq!(
            error.summary().english(),
            "the prompt has 40031 tokens and the context window holds 2048"
        );
        assert_eq!(
            error.summary().render(Lang::ZhTw),
            "提示詞有 40031 個 token，而上下文視窗只能容納 2048 個"
        );
    }
}
