//! What a person has set for a conversation, and what holds unless they do.

use serde::{Deserialize, Serialize};
use yabby_config::QueueMode;

/// What is set for a conversation, beside the config. It outlives sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct State {
    /// The model that answers; nothing else is tried then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How hard a model thinks: the name of a [`Thinking`](yabby_core::Thinking).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<String>,
    /// Whether whoever watches sees the reasoning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// Whether it stays on this machine and in its network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// What becomes of messages that come in while a turn runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueMode>,
    /// Whether tokens and cost are told after each answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub usage: bool,
    /// What other versions have set; it stays.
    #[serde(flatten)]
    pub others: serde_json::Map<String, serde_json::Value>,
}

impl State {
    /// What the store has of a conversation; what cannot be read counts as nothing.
    pub fn of(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}
