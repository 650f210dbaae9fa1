//! What agents are told of themselves, as it is written. Keys of OpenClaw keep its meaning (openclaw/openclaw,
//! `src/config/types.agent-defaults.ts`, `zod-schema.agent-runtime.ts` and `docs/gateway/config-agents/`, as of 2026.9).

mod extensions;
mod memory;
mod messages;
mod tools;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    extensions::{Mcp, McpServer, McpTransportName, Plugins, Scalar, Skills},
    memory::MemorySearch,
    messages::{Commands, Messages},
    tools::{Exec, ExecMode, FileRoot, Tools, WebFetch, WebSearch},
};
pub use self::{
    messages::{QueueDrop, QueueMode},
    tools::{ExecAsk, ExecSecurity, ToolProfile},
};
use super::ModelChoice;

/// Keys that `agents.defaults` and every agent have alike. What an agent says counts more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AgentKeys {
    /// The folder of the agent's files: an absolute path, or one that begins with `~/`. Unset, `~/.openclaw/workspace` where
    /// that is there or the config is OpenClaw's, else `workspace` in the state folder. An agent that is not the default
    /// one and has none of its own gets a folder with its id in it.
    pub(crate) workspace: Option<String>,
    /// Names of the skills that may be used; all when unset, none when empty. With a mistake in it, none.
    pub(crate) skills: Option<Vec<String>>,
    /// The most characters of one workspace file in the prompt. Unset, Yabby's own budget for the model's window.
    #[schemars(range(min = 1))]
    pub(crate) bootstrap_max_chars: Option<u32>,
    /// The most characters of all workspace files in the prompt together. Unset, Yabby's own budget.
    #[schemars(range(min = 1))]
    pub(crate) bootstrap_total_max_chars: Option<u32>,
    /// Whether workspace files stand in the prompt: `always` (default) or `never`. `continuation-skip` is read as `always`,
    /// because the prompt of a conversation stays the same and is not sent again.
    pub(crate) context_injection: Option<ContextInjection>,
    /// The most tokens of a prompt, when that is less than the window.
    #[schemars(range(min = 1))]
    pub(crate) context_tokens: Option<u32>,
    /// How hard a model thinks where the conversation does not say: `off`, `minimal`, `low`, `medium`, `high`, `xhigh`,
    /// `adaptive`, `max` or `ultra`.
    pub(crate) thinking_default: Option<Thinking>,
    /// Whether the person sees what a model thinks: `off` (default), `on` or `stream`.
    pub(crate) reasoning_default: Option<ReasoningShown>,
    /// Whether the person sees the calls of tools: `off` (default), `on` or `full`.
    pub(crate) verbose_default: Option<Verbosity>,
    /// The system prompt instead of Yabby's own.
    pub(crate) system_prompt_override: Option<String>,
    /// What one turn may take. A key of Yabby's own. With a mistake in it, a turn may cost nothing.
    pub(crate) limits: TurnLimits,
    /// Tasks that an agent hands on.
    pub(crate) subagents: Subagents,
    /// How a conversation that has become too long is shortened.
    pub(crate) compaction: Compaction,
    /// How the memory is searched. With a mistake in `enabled`, `provider` or `remote`, it is not.
    pub(crate) memory_search: MemorySearch,
}

/// Keys that only `agents.defaults` has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SharedKeys {
    /// Whether no workspace files are made; those that are there are read.
    pub(crate) skip_bootstrap: Option<bool>,
    /// The time zone of the person, such as `Asia/Taipei`; that of this machine when unset.
    pub(crate) user_timezone: Option<String>,
    /// How a time is written for the model: `auto` (default), `12` or `24`.
    pub(crate) time_format: Option<TimeFormat>,
    /// Text behind the system prompt of every agent.
    pub(crate) additional_system_prompt: Option<String>,
    /// How many turns may run at once, all conversations together. Unset, as many as the server has slots.
    #[schemars(range(min = 1))]
    pub(crate) max_concurrent: Option<u32>,
    /// Old results of tools that are left out of a prompt.
    pub(crate) context_pruning: ContextPruning,
}

/// Keys that only an agent has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct OwnKeys {
    /// Whether this agent is meant where none is named. Without one, it is `main`, or the first.
    pub(crate) default: Option<bool>,
    /// Who the agent is.
    pub(crate) identity: Identity,
    /// The agent's tools, narrowed further than `tools` narrows them.
    pub(crate) tools: Tools,
}

/// Who an agent is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Identity {
    /// The name it goes by.
    pub(crate) name: Option<String>,
}

/// What one turn may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TurnLimits {
    /// Answers of the model, those with calls of tools included.
    #[schemars(range(min = 1))]
    pub(crate) steps: Option<u32>,
    /// Tokens of all its requests, input and output together.
    #[schemars(range(min = 1))]
    pub(crate) tokens: Option<u64>,
    /// US dollars.
    #[schemars(range(min = 0))]
    pub(crate) usd: Option<f64>,
}

