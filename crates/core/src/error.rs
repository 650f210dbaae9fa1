//! Why a model gave no answer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ErrorDetails, Text};

/// The kind of a failure: the thing to match on. Only the classifier in `yabby-wire` reads error texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing listens there.
    Refused,
    /// The host name has no address.
    Dns,
    /// The certificate or the handshake failed.
    Tls,
    /// The network could not be crossed.
    Unreachable,
    /// The server accepted the connection and then gave no sign of life on any path.
    Hung,
    /// It failed so often lately that it is not asked now; it is looked at in the background.
    Resting,
    /// Background work gave its slot to a person.
    Preempted,
    /// The time for the whole request ran out.
    Timeout,
    /// The connection ended before the answer did.
    Interrupted,
    /// The server is loading the model.
    Loading,
    /// The server has the model but it is not loaded, and the server does not load it by itself.
    NotLoaded,
    /// The server does not have this model.
    ModelNotFound,
    /// The key is missing, wrong or not allowed.
    Auth,
    /// The account has no credit.
    Billing,
    /// Too many requests for this key.
    RateLimit,
    /// The server has no capacity now.
    Overloaded,
    /// The prompt does not fit the context window.
    ContextOverflow,
    /// The chat template refused the shape of the conversation.
    Template,
    /// The server could not compile a tool or output schema.
    Grammar,
    /// The server does not take a field of the request.
    UnsupportedField,
    /// The model or server cannot do what was asked (images, tools).
    UnsupportedFeature,
    /// The server's own tool-call parser failed on the model's output.
    ToolParser,
    /// The request was refused for another reason.
    BadRequest,
    /// What answered is not a model API (an HTML page, another service).
    NotAnApi,
    /// The server failed inside.
    Server,
    /// The answer could not be decoded.
    Malformed,
    /// The answer had no text and no tool call.
    Empty,
    /// The model could not be made available on this machine.
    Provision,
    /// Its zone is not one where the data may go; it was not contacted.
    OutOfZone,
    /// What it would cost, or has cost, is over a limit of the owner; it was not contacted.
    OverBudget,
    /// All slots of the server stayed taken for too long.
    Busy,
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the connection stood.
    Connect,
    /// The request was sent; no response head yet.
    Head,
    /// The response has begun; no token yet.
    FirstToken,
    /// Tokens are coming.
    Streaming,
    /// The answer is complete.
    Done,
}

/// A failed request: a kind to match on, where it happened, and what the person can do.
#[derive(Debug)]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// How far the request had come.
    pub phase: Phase,
    /// The endpoint, without credentials.
    pub endpoint: String,
    /// What happened, in words: the server's own where it gave any.
    pub message: Text,
    /// What to do next.
    pub hint: Option<Text>,
    /// What the server's error names; for decisions, not for people.
    pub details: Box<ErrorDetails>,
    /// The cause, if there is a deeper one.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ModelError {
    /// An error without hint or cause.
    pub fn new(kind: ErrorKind, phase: Phase, endpoint: impl Into<String>, message: Text) -> Self {
        Self {
            kind,
            phase,
            endpoint: endpoint.into(),
            message,
            hint: None,
            details: Box::default(),
            source: None,
        }
    }

    /// The same error for another reader. A cause keeps its words.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            kind: self.kind,
            phase: self.phase,
            endpoint: self.endpoint.clone(),
            message: self.message.clone(),
            hint: self.hint.clone(),
            details: self.details.clone(),
            source: self.source.as_ref().map(|source| source.to_string().into()),
        }
    }

    /// Adds what the person can do.
    #[must_use]
    pub fn with_hint(mut self, hint: Text) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Adds what the server's error names.
    #[must_use]
    pub fn with_details(mut self, details: ErrorDetails) -> Self {
        *self.details = details;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message.english())
    }
}

impl std::error::Error for ModelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
