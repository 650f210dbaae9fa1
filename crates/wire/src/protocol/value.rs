//! An answer that is no string, as a person reads it: without the reasoning in its strings, and nothing for `null`.

use serde_json::Value;
use yabby_core::ModelEvent;

use super::string::{Scan, Unescape};
use crate::think::{Splitter, Start};

/// The value that is no answer.
const NULL: &str = "null";

/// Gives out a value while it comes. Outside its strings it stays as it stands.
#[derive(Debug, Default)]
pub(super) struct Shown {
    scan: Scan,
    /// Inside a string.
    string: Option<(Unescape, Splitter)>,
    /// What may become `null`, as long as nothing has been given out.
    held: String,
    begun: bool,
}

// === impl Shown ===

impl Shown {
    /// Takes the next piece. Gives the bytes of it that belong to the value, if it ends there.
    pub(super) fn push(&mut self, piece: &str, out: &mut Vec<ModelEvent>) -> Option<usize> {
        let mut at = 0;
        while at < piece.len() {
            let rest = &piece[at..];
            if let Some((unescape, think)) = &mut self.string {
                let mut text = String::new();
                let end = unescape.push(rest, &mut text);
                escaped(out, |found| think.push(&text, found));
                at += end?;
                escaped(out, |found| think.finish(false, found));
                self.string = None;
                self.show("\"", out);
                if self.scan.push("\"").is_some() {
                    return Some(at);
                }
                continue;
            }
            let quote = rest.find('"');
            let outside = &rest[..quote.map_or(rest.len(), |quote| quote + 1)];
            if let Some(end) = self.scan.push(outside) {
                self.show(&outside[..end], out);
                if self.held != NULL {
                    out.extend(text(&std::mem::take(&mut self.held)));
                }
                return Some(at + end);
            }
            self.show(outside, out);
            at += outside.len();
            if quote.is_some() {
                self.string = Some((Unescape::default(), Splitter::new(Start::Text)));
            }
        }
        None
    }

    /// The answer ended inside the value; `cut` when a limit ended it.
    pub(super) fn finish(&mut self, cut: bool, out: &mut Vec<ModelEvent>) {
        if let Some((_, think)) = &mut self.string {
            escaped(out, |found| think.finish(cut, found));
        }
    }

    /// Gives out what stands outside the strings.
    fn show(&mut self, outside: &str, out: &mut Vec<ModelEvent>) {
        self.held.push_str(outside);
        if self.begun || !NULL.starts_with(&self.held) {
            self.begun = true;
            out.extend(text(&std::mem::take(&mut self.held)));
        }
    }
}

fn text(text: &str) -> Option<ModelEvent> {
    (!text.is_empty()).then(|| ModelEvent::Text(text.to_owned()))
}

/// Gives out what `split` finds, with its text as the inside of a string.
fn escaped(out: &mut Vec<ModelEvent>, split: impl FnOnce(&mut Vec<ModelEvent>)) {
    let mut found = Vec::new();
    split(&mut found);
    for event in found {
        match event {
            ModelEvent::Text(said) => {
                let quoted = Value::from(said).to_string();
                out.extend(text(&quoted[1..quoted.len() - 1]));
            }
            event => out.push(event),
        }
    }
}