/// Tasks that an agent hands on to another run of its own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Subagents {
    /// The model of such a task, instead of the agent's.
    pub(crate) model: Option<ModelChoice>,
    /// How hard it thinks.
    pub(crate) thinking: Option<Thinking>,
    /// How many may run at once for a conversation. Unset, as many as the server has slots left.
    #[schemars(range(min = 1))]
    pub(crate) max_concurrent: Option<u32>,
    /// How deep such a task may hand on others, 1 to 5.
    #[schemars(range(min = 1, max = 5))]
    pub(crate) max_spawn_depth: Option<u8>,
    /// How many a conversation may have that are not done.
    #[schemars(range(min = 1))]
    pub(crate) max_children_per_agent: Option<u32>,
    /// Seconds that one may take; 0 (default) for no limit of its own.
    pub(crate) run_timeout_seconds: Option<u32>,
    /// The agents that may be given one, `*` for all; only the agent itself when unset.
    pub(crate) allow_agents: Option<Vec<String>>,
}

/// How a conversation that has become too long is shortened.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Compaction {
    /// Whether it happens by itself; true when unset. `/compact` and what no window holds are shortened in any case.
    pub(crate) enabled: Option<bool>,
    /// `default` or `safeguard`. Yabby has one way, so that both mean the same.
    pub(crate) mode: Option<CompactionMode>,
    /// Tokens of the window that stay free for the answer.
    pub(crate) reserve_tokens: Option<u32>,
    /// The least that stays free, whatever `reserveTokens` says.
    pub(crate) reserve_tokens_floor: Option<u32>,
    /// Tokens at the end of the conversation that stay word for word.
    #[schemars(range(min = 1))]
    pub(crate) keep_recent_tokens: Option<u32>,
    /// Turns at the end that stay word for word.
    pub(crate) recent_turns_preserve: Option<u32>,
    /// The part of the window that the conversation may fill, 0.1 to 0.9.
    #[schemars(range(min = 0.1, max = 0.9))]
    pub(crate) max_history_share: Option<f64>,
    /// What a summary must keep, in the person's words.
    pub(crate) custom_instructions: Option<String>,
    /// The model that writes summaries, an alias or `provider/model`; that of the conversation when unset.
    pub(crate) model: Option<String>,
    /// Seconds that one summary may take.
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// Whether the person is told; false when unset.
    pub(crate) notify_user: Option<bool>,
    /// What is put into the memory before.
    pub(crate) memory_flush: MemoryFlush,
}

/// What is put into the memory before a conversation is shortened.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MemoryFlush {
    /// Whether anything is; true when unset.
    pub(crate) enabled: Option<bool>,
}

/// Old results of tools that are left out of a prompt. The conversation itself keeps them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContextPruning {
    /// `cache-ttl` leaves them out once the cache of the server has forgotten the prompt, `off` (default) only where the
    /// window is too small.
    pub(crate) mode: Option<PruningMode>,
    /// How long a server's cache lasts: a number with `s`, `m`, `h` or `d`, or a number of minutes, such as `"5m"` (default).
    pub(crate) ttl: Option<String>,
    /// Answers at the end whose results stay.
    pub(crate) keep_last_assistants: Option<u32>,
    /// Tools whose results may be left out, and whose never.
    pub(crate) tools: PrunedTools,
}

/// Tools by whether their results may be left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct PrunedTools {
    /// Only of these; of all when empty.
    pub(crate) allow: Vec<String>,
    /// Never of these.
    pub(crate) deny: Vec<String>,
}

/// Whether old results are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PruningMode {
    Off,
    CacheTtl,
}

/// How a conversation is shortened.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CompactionMode {
    Default,
    Safeguard,
}

/// Whether workspace files stand in the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ContextInjection {
    Always,
    ContinuationSkip,
    Never,
}

/// How hard a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Thinking {
    /// Not at all.
    Off,
    /// As little as it can.
    Minimal,
    /// Little.
    Low,
    /// Somewhat.
    Medium,
    /// Much.
    High,
    /// Very much.
    Xhigh,
    /// As the model likes.
    Adaptive,
    /// As much as it can.
    Max,
    /// As much as it can, on servers that have a word for still more.
    Ultra,
}

impl From<Thinking> for yabby_core::Thinking {
    fn from(level: Thinking) -> Self {
        match level {
            Thinking::Off => Self::Off,
            Thinking::Minimal => Self::Minimal,
            Thinking::Low => Self::Low,
            Thinking::Medium => Self::Medium,
            Thinking::High => Self::High,
            Thinking::Xhigh => Self::Xhigh,
            Thinking::Adaptive => Self::Adaptive,
            Thinking::Max | Thinking::Ultra => Self::Max,
        }
    }
}

/// Whether the person sees what a model thinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningShown {
    /// No.
    #[default]
    Off,
    /// Yes, when it is done.
    On,
    /// Yes, while it comes.
    Stream,
}

/// Whether the person sees the calls of tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// No.
    #[default]
    Off,
    /// That there is one.
    On,
    /// Its result too.
    Full,
}

/// How a time is written for the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TimeFormat {
    /// As the language has it.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// `3:04 PM`.
    #[serde(rename = "12")]
    Twelve,
    /// `15:04`.
    #[serde(rename = "24")]
    TwentyFour,
}
