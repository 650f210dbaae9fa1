//! What a transcript consists of.

use serde::{Deserialize, Serialize};
use yabby_core::{Attempt, Label, Message, Time};

/// An item to be added.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItem {
    /// From [`crate::new_id`]. An item whose id is known already is not added again.
    pub id: String,
    /// The turn that it belongs to.
    pub turn: Option<String>,
    /// When it was said or done.
    pub at: Time,
    /// What.
    pub content: Content,
    /// Where it comes from and who may see it.
    pub label: Label,
    /// What was tried to get it, for an answer of a model.
    pub attempts: Vec<Attempt>,
    /// Files that belong to it, which were added before ([`crate::Store::attach`]).
    pub files: Vec<FileRef>,
}

/// An item of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its place in the session, from 0 on.
    pub seq: u64,
    /// The rest.
    pub item: NewItem,
}

/// What was said or done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A message of the conversation. Pictures and what only a server can read are kept apart and put back when it is read.
    Message {
        /// The message.
        message: Message,
    },
    /// What a range of items says, in short. The items stay.
    Summary {
        /// The words.
        text: String,
        /// The first item.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// Anything else: a change of the model, a notice, something that an import has brought along.
    Note {
        /// What.
        name: String,
        /// More of it.
        value: serde_json::Value,
    },
}

/// A file that belongs to an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    /// What its sender called it.
    pub name: Option<String>,
}
