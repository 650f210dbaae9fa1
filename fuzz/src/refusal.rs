//! Answers that are refusals.

use yabby_core::ErrorKind;
use yabby_wire::{ResponseHeaders, classify};

use crate::outcome::check_message;

/// Lines that are no header are passed over; the body follows the first empty line. The status is the first line.
pub fn refusal(input: &[u8]) {
    let (head, body) = match input.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (input, [].as_slice()),
    };
    let head = String::from_utf8_lossy(head);
    let (status, lines) = head.split_once('\n').unwrap_or((&head, ""));
    let headers = ResponseHeaders::read(|wanted| {
        let mut lines = lines.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim())
    });
    let error = classify(status.parse().unwrap_or(400), &headers, body);
    check_message(&error.message);
    assert!(!error.message.is_empty(), "no words");
    if error.kind == ErrorKind::UnsupportedField
        && let Some(field) = &error.field
    {
        let is_top = !field.is_empty() && !field.contains(['.', '[']);
        let is_needed = ["model", "messages", "input", "tools", "max_tokens"].contains(&field.as_str());
        assert!(is_top && !is_needed, "not a field to drop: {field}");
    }
}
