//! Sessions as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::OrderedMap;

/// Which conversations share a session, and when a session starts afresh. Keys of OpenClaw, as its 2026.9 understands them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Session {
    /// `per-sender` (default) gives each conversation its session; `global` has one for everything that an agent is told.
    pub(crate) scope: Option<Scope>,
    /// Which direct messages share a session: `main` (default) all of them, `per-peer` those of a person on every channel,
    /// `per-channel-peer` those of a person on a channel, `per-account-channel-peer` those of a person on an account of a
    /// channel. With more than one person who may write, `main` lets each hear what the others have said.
    pub(crate) dm_scope: Option<DmScope>,
    /// Which groups and rooms share a session: `per-group` (default) none, `main` all of them that of the agent.
    pub(crate) group_scope: Option<GroupScope>,
    /// The ids of a person on channels, by a name: `alice: ["telegram:123", "discord:456"]`. They share a session where
    /// direct messages are told apart by person.
    pub(crate) identity_links: OrderedMap<Vec<String>>,
    /// When a session starts afresh by itself. Without it, only the person makes it so.
    pub(crate) reset: Option<Reset>,
    /// The same for a kind of conversations. What is left out comes from `reset`.
    pub(crate) reset_by_type: ResetByType,
    /// The same for a channel, by its id; then neither `reset` nor `resetByType` counts.
    pub(crate) reset_by_channel: BTreeMap<String, Reset>,
    /// Minutes of silence after which a session starts afresh. The older form of `reset: { mode: "idle" }`; it counts where
    /// neither `reset` nor `resetByType` is written.
    #[schemars(range(min = 1))]
    pub(crate) idle_minutes: Option<u32>,
    /// Words at the beginning of a message that make the session start afresh with what follows them: `/new` and `/reset`
    /// when unset.
    pub(crate) reset_triggers: Option<Vec<String>>,
    /// No longer has an effect, as in OpenClaw: the key of an agent's main session always ends in `main`.
    pub(crate) main_key: Option<String>,
    /// What becomes of old sessions.
    pub(crate) maintenance: Maintenance,
}

/// What sessions are for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    PerSender,
    Global,
}

/// Which direct messages share a session.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DmScope {
    Main,
    PerPeer,
    PerChannelPeer,
    PerAccountChannelPeer,
}

/// Which groups and rooms share a session.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GroupScope {
    PerGroup,
    Main,
}

/// When a session starts afresh by itself. It is looked at when the next message comes in.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Reset {
    /// `daily` (default) at an hour, `idle` after silence, `none` never.
    pub(crate) mode: Option<ResetMode>,
    /// The hour of `daily`, 0 to 23, by the clock of this machine; 4 when unset.
    #[schemars(range(min = 0, max = 23))]
    pub(crate) at_hour: Option<u8>,
    /// Minutes in which nobody wrote. With `daily`, whichever comes first counts.
    #[schemars(range(min = 1))]
    pub(crate) idle_minutes: Option<u32>,
}

/// What makes a session start afresh.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResetMode {
    None,
    Daily,
    Idle,
}

/// When sessions of a kind start afresh.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ResetByType {
    /// Conversations with one person.
    pub(crate) direct: Option<Reset>,
    /// The older word for `direct`.
    pub(crate) dm: Option<Reset>,
    /// Groups and rooms.
    pub(crate) group: Option<Reset>,
    /// Threads and topics.
    pub(crate) thread: Option<Reset>,
}

/// What becomes of old sessions. What is not written limits nothing: OpenClaw's own defaults do not count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Maintenance {
    /// `enforce` (default) archives, `warn` does not.
    pub(crate) mode: Option<MaintenanceMode>,
    /// A session in which nothing happened for so long is archived: kept whole, but no longer among the current ones. A number
    /// with `ms`, `s`, `m`, `h` or `d`, or a number of days, such as `"30d"`.
    pub(crate) prune_after: Option<Age>,
    /// Of more sessions than this, those in which nothing happened for longest are archived.
    #[schemars(range(min = 1))]
    pub(crate) max_entries: Option<u32>,
    /// A session in which something happened within this time is not archived, however many there are; `false` (default)
    /// spares none.
    pub(crate) preserve_recent: Option<Age>,
}

/// Whether old sessions are archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MaintenanceMode {
    Enforce,
    Warn,
}

/// A length of time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Age {
    /// `false` for none.
    Switch(bool),
    /// Days.
    Days(f64),
    /// A number with `ms`, `s`, `m`, `h` or `d`; without one it is days.
    Text(String),
}
