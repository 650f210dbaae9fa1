//! What becomes of an answer, and what must hold for all of them.

use std::collections::HashSet;

use yabby_core::{ModelEvent, Progress};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation, WireError};

/// The most characters of an error's message, as its documentation says.
const MESSAGE_CHARS: usize = 500;

/// The events of an answer, and the error that it ends with.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<ModelEvent>,
    pub(crate) error: Option<WireError>,
}

/// Decodes an answer that comes in these pieces. Neighbouring pieces of text, and of reasoning, are joined; bare signs
/// of life are left out.
pub(crate) fn decode<'a>(
    dialect: Dialect,
    kind: BodyKind,
    expect: &Expectation,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = Decoder::new(dialect, kind, expect);
    let mut events = Vec::new();
    let mut error = None;
    for piece in pieces {
        let before = events.len();
        let result = decoder.push(piece, &mut events);
        if error.is_some() {
            assert!(
                result.is_ok() && events.len() == before,
                "something comes after an error"
            );
        } else {
            error = result.err();
        }
    }
    let before = events.len();
    let end = decoder.finish(&mut events).err();
    if error.is_some() {
        assert_eq!((&end, events.len()), (&error, before), "the error stays");
    }
    let after = events.len();
    assert!(
        decoder.push(b"data: {}\n\n", &mut events).is_ok(),
        "nothing is read any more"
    );
    assert_eq!(decoder.finish(&mut events).err(), end, "the end stays");
    assert_eq!(events.len(), after, "something comes after the end");
    let outcome = Outcome {
        events: joined(events),
        error: end,
    };
    outcome.check(expect);
    outcome
}

fn joined(events: Vec<ModelEvent>) -> Vec<ModelEvent> {
    let mut out: Vec<ModelEvent> = Vec::new();
    for event in events {
        match (out.last_mut(), event) {
            (Some(ModelEvent::Text(last)), ModelEvent::Text(text))
            | (Some(ModelEvent::Reasoning(last)), ModelEvent::Reasoning(text)) => last.push_str(&text),
            (_, ModelEvent::Progress(Progress::Alive)) => {}
            (_, event) => out.push(event),
        }
    }
    out
}

/// Checks a message of a server: short, and safe to print.
pub(crate) fn check_message(message: &str) {
    assert!(message.chars().count() <= MESSAGE_CHARS, "long: {message:?}");
    let odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!message.contains(odd), "not clean: {message:?}");
}

// === impl Outcome ===

impl Outcome {
    fn check(&self, expect: &Expectation) {
        let is_end = |event: &ModelEvent| matches!(event, ModelEvent::End(_));
        let ends = self.events.iter().filter(|event| is_end(event)).count();
        match &self.error {
            Some(error) => {
                assert_eq!(ends, 0, "an end beside an error");
                check_message(&error.message);
            }
            None => assert!(
                ends == 1 && self.events.last().is_some_and(is_end),
                "one end, at the end"
            ),
        }
        let mut ids: HashSet<&str> = expect.call_ids.iter().map(String::as_str).collect();
        for event in &self.events {
            let id = match event {
                ModelEvent::ToolCall(call) => {
                    assert!(
                        expect.tools.contains(&call.name),
                        "a tool that was not offered: {call:?}"
                    );
                    &call.id
                }
                ModelEvent::MalformedCall(call) => {
                    assert!(!call.problem.is_empty(), "nothing to tell the model: {call:?}");
                    &call.id
                }
                _ => continue,
            };
            assert!(!id.is_empty() && ids.insert(id), "twice: {id}");
        }
    }
}
