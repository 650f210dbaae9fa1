//! Whether a call may run.

use yabby_tools::Effect;

/// Whether a call may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Allow,
    /// The owner is asked first.
    Ask,
}

impl Permit {
    /// What holds for an effect until finer rules are there: whatever leaves this conversation, runs a program, takes
    /// something away or changes the agent is asked about.
    pub const fn of(effect: Effect, to_here: bool) -> Self {
        match effect {
            Effect::Read | Effect::Write => Self::Allow,
            Effect::Send if to_here => Self::Allow,
            Effect::Send | Effect::Exec | Effect::Destroy | Effect::Control => Self::Ask,
        }
    }
}
