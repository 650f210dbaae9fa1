//! What becomes of messages.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{QueueDrop, QueueMode, raw};

/// What becomes of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSettings {
    /// Text in front of every answer, with its variables; `auto` for the agent's name in brackets.
    pub prefix: Option<String>,
    /// What becomes of a message that comes while an answer is being made.
    pub queue: QueueMode,
    /// The same for a channel, by its id in lower case.
    pub queue_of: BTreeMap<String, QueueMode>,
    /// How long a queue waits for further messages.
    pub queue_wait: Duration,
    /// The same for a channel.
    pub queue_wait_of: BTreeMap<String, Duration>,
    /// The most messages that wait.
    pub cap: u32,
    /// What becomes of more.
    pub drop: QueueDrop,
    /// How long messages of one person are gathered before they count as one.
    pub gather: Duration,
    /// The same for a channel.
    pub gather_of: BTreeMap<String, Duration>,
    /// Whether `/commands` in messages are understood.
    pub commands: bool,
    /// Whether only those may use them who may write to the agent.
    pub commands_by_access: bool,
}

// === impl MessageSettings ===

impl MessageSettings {
    pub(crate) fn new(raw: raw::Messages, commands: &raw::Commands) -> Self {
        let usual = Self::default();
        let queue = raw.queue;
        let times =
            |times: raw::OrderedMap<u32>| by_channel(times.0.into_iter().map(|(id, ms)| (id, milliseconds(ms))));
        Self {
            prefix: raw.response_prefix.filter(|prefix| !prefix.is_empty()),
            queue: queue.mode.map(QueueMode::from).unwrap_or_default(),
            queue_of: by_channel(queue.by_channel.0.into_iter().map(|(id, mode)| (id, mode.into()))),
            queue_wait: queue.debounce_ms.map_or(usual.queue_wait, milliseconds),
            queue_wait_of: times(queue.debounce_ms_by_channel),
            cap: queue.cap.unwrap_or(usual.cap),
            drop: queue.drop.unwrap_or_default(),
            gather: raw.inbound.debounce_ms.map_or(usual.gather, milliseconds),
            gather_of: times(raw.inbound.by_channel),
            commands: commands.text.unwrap_or(true),
            commands_by_access: commands.use_access_groups.unwrap_or(true),
        }
    }

    /// What becomes of a message on `channel` that comes while an answer is being made.
    pub fn queue_on(&self, channel: &str) -> QueueMode {
        let own = self.queue_of.get(&channel.to_lowercase());
        own.copied().unwrap_or(self.queue)
    }

    pub(crate) fn shown(&self) -> Value {
        let times = |times: &BTreeMap<String, Duration>| -> BTreeMap<String, u128> {
            times.iter().map(|(id, time)| (id.clone(), time.as_millis())).collect()
        };
        let mut shown = json!({
            "queue": {
                "mode": self.queue,
                "debounceMs": self.queue_wait.as_millis(),
                "cap": self.cap,
                "drop": self.drop,
            },
            "inbound": { "debounceMs": self.gather.as_millis() },
        });
        if let Some(prefix) = &self.prefix {
            shown["responsePrefix"] = prefix.as_str().into();
        }
        if !self.queue_of.is_empty() {
            shown["queue"]["byChannel"] = json!(self.queue_of);
        }
        if !self.queue_wait_of.is_empty() {
            shown["queue"]["debounceMsByChannel"] = json!(times(&self.queue_wait_of));
        }
        if !self.gather_of.is_empty() {
            shown["inbound"]["byChannel"] = json!(times(&self.gather_of));
        }
        shown
    }

    pub(crate) fn shown_commands(&self) -> Value {
        json!({ "text": self.commands, "useAccessGroups": self.commands_by_access })
    }
}

impl Default for MessageSettings {
    /// OpenClaw's (docs, "Configuration — messages and talk").
    fn default() -> Self {
        Self {
            prefix: None,
            queue: QueueMode::default(),
            queue_of: BTreeMap::new(),
            queue_wait: Duration::from_millis(500),
            queue_wait_of: BTreeMap::new(),
            cap: 20,
            drop: QueueDrop::default(),
            gather: Duration::from_secs(2),
            gather_of: BTreeMap::new(),
            commands: true,
            commands_by_access: true,
        }
    }
}

fn by_channel<T>(written: impl Iterator<Item = (String, T)>) -> BTreeMap<String, T> {
    written.map(|(id, value)| (id.trim().to_lowercase(), value)).collect()
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(count.into())
}
