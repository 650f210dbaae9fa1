//! How many tokens something has, and how well that is known.

use serde::{Deserialize, Serialize};

/// The tokens of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// How many.
    pub tokens: u32,
    /// How they were counted.
    pub exactness: Exactness,
}

/// Who counted tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exactness {
    /// The server that answers, with its own tokenizer and template, for the request as it would be sent.
    Exact,
    /// Anything else: the text and what such text had before, or a counter that sees another form of the request.
    Estimated,
}
