//! What a message of the inbox consists of, for the agent.

use serde::{Deserialize, Serialize};
use yabby_core::{Image, Origin};
use yabby_store::{FiredTimer, NewInbound};

/// The body of a message in the inbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// What was said.
    pub text: String,
    /// Pictures that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// What it is, when no person has written it.
    #[serde(default, skip_serializing_if = "Kind::is_message")]
    pub kind: Kind,
}

/// The channel that the store gives to what a timer says.
const TIMER: &str = "timer";

/// What a timer says: the body of [`yabby_store::NewTimer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reminder {
    /// What it is to remind of.
    pub text: String,
    /// Where it was set, and where it is told.
    pub origin: Origin,
    /// The five fields of cron, when it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody has written it.
    #[default]
    Message,
    /// A timer has fired; the text is what it was to remind of.
    Reminder,
    /// A question to the owner was answered elsewhere; the text is its id.
    Approval,
    /// A program sets something for the owner; the text is the command. Nobody is told what came of it.
    Setting,
}

impl Body {
    /// A message of a person.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// As the inbox keeps it.
    pub fn to_value(&self) -> serde_json::Value {
        // Strings, numbers and lists only: this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Read from the inbox. What is none is an empty message.
    pub fn of(message: &NewInbound) -> Self {
        match Reminder::of(message) {
            Some((reminder, fired)) => Self {
                text: reminder.words(&fired),
                images: Vec::new(),
                kind: Kind::Reminder,
            },
            None => Self::deserialize(&message.body).unwrap_or_default(),
        }
    }
}

impl Reminder {
    /// As a timer keeps it.
    pub fn to_value(&self) -> serde_json::Value {
        // Strings only: this cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Read from a timer, when it is one.
    pub fn of_value(value: &serde_json::Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// The reminder that a message of the inbox is, and how it has fired.
    pub(crate) fn of(message: &NewInbound) -> Option<(Self, FiredTimer)> {
        if message.origin.channel != TIMER {
            return None;
        }
        let fired = FiredTimer::deserialize(&message.body).ok()?;
        let reminder = Self::of_value(&fired.body)?;
        Some((reminder, fired))
    }

    /// What the model is shown.
    fn words(&self, fired: &FiredTimer) -> String {
        let missed = match fired.missed {
            0 => String::new(),
            missed => format!(" {missed} times before it were missed."),
        };
        format!(
            "[A reminder that was set before is due now.{missed} Tell the person, or do what it says.]\n{}",
            self.text
        )
    }
}

impl Kind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    fn is_message(&self) -> bool {
        *self == Self::Message
    }
}
