//! Who answers.

use yabby_core::SessionKey;

use crate::{
    error::Result,
    inbox::{NewInbound, NewItems, TurnOutcome},
    lanes::Lease,
    outbox::NewDelivery,
    store::Store,
};

/// Answers messages.
pub trait TurnHandler: Send + Sync + 'static {
    /// Works on a message, and says what that leaves behind. The future is dropped when the conversation is taken over
    /// by another replica, and when the loop stops and it takes too long: whatever it does outside goes through
    /// [`Store::begin_effect`].
    ///
    /// A turn that fails, or returns an error, is tried again later under the same id, until it has failed too often: then
    /// its sender is told.
    fn turn(&self, turn: Turn) -> impl Future<Output = Result<Answered>> + Send;

    /// Nothing more happens in this conversation for the message that was worked on: what it leaves behind is written, or it
    /// is tried again later.
    fn over(&self, conversation: &SessionKey) {
        let _ = conversation;
    }
}

/// A message in work.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The store.
    pub store: Store,
    /// The right to work in the conversation.
    pub lease: Lease,
    /// The id of this turn. A try after a crash has the same one, so that what was done is found again.
    pub turn: String,
    /// The number of the message in the inbox.
    pub id: i64,
    /// The message.
    pub message: NewInbound,
    /// How often it was claimed, with this time, since somebody last came to an end with it. With more than one, somebody
    /// has died over it.
    pub claims: u64,
    /// How often it has failed before.
    pub failures: u64,
}

/// What a turn leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Whether the message was answered.
    pub how: TurnOutcome,
    /// What was said and done.
    pub items: Option<NewItems>,
    /// What must go out.
    pub deliveries: Vec<NewDelivery>,
}
