//! How far a message has come.

use yabby_core::text;

use crate::error::{Result, StoreError, StoreErrorKind};

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundState {
    /// It waits for its turn.
    Received,
    /// Somebody has taken it.
    Claimed,
    /// Somebody works on it.
    Running,
    /// It was answered.
    Done,
    /// The last try has failed; there will be another.
    Failed,
    /// It was given up, and its sender was told.
    Dead,
}

impl InboundState {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    pub(super) fn of_name(name: &str) -> Result<Self> {
        let all = [
            Self::Received,
            Self::Claimed,
            Self::Running,
            Self::Done,
            Self::Failed,
            Self::Dead,
        ];
        all.into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| unknown_state(name))
    }
}

/// A row is in a state that this version does not know.
pub(crate) fn unknown_state(name: &str) -> StoreError {
    let message = text!("the store holds a state that is not known: {state}", state = name);
    StoreError::new(StoreErrorKind::Damaged, message).with_hint(text!("run: yabby store check"))
}
