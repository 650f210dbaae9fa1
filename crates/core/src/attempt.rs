//! The record of one try to get an answer.

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, ModelRef, Phase, Usage, Zone};

/// One candidate that was tried, kept whatever came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The model that was asked.
    pub model: ModelRef,
    /// The endpoint, without credentials.
    pub endpoint: String,
    /// Where the endpoint stands.
    pub zone: Zone,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What was done next; unset after an answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decision: Option<String>,
    /// The phase that was reached.
    pub phase: Phase,
    /// Milliseconds in the queue for a slot, before the start of the attempt.
    pub queued_ms: u64,
    /// Milliseconds from the start of the attempt until the request was sent: starting, loading and asking the server.
    pub sent_ms: Option<u64>,
    /// Milliseconds from the start of the attempt until the request was sent and a response head came.
    pub head_ms: Option<u64>,
    /// Milliseconds until the first visible or reasoning token.
    pub first_token_ms: Option<u64>,
    /// Milliseconds until the end.
    pub total_ms: u64,
    /// Bytes of the response body.
    pub bytes: u64,
    /// Tokens as reported.
    pub usage: Usage,
    /// What it cost in US dollars, as far as prices are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost: Option<f64>,
}

impl Attempt {
    /// Whether something was asked.
    pub const fn was_asked(&self) -> bool {
        !matches!(self.outcome, Outcome::PassedOver { .. })
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered.
    Answered,
    /// It was given up for another candidate that was quicker.
    Outrun,
    /// It was not asked: what was known of it already was enough. Kept with answers for people, and counted nowhere.
    PassedOver {
        /// What kind of failure it would have been.
        error: ErrorKind,
        /// In words.
        message: String,
    },
    /// It failed; the next candidate may have been tried.
    Failed {
        /// What kind of failure.
        error: ErrorKind,
        /// In words.
        message: String,
    },
}
