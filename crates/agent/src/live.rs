//! What whoever watches a turn is told while it runs. What must not be lost stands in the store.

use yabby_core::{Attempt, ModelEvent, ModelRef, Text, ToolCall};
use yabby_store::Approval;

/// One thing that happens in a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Live {
    /// A message is being worked on; its turn.
    Began(String),
    /// This model is asked now.
    Trying(ModelRef),
    /// What it sends.
    Model(ModelEvent),
    /// One request is over.
    Attempt(Attempt),
    /// Something that the person should know.
    Notice(Text),
    /// How a tool gets on.
    Tool(ToolCall, ToolState),
    /// A question to the owner that the turn waits for.
    Asked(Approval),
    /// The turn is over, and what it leaves behind is in the store; or it is tried again later.
    Ended,
}

/// How a tool gets on.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolState {
    /// It runs.
    Began,
    /// It says something while it runs.
    Piece(String),
    /// It has answered; in a few words, without contents.
    Ended(Option<Text>),
    /// It has not worked, and why.
    Failed(String),
}
