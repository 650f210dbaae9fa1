//! Who asks a model, and how urgent it is.

use serde::{Deserialize, Serialize};

/// On whose behalf a model is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// How urgent it is.
    pub priority: Priority,
    /// The session that it belongs to. Requests of one session go to the replica that holds its beginning in its cache,
    /// and no session keeps others of the same priority from being served.
    pub session: String,
}

/// Who goes first when a server has no free slot, most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A person waits for the answer.
    #[default]
    Person,
    /// The next step of a turn that has begun.
    ToolLoop,
    /// Another machine waits for it.
    Webhook,
    /// A planned job.
    Cron,
    /// A regular look whether there is something to do.
    Heartbeat,
    /// Titles, summaries, memory: nobody waits.
    Upkeep,
}

impl Priority {
    /// All, most urgent first.
    pub const ALL: [Self; 6] = [
        Self::Person,
        Self::ToolLoop,
        Self::Webhook,
        Self::Cron,
        Self::Heartbeat,
        Self::Upkeep,
    ];

    /// Whether nobody waits for it, so that it yields its slot to a person and wakes no cold model.
    pub const fn is_background(self) -> bool {
        matches!(self, Self::Cron | Self::Heartbeat | Self::Upkeep)
    }
}
