//! Items of a session that are no messages.

use serde::{Deserialize, Serialize};
use yabby_core::{Text, Tool};
use yabby_store::Content;

/// What stands before the conversation in every request of an epoch, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The system prompt.
    pub system: String,
    /// The tools that the model sees, in their order.
    pub tools: Vec<Tool>,
}

/// A note that the agent understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// An epoch begins: from here on, requests begin with this.
    Prompt(Frozen),
    /// Facts that change (the time, what was found in the memory): shown in front of the next message of the person, and
    /// there for good.
    Aside {
        /// The words.
        text: String,
    },
    /// What Yabby tells the model as if the person had: a hint after an action that was said and not done.
    Hint {
        /// The words.
        text: String,
    },
    /// No answer came; shown as the model's, so that question and answer alternate. Without words, the question is not shown
    /// either.
    Unanswered {
        /// The words.
        text: String,
        /// What people read in their place: what the model has said until then. What Yabby says of it is told in a note of its
        /// own, in their language.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
    },
    /// How a call has ended that did not do what it was made for. The model reads that in its result.
    Unworked {
        /// The id of the call; the last one with it is meant.
        call: String,
        /// How.
        how: Unworked,
    },
    /// What Yabby itself has told the person. The model is not shown it.
    Told {
        /// The words.
        text: Text,
        /// The id of the question, when it is one to the owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asks: Option<String>,
    },
    /// The results and pictures of these items are shown as stubs from here on.
    Stubs {
        /// The places of the items.
        seqs: Vec<u64>,
    },
    /// What the next compaction is to know of the ones before. It is not shown.
    Compacted(Past),
}

/// How a call has ended that did not do what it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unworked {
    /// The tool has said so.
    Failed,
    /// The owner has said no.
    Denied,
    /// The owner has not answered in time.
    Expired,
    /// It was not run for another reason.
    NotRun,
}

/// What compactions have left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// What the person said with exact names, numbers and dates in it and is not shown any more, oldest first.
    #[serde(default)]
    pub exact: Vec<String>,
    /// The summary that is shown, as the model wrote it; empty when there is none.
    #[serde(default)]
    pub body: String,
    /// How many messages were left out without a summary.
    #[serde(default)]
    pub left_out: u64,
    /// How many times in a row it did not get better: no summary came, or the conversation stayed too long.
    #[serde(default)]
    pub failures: u32,
}

/// The name under which the store keeps them all.
const NAME: &str = "agent";

impl Note {
    /// The note as an item has it.
    pub fn content(&self) -> Content {
        Content::Note {
            name: NAME.to_owned(),
            // It consists of strings and numbers only, so that this cannot fail.
            value: serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// The note of an item, when it is one that the agent understands.
    pub fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Note { name, value } if name == NAME => Self::deserialize(value).ok(),
            _ => None,
        }
    }
}
