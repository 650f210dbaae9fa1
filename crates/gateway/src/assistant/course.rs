//! How a conversation goes on for a client that sends all of it each time.
//!
//! Such a client may say something new, or go back: say something else in the place of an earlier message, or the same once more.
//! What it sends is compared with what it has said here before, by the words of the person: what the assistant has said may look
//! different in a client, and what it has done it does not know at all.

use yabby_agent::{Body, Command};
use yabby_core::{Integrity, Message};
use yabby_store::{Content, Item};

use super::conversation::CHANNEL;

/// How a session goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// With the next message.
    On,
    /// From before this item, which is a message of the person.
    BackTo(u64),
    /// Not at all: what the client knows is something else.
    Elsewhere,
}

impl Course {
    /// That of a session with these items, for a client to which `history` came before its new message.
    pub(super) fn of(items: &[Item], history: &[Message]) -> Self {
        let mut known = items.iter().filter_map(|item| {
            let label = &item.item.label;
            let here = label.integrity == Integrity::Owner && label.origins.names().any(|origin| origin == CHANNEL);
            match &item.item.content {
                Content::Message { message } if here => Some((item.seq, words(message)?)),
                _ => None,
            }
        });
        for theirs in since_new(history).iter().filter_map(words) {
            match known.next() {
                Some((_, ours)) if ours == theirs => {}
                _ => return Self::Elsewhere,
            }
        }
        match known.next() {
            None => Self::On,
            Some((seq, _)) => Self::BackTo(seq),
        }
    }
}

/// What was said since a new session was asked for.
fn since_new(history: &[Message]) -> &[Message] {
    let begins = |message: &Message| match message {
        Message::User { text, .. } => matches!(Command::of(&Body::text(text.as_str())), Some(Command::New(_))),
        _ => false,
    };
    let new = history.iter().rposition(begins);
    history.get(new.unwrap_or(0)..).unwrap_or_default()
}

/// The words of a person; none beside a picture. Commands are no part of a conversation.
fn words(message: &Message) -> Option<String> {
    let Message::User { text, images } = message else {
        return None;
    };
    let said = match Command::of(&Body::text(text.as_str())) {
        Some(Command::New(first)) => first,
        Some(_) => String::new(),
        None => text.trim().to_owned(),
    };
    (!said.is_empty() || !images.is_empty()).then_some(said)
}
