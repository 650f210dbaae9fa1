//! Text of a model that has reasoning and tool calls written into it.

use serde_json::json;
use yabby_core::ModelEvent;
use yabby_wire::{BodyKind, Dialect};

use crate::{
    expect::{IN_REASONING, NAMES, TOOLS, expectation},
    head::Head,
    outcome::{Outcome, decode},
};

/// A limit has ended the answer.
const LENGTH: u8 = 1;

/// Every tag that the splitter may take out of a text, in small letters. None holds another.
const TAGS: [&str; 23] = [
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    "<reasoning>",
    "</reasoning>",
    "<thought>",
    "</thought>",
    "<seed:think>",
    "</seed:think>",
    "[think]",
    "[/think]",
    "<|start_thinking|>",
    "<|end_thinking|>",
    "<|start_response|>",
    "<|end_response|>",
    "<|channel>thought",
    "<channel|>",
    "<final>",
    "</final>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
];

/// How the headers of harmony's messages begin. They have words in them, which go with them.
const HEADERS: [&str; 2] = ["<|start|>", "<|channel|>"];

/// What came of a text.
#[derive(Debug, Default)]
struct Said {
    text: String,
    reasoning: String,
    /// Both in the order in which they came.
    all: String,
    calls: usize,
}

/// However a text is cut into deltas, the events are the same, and nothing but tags and calls is taken out of it.
pub fn written(input: &[u8]) {
    let Some((head, body)) = Head::take(input) else { return };
    let body = String::from_utf8_lossy(body);
    let reason = if head.has(LENGTH) { "length" } else { "stop" };
    let read = |stream: String, flags: u8| {
        decode(
            Dialect::Chat,
            BodyKind::EventStream,
            &expectation(flags),
            [stream.as_bytes()],
        )
    };
    let flags = head.flags(IN_REASONING | TOOLS);
    let whole = read(stream([&*body], reason), flags);
    let cut = read(stream(head.texts(&body), reason), flags);
    assert_eq!(cut, whole, "cut and whole differ");
    let found = said(&whole);
    if !head.has(TOOLS) {
        nothing_is_lost(&body, &found);
        return;
    }
    let plain = said(&read(stream([&*body], reason), head.flags(IN_REASONING)));
    nothing_is_lost(&body, &plain);
    assert_eq!(found.reasoning, plain.reasoning, "tools change the reasoning");
    if found.calls == 0 {
        assert_eq!(found.text, plain.text, "tools change text without calls");
    }
    let mut rest = plain.text.chars();
    let is_part = found.text.chars().all(|c| rest.any(|other| other == c));
    assert!(is_part, "not of the text: {:?}", found.text);
}

/// A stream of these deltas.
pub(crate) fn stream<'a>(texts: impl IntoIterator<Item = &'a str>, reason: &str) -> String {
    let mut out = String::new();
    let deltas = texts.into_iter().map(|text| json!({"delta": {"content": text}}));
    for choice in deltas.chain([json!({"delta": {}, "finish_reason": reason})]) {
        out.push_str("data: ");
        out.push_str(&json!({"choices": [choice]}).to_string());
        out.push_str("\n\n");
    }
    out
}

fn said(outcome: &Outcome) -> Said {
    let mut said = Said::default();
    for event in &outcome.events {
        match event {
            ModelEvent::Text(text) => {
                said.text.push_str(text);
                said.all.push_str(text);
            }
            ModelEvent::Reasoning(text) => {
                said.reasoning.push_str(text);
                said.all.push_str(text);
            }
            ModelEvent::ToolCall(call) => {
                assert!(NAMES.contains(&call.name.as_str()), "nobody's tool: {}", call.name);
                said.calls += 1;
            }
            _ => {}
        }
    }
    said
}

/// Checks a text that was read without tools.
fn nothing_is_lost(body: &str, said: &Said) {
    assert_eq!(said.calls, 0, "calls without tools");
    let small = body.to_ascii_lowercase();
    if HEADERS.iter().any(|header| small.contains(header)) {
        return;
    }
    if said.reasoning.is_empty() && !TAGS.iter().any(|tag| small.contains(tag)) {
        assert_eq!(said.text, body, "the text has changed");
        return;
    }
    assert_eq!(without_tags(&said.all), without_tags(body), "more is lost than tags");
}

/// The text without tags and white space. What is left of two tags around a third may be a tag itself.
fn without_tags(text: &str) -> String {
    let mut text = text.to_ascii_lowercase();
    text.retain(|c| !c.is_whitespace());
    loop {
        let before = text.len();
        for tag in TAGS {
            while let Some(at) = text.find(tag) {
                text.drain(at..at + tag.len());
            }
        }
        if text.len() == before {
            return text;
        }
    }
}
