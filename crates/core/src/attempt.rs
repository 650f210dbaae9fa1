//! The record of one try to get an answer.

use serde::Serialize;

use crate::{ErrorKind, ModelRef, Phase, Usage};

/// One candidate that was tried, kept whatever came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempt {
    /// The model that was asked.
    pub model: ModelRef,
    /// The endpoint, without credentials.
    pub endpoint: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The phase that was reached.
    pub phase: Phase,
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
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered.
    Answered,
    /// It failed; the next candidate may have been tried.
    Failed {
        /// What kind of failure.
        error: ErrorKind,
        /// In words.
        message: String,
    },
}
