//! What can go wrong.

use yabby_core::{Text, text};
use yabby_route::PlanError;
use yabby_store::StoreError;

/// Why a conversation could not be made shorter.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// No model can be asked, so that its window is not known either.
    #[error(transparent)]
    NoModel(#[from] PlanError),
    /// The store failed; of the kind `Fenced`, another has the conversation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What must be shown is too long by itself: the prompt of the agent, and the newest turn.
    #[error("the newest turn needs {tokens} tokens and there is room for {room}")]
    TooLong {
        /// Tokens of the shortest request.
        tokens: u32,
        /// Tokens that there is room for.
        room: u32,
        /// Tokens of what stands before the conversation.
        prefix: u32,
    },
}

impl CompactError {
    /// What has happened, for the person.
    pub fn text(&self) -> Text {
        match self {
            Self::NoModel(error) => error.reason(),
            Self::Store(error) => error.message.clone(),
            Self::TooLong { tokens, room, .. } => text!(
                "this does not fit the window of the model: it has {tokens} tokens, and there is room for {room}",
                tokens = tokens,
                room = room
            ),
        }
    }

    /// What to do next, for the person.
    pub fn hint(&self) -> Option<Text> {
        match self {
            Self::NoModel(error) => Some(error.hint()),
            Self::Store(error) => error.hint.clone(),
            Self::TooLong { room, prefix, .. } if prefix >= room => Some(text!(
                "the prompt and the tools of the agent alone take {prefix} tokens; give the model a larger window, or choose a smaller profile of tools",
                prefix = prefix
            )),
            Self::TooLong { .. } => Some(text!("send less at once, or take a model with a larger window: /model")),
        }
    }
}

/// Why there is no summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSummary {
    /// No model answered.
    Failed,
    /// It took too long.
    TimedOut,
    /// The answer had no words.
    Empty,
    /// It gave back the instructions, or had nothing of the conversation in it.
    Nothing,
    /// It did not make the conversation shorter by a fifth.
    TooLong,
}

impl NoSummary {
    /// In words.
    pub fn text(self) -> Text {
        match self {
            Self::Failed => text!("the model gave no summary"),
            Self::TimedOut => text!("the summary took too long"),
            Self::Empty => text!("the summary was empty"),
            Self::Nothing => text!("the summary said nothing of the conversation"),
            Self::TooLong => text!("the summary was hardly shorter than what it was to stand for"),
        }
    }
}
