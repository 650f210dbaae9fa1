//! The message headers of harmony, the format of gpt-oss.
//!
//! A message is `<|start|>role<|channel|>channel<|message|>text` and ends with `<|end|>`, `<|return|>` or `<|call|>`.
//! The chat template writes the first `<|start|>assistant`, so an answer begins at `<|channel|>`. What is thought is in
//! channel `analysis`, what is said in `final`, and in `commentary` what is said before a call. A call has a
//! recipient, `to=…`, in any channel (`wire-facts.md` §3, §4).

use super::tags::{Literal, literal};

/// Longer headers do not exist: a role, a channel, a recipient and `<|constrain|>json`.
const HEADER_BYTES: usize = 256;

const BEGINNINGS: [&str; 2] = ["<|start|>", "<|channel|>"];
const MESSAGE: &str = "<|message|>";

/// What ends a message.
pub(super) const ENDS: [&str; 3] = ["<|end|>", "<|return|>", "<|call|>"];

/// What stands at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Of a message that is thought, with the length of the header.
    Thought(usize),
    /// Of a message that is said.
    Said(usize),
    /// Of a tool call.
    Call(usize),
    /// The text ends before it is decided.
    Maybe,
    No,
}

/// Reads the header at the beginning of `rest`.
pub(super) fn header(rest: &str) -> Header {
    let mut maybe = false;
    for beginning in BEGINNINGS {
        match literal(rest, beginning) {
            Literal::Whole => return begun(rest, beginning),
            Literal::Beginning => maybe = true,
            Literal::No => {}
        }
    }
    if maybe { Header::Maybe } else { Header::No }
}

/// Whether an answer that ends with `rest` ends in the middle of a header that is no call's.
pub(super) fn is_cut(rest: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning))
        && header(rest) == Header::Maybe
        && !rest.contains("to=")
}

/// Whether this is what ends a message.
pub(super) fn is_end(tag: &str) -> bool {
    ENDS.contains(&tag)
}

fn begun(rest: &str, beginning: &str) -> Header {
    let window = &rest[..rest.floor_char_boundary(HEADER_BYTES)];
    let message = window.find(MESSAGE);
    let head = &window[..message.unwrap_or(window.len())];
    let tail = &head[beginning.len()..];
    if head.contains('\n') || ENDS.iter().any(|end| head.contains(end)) || tail.contains("<|start|>") {
        return Header::No;
    }
    let (role, channel) = match tail.split_once("<|channel|>") {
        _ if beginning == "<|channel|>" => ("assistant", Some(tail)),
        Some((role, channel)) => (role, Some(channel)),
        None => (tail, None),
    };
    match literal(role, "assistant") {
        Literal::Whole => {}
        Literal::Beginning if channel.is_none() && message.is_none() => return Header::Maybe,
        Literal::Beginning | Literal::No => return Header::No,
    }
    let Some(message) = message else {
        return if rest.len() < HEADER_BYTES {
            Header::Maybe
        } else {
            Header::No
        };
    };
    let length = message + MESSAGE.len();
    if head.contains("to=") {
        return Header::Call(length);
    }
    match channel.map(|channel| channel.split_whitespace().next().unwrap_or_default()) {
        Some("analysis") => Header::Thought(length),
        None | Some("final" | "commentary") => Header::Said(length),
        Some(_) => Header::No,
    }
}
