//! What an agent has: its tools, its prompt, its rules. The binary implements it over the config.

use std::time::Duration;

use futures_util::future::BoxFuture;
use yabby_core::{ResetPolicy, SessionKey, Thinking, Time};
use yabby_tools::{Choice, Registry};

use crate::{Circles, Frozen, Limits, QueueMode, Served, Wish, compact};

/// What an agent has.
pub trait Home: Send + Sync {
    /// The rules of an agent, for messages of a channel.
    fn rules(&self, agent: &str, channel: &str) -> Rules;

    /// When a session of this conversation starts afresh by itself.
    fn reset(&self, conversation: &SessionKey) -> ResetPolicy;

    /// The difference of local time to UTC at a moment, in seconds.
    fn offset(&self, at: Time) -> i32;

    /// The tools that it may use with this model, those that it has to find included.
    fn tools<'a>(&'a self, agent: &'a str, served: Option<&'a Served>) -> BoxFuture<'a, Registry>;

    /// The beginning of every request of an epoch that begins now.
    fn frozen<'a>(
        &'a self,
        conversation: &'a SessionKey,
        wish: &'a Wish,
        served: &'a Served,
        tools: &'a Registry,
    ) -> BoxFuture<'a, Frozen>;

    /// When something that comes at the times of `cron` comes next after a moment.
    fn next(&self, cron: &str, after: Time) -> Option<Time>;

    /// The models that a person can choose, as `provider/model`.
    fn models(&self) -> Vec<String>;

    /// The model of a name: an alias, `provider/model`, or an id that one server has.
    fn model(&self, name: &str) -> Option<String>;

    /// What this model is told beside a message that came at `at`: the local time, what has changed. Short: it stays in the
    /// conversation.
    fn aside(&self, served: Option<&Served>, at: Time) -> Option<String>;
}

/// The rules of an agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// What a turn may use.
    pub limits: Limits,
    /// What becomes of messages that come in while a turn runs, unless the conversation says otherwise.
    pub queue: QueueMode,
    /// How its conversations are made smaller.
    pub compaction: compact::Settings,
    /// Whether whoever watches sees the reasoning, unless the conversation says otherwise.
    pub reasoning: bool,
    /// When a model goes round in a circle.
    pub circles: Circles,
    /// What sub-tasks have.
    pub helpers: Helpers,
}

/// What sub-tasks have instead of what their turn has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Helpers {
    /// Their model: an alias or `provider/model`; nothing else is tried then.
    pub model: Option<String>,
    /// How hard it thinks.
    pub thinking: Option<Thinking>,
    /// How long one may take.
    pub time: Option<Duration>,
    /// Which of the turn's tools they have.
    pub tools: Choice,
}
