//! Requests of clients.

use serde_json::Value;
use yabby_wire::{
    Quirks, Target,
    clients::{Api, EmbeddingsRequest, InvalidKind, InvalidRequest},
    encode,
};

use crate::head::Head;

/// Which parser reads the body.
const PARSER: u8 = 3;

/// What is refused names a field that is there; what is read can be sent on, and is read again.
pub fn asked(input: &[u8]) {
    let Some((head, body)) = Head::take(input) else { return };
    let api = match head.flags(PARSER) {
        0 => Api::Chat,
        1 => Api::Responses,
        2 => Api::Messages,
        _ => {
            match EmbeddingsRequest::parse(body) {
                Ok(read) => assert!(!read.input.is_empty(), "nothing to embed"),
                Err(error) => check(&error, body),
            }
            return;
        }
    };
    let read = match api.parse(body) {
        Ok(read) => read,
        Err(error) => return check(&error, body),
    };
    let quirks = Quirks::default();
    let target = Target {
        endpoint: "",
        model: "m",
        quirks: &quirks,
    };
    let sent = encode(api.dialect(), &read.request, &target).body;
    if let Err(error) = api.parse(&sent) {
        // Nothing is left of a conversation in which nobody says anything.
        let is_empty = matches!(error.field.as_str(), "messages" | "input");
        assert!(is_empty, "{error}: {}", String::from_utf8_lossy(&sent));
    }
}

fn check(error: &InvalidRequest, body: &[u8]) {
    assert!(!error.problem.is_empty(), "no words");
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        assert_eq!(error.kind, InvalidKind::NotJson, "{error}");
        return;
    };
    let pointer = error.field.replace(['.', '['], "/").replace(']', "");
    let pointer = if pointer.is_empty() {
        pointer
    } else {
        format!("/{pointer}")
    };
    let found = match error.kind {
        // It stands where it should have been.
        InvalidKind::Missing => body.pointer(pointer.rsplit_once('/').map_or("", |(above, _)| above)),
        _ => body.pointer(&pointer),
    };
    assert!(found.is_some(), "no such field: {error}");
}
