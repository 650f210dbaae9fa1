//! What a model answers: one event stream for every dialect.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{MalformedCall, ToolCall};

/// One step of an answer. A stream of these ends with exactly one [`ModelEvent::End`] or with an error.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelEvent {
    /// A sign of life before or between tokens.
    Progress(Progress),
    /// A piece of the model's reasoning. Never delivered to a channel.
    Reasoning(String),
    /// A piece of the visible answer.
    Text(String),
    /// A complete call of a known tool, whose arguments fit the tool's schema.
    ToolCall(ToolCall),
    /// A call that cannot be run, for the model to be told.
    MalformedCall(MalformedCall),
    /// A part of the answer that only its server can read: the data of a [`crate::Opaque`].
    Opaque(Value),
    /// Token counts; may come more than once, each replaces the one before.
    Usage(Usage),
    /// The model that the server says it used, when it names one.
    ServedBy(String),
    /// The answer is complete.
    End(EndReason),
}

/// What a server does before the first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes came that carry nothing else (SSE comments, keep-alive frames, an opening event).
    Alive,
    /// All slots of the server are taken, as far as Yabby's own requests go.
    Queued {
        /// How many requests come before this one.
        ahead: usize,
        /// How long it will wait, where answers of this server have been timed.
        expected: Option<Duration>,
    },
    /// The prompt is being read; counts are tokens.
    Prefill {
        /// Tokens read so far, cached ones included.
        done: u32,
        /// Tokens of the whole prompt.
        total: u32,
    },
    /// The model is being loaded.
    Loading {
        /// How long loading took before, where it was timed.
        usual: Option<Duration>,
    },
    /// The server is silent in the answer and says beside it that it works: it reads the prompt.
    Working {
        /// How long until the first token, counted from the beginning of the request, where its speed is known.
        expected: Option<Duration>,
    },
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The model was done.
    Stop,
    /// The token limit or the context window was reached.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// The server's content filter or the model itself declined.
    Refused,
    /// The server gave a reason that is not known, or none.
    Unknown,
}

/// Token counts as the server reported them; unknown is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: Option<u32>,
    /// Tokens of the prompt that came from a prefix cache.
    pub cached_tokens: Option<u32>,
    /// Tokens of the prompt that were written to a prefix cache, where that has a price of its own (Anthropic).
    #[serde(default)]
    pub cache_write_tokens: Option<u32>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<u32>,
    /// Tokens of the answer that were reasoning.
    pub reasoning_tokens: Option<u32>,
    /// What the request cost, in US dollars, where the server says so (OpenRouter).
    pub cost: Option<f64>,
}

impl Usage {
    /// Takes over every count that `newer` knows.
    pub fn update(&mut self, newer: Self) {
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.cached_tokens = newer.cached_tokens.or(self.cached_tokens);
        self.cache_write_tokens = newer.cache_write_tokens.or(self.cache_write_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
        self.reasoning_tokens = newer.reasoning_tokens.or(self.reasoning_tokens);
        self.cost = newer.cost.or(self.cost);
    }
}
