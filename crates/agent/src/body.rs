//! What a message of the inbox consists of, for the agent.

use serde::{Deserialize, Serialize};
use yabby_core::Image;

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

    /// Read from the inbox. What is none is an empty message, which is answered with a word about it.
    pub fn of(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

impl Kind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    fn is_message(&self) -> bool {
        *self == Self::Message
    }
}
