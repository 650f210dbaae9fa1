//! What is wrong with a config, and where.

use yabby_core::{Text, text};

use crate::{
    path::dotted,
    source::{Place, Sources, Span},
    tree::Duplicate,
};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Part of the config is off.
    Error,
    /// Everything works, though perhaps not as meant.
    Warning,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The text is not JSON5.
    Syntax,
    /// The file does not exist or cannot be read.
    Unreadable,
    /// An `$include` does not work.
    Include,
    /// A `${NAME}` is not set.
    MissingVariable,
    /// A line of a `.env` file is broken.
    DotEnv,
    /// A key is unknown.
    UnknownKey,
    /// A key stands twice in one object.
    DuplicateKey,
    /// A value has the wrong type, or is not one of the allowed values.
    WrongType,
    /// A key that must be there is not.
    MissingKey,
    /// A base URL is wrong, or was understood differently from how it is written.
    BaseUrl,
    /// The `api` of a provider or model is unknown.
    UnknownApi,
    /// A reference to a secret has a mistake, or its source is not supported.
    SecretSource,
    /// A secret cannot be had from its file or program.
    SecretUnavailable,
    /// A model name resolves to nothing.
    UnknownModel,
    /// A model is not in its provider's list, though a similar one is.
    UnlistedModel,
    /// Two models have the same alias or id.
    DuplicateName,
    /// A fallback repeats an earlier model.
    UselessFallback,
    /// Token limits contradict each other.
    TokenLimits,
    /// A key is there and does nothing.
    NoEffect,
}

/// One finding. Holds no secret value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub kind: DiagnosticKind,
    /// What is wrong.
    pub message: Text,
    /// The dotted key; empty where no key is to blame.
    pub key: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// What to do next.
    pub help: Option<Text>,
}

/// A key of OpenClaw that Yabby does not use yet, whether it reads it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedKey {
    /// The dotted key.
    pub key: String,
    /// Where it stands.
    pub place: Option<Place>,
}

// === impl Diagnostic ===

impl Diagnostic {
    pub(crate) fn error(kind: DiagnosticKind, message: Text) -> Self {
        Self::new(Severity::Error, kind, message)
    }

    pub(crate) fn warning(kind: DiagnosticKind, message: Text) -> Self {
        Self::new(Severity::Warning, kind, message)
    }

    fn new(severity: Severity, kind: DiagnosticKind, message: Text) -> Self {
        Self {
            severity,
            kind,
            message,
            key: String::new(),
            place: None,
            help: None,
        }
    }

    pub(crate) fn duplicate_key(duplicate: &Duplicate) -> Self {
        let message = text!(
            "{key} is written twice in the same object; the last one counts",
            key = duplicate.member.key
        );
        Self::warning(DiagnosticKind::DuplicateKey, message)
            .for_key(dotted(&duplicate.path))
            .with_help(text!("remove one of the two"))
    }

    pub(crate) fn for_key(mut self, key: String) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn with_help(mut self, help: Text) -> Self {
        self.help = Some(help);
        self
    }

    pub(crate) fn at(mut self, sources: &Sources, span: Span) -> Self {
        self.place = sources.place(span);
        self
    }
}
