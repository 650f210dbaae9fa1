//! Exit codes; they are part of the interface and listed in the README.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Answered, or done.
    Answered,
    /// `doctor` or `models probe` found something to mend.
    Findings,
    /// The command line, the input or the config cannot be used.
    Usage,
    /// No model could answer.
    NoAnswer,
    /// The person stopped it.
    Stopped,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::NoAnswer => 3,
            Self::Stopped => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
