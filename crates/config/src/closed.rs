//! Keys whose default must not stand in for a value with a mistake: it would let people hear each other, or store things
//! where their owner does not look for them.

use yabby_core::{Text, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    known,
    privacy::{is_within, last, parent},
};

pub(crate) const DM_SCOPE: &str = "session.dmScope";
/// Where and how things are stored.
pub(crate) const STORE: [&str; 3] = ["store.url", "store.path", "store.secretsKey"];

fn keys() -> impl Iterator<Item = &'static str> {
    STORE.into_iter().chain([DM_SCOPE])
}

/// The key, or the section with it, of which this finding leaves open what is meant.
pub(crate) fn hidden_by(found: &Diagnostic) -> Option<&'static str> {
    if let Some(key) = keys().find(|key| is_within(&found.key, key)) {
        return Some(key);
    }
    let (around, name) = (parent(&found.key), last(&found.key));
    let misspelt = |word: &'static str| known::similar(name, std::iter::once(word)).is_some();
    match found.kind {
        DiagnosticKind::WrongType => ["session", "store"].into_iter().find(|section| *section == found.key),
        DiagnosticKind::UnknownKey if around.is_empty() => {
            ["session", "store"].into_iter().find(|section| misspelt(section))
        }
        DiagnosticKind::UnknownKey => keys().find(|key| parent(key) == around && misspelt(last(key))),
        _ => None,
    }
}

/// What follows from a mistake that turns `key` off.
pub(crate) fn consequence(key: &str) -> Option<Text> {
    if key == "session" || is_within(key, DM_SCOPE) {
        Some(text!(
            "until this is corrected, each person has a session of their own on each account"
        ))
    } else if key == "store" || STORE.iter().any(|closed| is_within(key, closed)) {
        Some(text!("until this is corrected, nothing is stored"))
    } else {
        None
    }
}
