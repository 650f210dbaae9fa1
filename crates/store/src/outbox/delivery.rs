//! One message to one place.

use serde::{Deserialize, Serialize};
use yabby_core::{ChunkLimit, FinalText, Origin, Text, Time, text};

use super::Said;

/// A place that messages go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// `telegram`, `whatsapp`, …
    pub channel: String,
    /// Which of the channel's accounts; empty for the only one.
    pub account: String,
    /// The person or group, as the channel names it.
    pub peer: String,
    /// A thread in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// Something to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDelivery {
    /// Unique. What is kept under a key already is not kept again, and channels that can are told it, so that they
    /// deliver it once.
    pub key: String,
    /// Where to.
    pub to: Target,
    /// What; it fits into one message of the channel.
    pub content: Said,
    /// After this it is stale, and the owner is asked instead.
    pub expires_at: Option<Time>,
}

impl Target {
    /// Where the answer to a message goes.
    pub fn answering(origin: &Origin) -> Self {
        Self {
            channel: origin.channel.clone(),
            account: origin.account.clone().unwrap_or_default(),
            peer: origin.peer.id.clone(),
            thread: origin.thread.clone(),
        }
    }

    /// How the lanes of all places of an account begin.
    pub(crate) fn lanes(channel: &str, account: &str) -> String {
        let whole = serde_json::json!([channel, account]).to_string();
        whole.trim_end_matches(']').to_owned() + ","
    }

    /// The lane: things go to each place one after another.
    pub(crate) fn lane(&self) -> String {
        // As JSON, so that no two places share one.
        let parts = [
            Some(&self.channel),
            Some(&self.account),
            Some(&self.peer),
            self.thread.as_ref(),
        ];
        serde_json::json!(parts).to_string()
    }
}

impl NewDelivery {
    /// Tells the sender of a message that it is given up.
    pub(crate) fn given_up(key: String, to: Target, problem: &Text) -> Self {
        let notice = text!(
            "I could not answer your message, and do not try again by myself: {problem}. Send it once more to have me try.",
            problem = problem
        );
        Self {
            key,
            to,
            content: Said::Notice(notice),
            expires_at: None,
        }
    }

    /// The answer of a turn, in as many messages as the channel needs. The keys come from the turn, so that a turn that
    /// is ended again delivers nothing twice.
    pub fn answer(
        turn: &str,
        to: &Target,
        answer: &FinalText,
        limit: ChunkLimit,
        expires_at: Option<Time>,
    ) -> Vec<Self> {
        let chunks = answer.chunks(limit).into_iter().enumerate();
        chunks
            .map(|(n, chunk)| Self {
                key: format!("{turn}/{n}"),
                to: to.clone(),
                content: Said::Answer(chunk),
                expires_at,
            })
            .collect()
    }
}
