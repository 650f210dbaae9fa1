//! Errors of functions that fail as a whole. Problems inside a config are [`Diagnostic`](crate::Diagnostic)s.

use yabby_core::{Text, text};

/// Why an operation on paths or on the config text failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text().english())]
pub enum ConfigError {
    /// Neither a home folder nor the variables that replace it are set.
    NoHome,
    /// The text is not JSON5.
    Syntax {
        /// 1-based line.
        line: usize,
        /// 1-based column in characters.
        column: usize,
        /// What is wrong there.
        reason: Text,
    },
    /// Something on the way to the edited key is not an object.
    NotAnObject {
        /// Dotted key; empty for the whole file.
        key: String,
    },
    /// Something that the edit adds to is not a list.
    NotAList {
        /// Dotted key.
        key: String,
    },
}

impl ConfigError {
    /// The error for a person, with what to do next.
    pub fn text(&self) -> Text {
        match self {
            Self::NoHome => text!("no home folder is known: set HOME, or YABBY_STATE_DIR and YABBY_CACHE_DIR"),
            Self::Syntax { line, column, reason } => text!(
                "the config is not valid JSON5 at line {line}, column {column}: {reason}",
                line = line,
                column = column,
                reason = reason
            ),
            Self::NotAnObject { key } if key.is_empty() => {
                text!("the config is not an object: put its keys between curly brackets")
            }
            Self::NotAnObject { key } => text!(
                "{key} is not an object, so nothing can be set below it: correct it by hand first",
                key = key
            ),
            Self::NotAList { key } => text!(
                "{key} is not a list, so nothing can be added to it: correct it by hand first",
                key = key
            ),
        }
    }
}
