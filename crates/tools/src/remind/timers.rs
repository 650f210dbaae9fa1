//! What keeps reminders, and lets them fire.

use futures_util::future::BoxFuture;
use yabby_core::{Label, SessionKey, Time};

use crate::ToolError;

/// A reminder.
#[derive(Clone, Debug, PartialEq)]
pub struct Reminder {
    /// Its id, the same for the same call.
    pub id: String,
    /// The conversation that is told.
    pub conversation: SessionKey,
    /// What it says.
    pub text: String,
    /// When it fires next.
    pub due: Time,
    /// The five fields of cron for [`crate::Repeat`], when it fires again. Whoever lets it fire sets it again for
    /// [`crate::Repeat::next`] before anybody is told, so that a failure on the way loses no later one.
    pub cron: Option<String>,
    /// What it was made from. What the reminder says later carries it.
    pub label: Label,
}

/// Keeps reminders durably, and lets them fire when a model can be reached. The binary implements it over the store.
pub trait Timers: Send + Sync {
    /// Sets a reminder, or the one of the same id anew. It is kept when this returns.
    fn set(&self, reminder: Reminder) -> BoxFuture<'_, Result<(), ToolError>>;

    /// Those of a conversation, the next one first.
    fn list<'a>(&'a self, conversation: &'a SessionKey) -> BoxFuture<'a, Result<Vec<Reminder>, ToolError>>;

    /// Takes one of a conversation away, if it is there.
    fn cancel<'a>(&'a self, conversation: &'a SessionKey, id: &'a str) -> BoxFuture<'a, Result<(), ToolError>>;
}
