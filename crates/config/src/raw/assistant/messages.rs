//! What becomes of messages, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::raw::OrderedMap;

/// What becomes of messages.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Messages {
    /// Text in front of every answer, `auto` for the agent's name in brackets. `{model}`, `{modelFull}`, `{provider}`,
    /// `{thinkingLevel}` and `{identity.name}` are filled in.
    pub(crate) response_prefix: Option<String>,
    /// What becomes of messages that come while an answer is being made.
    pub(crate) queue: Queue,
    /// How long messages of one person are gathered before they count as one.
    pub(crate) inbound: Debounce,
}

/// What becomes of messages that come while an answer is being made.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Queue {
    /// `steer` (default) puts them into the answer at its next step, `followup` answers them after it one by one, `collect`
    /// after it together, `interrupt` stops it.
    pub(crate) mode: Option<WrittenQueueMode>,
    /// The same for a channel, by its id.
    pub(crate) by_channel: OrderedMap<WrittenQueueMode>,
    /// Milliseconds that a queue waits for further messages; 500 when unset.
    pub(crate) debounce_ms: Option<u32>,
    /// The same for a channel, by its id.
    pub(crate) debounce_ms_by_channel: OrderedMap<u32>,
    /// The most messages that wait; 20 when unset.
    #[schemars(range(min = 1))]
    pub(crate) cap: Option<u32>,
    /// What becomes of more: `summarize` (default) keeps a line of the oldest, `old` drops the oldest, `new` refuses the
    /// newest.
    pub(crate) drop: Option<QueueDrop>,
}

/// How long messages of one person are gathered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Debounce {
    /// Milliseconds; 2000 when unset, 0 for not at all.
    pub(crate) debounce_ms: Option<u32>,
    /// The same for a channel, by its id.
    pub(crate) by_channel: OrderedMap<u32>,
}

/// What becomes of a message that comes while an answer is being made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", from = "WrittenQueueMode")]
pub enum QueueMode {
    /// It goes into the answer at its next step.
    #[default]
    Steer,
    /// It is answered afterwards.
    Followup,
    /// It is answered afterwards, together with the others that wait.
    Collect,
    /// The answer is stopped, and this one is made.
    Interrupt,
}

/// The words for it, older ones of OpenClaw included.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WrittenQueueMode {
    Steer,
    Followup,
    Collect,
    Interrupt,
    Queue,
    SteerBacklog,
    #[serde(rename = "steer+backlog")]
    SteerAndBacklog,
}

/// What becomes of messages for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueDrop {
    /// The oldest are dropped.
    Old,
    /// The newest are refused.
    New,
    /// The oldest are dropped, but for a line of each.
    #[default]
    Summarize,
}

/// Commands in messages.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Commands {
    /// Whether `/commands` in messages are understood; true when unset.
    pub(crate) text: Option<bool>,
    /// Whether only those may use them who may write to the agent; true when unset.
    pub(crate) use_access_groups: Option<bool>,
}

// === impl QueueMode ===

impl QueueMode {
    /// The mode of a word that a person types; OpenClaw's older words too.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "steer" | "steer-backlog" | "steer+backlog" | "queue" => Self::Steer,
            "followup" | "follow-up" => Self::Followup,
            "collect" => Self::Collect,
            "interrupt" | "abort" => Self::Interrupt,
            _ => return None,
        })
    }

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steer => "steer",
            Self::Followup => "followup",
            Self::Collect => "collect",
            Self::Interrupt => "interrupt",
        }
    }
}

impl From<WrittenQueueMode> for QueueMode {
    fn from(written: WrittenQueueMode) -> Self {
        match written {
            WrittenQueueMode::Followup => Self::Followup,
            WrittenQueueMode::Collect => Self::Collect,
            WrittenQueueMode::Interrupt => Self::Interrupt,
            // What does not reach the next step stays and is answered afterwards, so that the older words say the same.
            WrittenQueueMode::Steer
            | WrittenQueueMode::Queue
            | WrittenQueueMode::SteerBacklog
            | WrittenQueueMode::SteerAndBacklog => Self::Steer,
        }
    }
}
