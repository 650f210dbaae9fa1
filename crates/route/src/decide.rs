//! What follows an error. Every rule about retries and fallbacks is in this one table; `docs/routing.md` tells it to people.

mod table;

#[cfg(test)]
mod tests;

use std::time::Duration;

use yabby_core::{ErrorKind, Phase};

pub use table::decide;

/// What is known when a request has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Situation {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// How far the request had come.
    pub phase: Phase,
    /// Whether the person has seen a part of this candidate's answer.
    pub visible: bool,
    /// Whether Yabby runs the server itself.
    pub managed: bool,
    /// How often this candidate was asked again as it was.
    pub retries: u32,
    /// Whether it is the last candidate.
    pub last: bool,
    /// How much time this candidate has left.
    pub left: Duration,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the next candidate is preferred to waiting.
    pub prefer_fast: bool,
    /// Whether the ladder has a step that changes the request so that the server may take it.
    pub step: bool,
    /// Whether the request can be made in the Chat Completions dialect instead.
    pub chat: bool,
    /// Whether the model's reasoning can be switched off, and was not yet.
    pub reasoning_off: bool,
    /// Whether the request can be made to fit a smaller window, and was not yet since that was learned.
    pub refit: bool,
    /// Whether there is another key that does not rest.
    pub other_key: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the same server again, at once.
    Retry,
    /// Wait this long, then ask the same server again.
    Wait(Duration),
    /// Change something, then ask the same server again.
    Degrade(Degrade),
    /// Make the request fit the window, then ask the same server again.
    Refit,
    /// Ask the same server again with another key.
    OtherKey,
    /// Wait for a free slot of the same server, then ask it again from the beginning.
    Requeue,
    /// Go on with the next candidate; where a part of the answer was seen, behind it.
    Next,
    /// End with the error: there is nothing left to try.
    Stop,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degrade {
    /// The next step of the ladder.
    Step,
    /// The Chat Completions dialect.
    Chat,
    /// No reasoning.
    ReasoningOff,
}

impl Decision {
    /// A word for records and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Wait(_) => "wait",
            Self::Degrade(Degrade::Step) => "degrade",
            Self::Degrade(Degrade::Chat) => "use_chat",
            Self::Degrade(Degrade::ReasoningOff) => "reasoning_off",
            Self::Refit => "refit",
            Self::OtherKey => "other_key",
            Self::Requeue => "requeue",
            Self::Next => "next",
            Self::Stop => "stop",
        }
    }
}
