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
        for theirs in present(history).iter().filter_map(words) {
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

/// What still counts of what was said: a new session forgets what was before it, and so does the end of a private time, so that
/// it goes no further.
pub(super) fn present(history: &[Message]) -> &[Message] {
    let begins = |(at, message): (usize, &Message)| match command(message)? {
        Command::New(_) => Some(at),
        Command::Private(Some(false)) => Some(at + 1),
        _ => None,
    };
    let begin = history.iter().enumerate().rev().find_map(begins);
    history.get(begin.unwrap_or(0)..).unwrap_or_default()
}

/// Whether the person has said that it is private.
pub(super) fn is_private(history: &[Message]) -> bool {
    let said = |message: &Message| match command(message)? {
        Command::Private(said) => said,
        _ => None,
    };
    history.iter().rev().find_map(said).unwrap_or(false)
}

fn command(message: &Message) -> Option<Command> {
    match message {
        Message::User { text, .. } => Command::of(&Body::text(text.as_str())),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Message {
        Message::User {
            text: text.to_owned(),
            images: Vec::new(),
        }
    }

    #[test]
    fn what_was_private_or_before_a_new_session_is_not_said_again() {
        for (said, counts, private) in [
            (&["a", "b"][..], &["a", "b"][..], false),
            (&["a", "/new b", "c"], &["/new b", "c"], false),
            (&["/private on", "secret"], &["/private on", "secret"], true),
            (&["/private on", "secret", "/private off", "c"], &["c"], false),
            (
                &["/private on", "/private off", "/private on", "c"],
                &["/private on", "c"],
                true,
            ),
        ] {
            let history: Vec<Message> = said.iter().map(|text| user(text)).collect();
            let expected: Vec<Message> = counts.iter().map(|text| user(text)).collect();
            assert_eq!(
                (present(&history), is_private(&history)),
                (&expected[..], private),
                "{said:?}"
            );
        }
    }
}
