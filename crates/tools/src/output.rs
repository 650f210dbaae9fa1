//! What a tool answers.

use yabby_core::{Image, Label, Text};

/// A result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// All of it, for the model. Whoever runs the tool cuts it to the window and keeps the rest behind a handle; a tool only
    /// limits what would be unreasonable anywhere (see its own limits).
    pub text: String,
    /// Pictures that belong to it.
    pub images: Vec<Image>,
    /// A label lower than what the manifest says, when the tool knows more: of a file that came from the web.
    pub label: Option<Label>,
    /// For the person who watches: what was done, in a few words without contents (`3 lines changed in notes.md`).
    pub summary: Option<Text>,
}

/// A call that has not worked. The model is told `message`, and can do better.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    /// What kind.
    pub kind: ToolErrorKind,
    /// What went wrong and what to do instead, in English, for the model. It may hold words of others (of a server, of a
    /// program), and so carries the label of the tool's results.
    pub message: String,
}

/// Why a call has not worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ToolErrorKind {
    /// The arguments make no sense.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It is not allowed.
    Denied,
    /// It took too long.
    TimedOut,
    /// It is too large.
    TooLarge,
    /// What it needs is not there now; the same call may work later.
    Unavailable,
    /// Anything else.
    Failed,
}

impl Output {
    /// A result that is only text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// The same with words for the person who watches.
    #[must_use]
    pub fn with_summary(self, summary: Text) -> Self {
        Self {
            summary: Some(summary),
            ..self
        }
    }
}

impl ToolError {
    /// An error of a kind.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
