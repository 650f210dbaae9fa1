//! What a server's error names, beyond its kind.

use std::time::Duration;

/// The neutral facts that stand in an error. All of them may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// The field of the request that the error names: the whole path as the server wrote it, such as
    /// `tools.0.function.strict` or `tools[0].strict`, without a `body.` before it.
    pub field: Option<String>,
    /// The tool that the error names.
    pub tool: Option<String>,
    /// What was refused, where the kind alone does not say it.
    pub refused: Option<Refused>,
    /// The numbers that it tells.
    pub numbers: Numbers,
    /// The HTTP status of the answer, or the one that stands in the error.
    pub status: Option<u16>,
    /// Which of the endpoint's keys the request was sent with, counted from 0; nothing where it has none.
    pub credential: Option<usize>,
}

/// Numbers that stand in an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The context window in tokens.
    pub window: Option<u32>,
    /// The tokens of the prompt that did not fit. vLLM gives a lower bound (`wire-facts.md` §7.1).
    pub prompt_tokens: Option<u32>,
    /// How long to wait before the next try.
    pub retry_after: Option<Duration>,
}

/// A part of the request that a template or a model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Tools as a whole.
    Tools,
    /// Pictures.
    Images,
    /// The switch for reasoning.
    Thinking,
    /// A system message, or the place where it stands.
    SystemRole,
    /// Messages whose roles do not alternate.
    Alternation,
    /// A conversation in which no person says anything.
    NoQuestion,
    /// A conversation that ends with the model's own words.
    Prefill,
    /// The form of the ids of tool calls.
    CallIds,
}
