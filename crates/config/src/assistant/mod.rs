//! What an agent is told of itself, what it may do, and how its conversations are kept short.

mod lay;
mod memory;
mod shown;
mod tools;
mod web;
mod workspace;

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

pub(crate) use self::shown::{secret, secrets, without_nothing};
pub use self::{
    memory::{HybridSearch, MemorySettings},
    tools::{ExecSettings, FileRoot, LoopDetection, ToolChoice, ToolSettings},
    web::{FetchSettings, Reach, SearchSettings},
    workspace::Workspace,
};
use crate::{Config, ModelPolicy, ReasoningShown, Thinking, TimeFormat, Verbosity};

/// Every agent's settings, laid over those that all have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assistants {
    /// The agent that is meant where none is named.
    pub default: String,
    /// How many turns may run at once, all conversations together; `None` leaves it to the server.
    pub max_concurrent: Option<u32>,
    /// What holds for an agent that the config does not name.
    pub(crate) shared: AssistantSettings,
    /// The agents of the config by their ids.
    pub(crate) agents: Vec<(String, AssistantSettings)>,
}

/// Everything that the config says of one agent beside its models. `None` leaves a thing to Yabby's own rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssistantSettings {
    /// The name the agent goes by.
    #[serde(skip)]
    pub name: Option<String>,
    /// The folder of its files.
    pub workspace: Workspace,
    /// The skills it may use; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skills: Option<BTreeSet<String>>,
    /// What stands in the prompt.
    #[serde(flatten)]
    pub prompt: PromptSettings,
    /// The most tokens of a prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// How hard a model thinks where the conversation does not say.
    #[serde(rename = "thinkingDefault", skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Whether the person sees what it thinks.
    #[serde(rename = "reasoningDefault")]
    pub reasoning: ReasoningShown,
    /// Whether the person sees the calls of tools.
    #[serde(rename = "verboseDefault")]
    pub verbose: Verbosity,
    /// What one turn may take.
    #[serde(skip_serializing_if = "shown::is_usual")]
    pub limits: TurnLimits,
    /// Tasks that it hands on.
    #[serde(skip_serializing_if = "shown::is_usual")]
    pub subagents: SubagentSettings,
    /// How its conversations are shortened.
    pub compaction: CompactionSettings,
    /// Old results of tools that are left out of a prompt.
    #[serde(rename = "contextPruning")]
    pub pruning: PruningSettings,
    /// How its memory is searched.
    #[serde(rename = "memorySearch")]
    pub memory: MemorySettings,
    /// What it may do.
    #[serde(skip)]
    pub tools: ToolSettings,
}

/// What stands in a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromptSettings {
    /// The most characters of one workspace file.
    #[serde(rename = "bootstrapMaxChars", skip_serializing_if = "Option::is_none")]
    pub file_chars: Option<u32>,
    /// The most characters of all workspace files together.
    #[serde(rename = "bootstrapTotalMaxChars", skip_serializing_if = "Option::is_none")]
    pub files_chars: Option<u32>,
    /// Whether workspace files stand in it.
    #[serde(rename = "contextInjection", serialize_with = "shown::injection")]
    pub has_files: bool,
    /// Whether no workspace files are made where there are none.
    #[serde(rename = "skipBootstrap")]
    pub makes_no_files: bool,
    /// The system prompt instead of Yabby's own.
    #[serde(rename = "systemPromptOverride", skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// Text behind the system prompt.
    #[serde(rename = "additionalSystemPrompt", skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// The time zone of the person, an IANA name as written; `None` for that of this machine.
    #[serde(rename = "userTimezone", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// How a time is written.
    pub time_format: TimeFormat,
}

/// What one turn may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TurnLimits {
    /// Answers of the model, those with calls of tools included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Tokens of all its requests, input and output together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars; nothing where a mistake hides what was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
}

/// Tasks that an agent hands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubagentSettings {
    /// The models, instead of the agent's.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown::policy")]
    pub model: Option<ModelPolicy>,
    /// How hard they think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// How many may run at once for a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// How deep they may hand on others.
    #[serde(rename = "maxSpawnDepth", skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u8>,
    /// How many a conversation may have that are not done.
    #[serde(rename = "maxChildrenPerAgent", skip_serializing_if = "Option::is_none")]
    pub max_open: Option<u32>,
    /// How long one may take.
    #[serde(
        rename = "runTimeoutSeconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "shown::some_seconds"
    )]
    pub timeout: Option<Duration>,
    /// The agents that may be given one, `*` for all; only the agent itself when empty.
    #[serde(rename = "allowAgents", skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
}

/// How conversations are shortened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompactionSettings {
    /// Whether it happens by itself.
    pub enabled: bool,
    /// Tokens of the window that stay free for the answer; the larger one of `reserveTokens` and `reserveTokensFloor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve_tokens: Option<u32>,
    /// Tokens at the end that stay word for word.
    #[serde(rename = "keepRecentTokens", skip_serializing_if = "Option::is_none")]
    pub keep_tokens: Option<u32>,
    /// Turns at the end that stay word for word.
    #[serde(rename = "recentTurnsPreserve", skip_serializing_if = "Option::is_none")]
    pub keep_turns: Option<u32>,
    /// The part of the window that a conversation may fill.
    #[serde(rename = "maxHistoryShare", skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// What a summary must keep, in the person's words.
    #[serde(rename = "customInstructions", skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The model that writes summaries, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How long one summary may take.
    #[serde(
        rename = "timeoutSeconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "shown::some_seconds"
    )]
    pub timeout: Option<Duration>,
    /// Whether the person is told.
    #[serde(rename = "notifyUser")]
    pub tells: bool,
    /// Whether what matters is put into the memory before.
    #[serde(rename = "memoryFlush", serialize_with = "shown::enabled")]
    pub remembers: bool,
}

/// Old results of tools that are left out of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruningSettings {
    /// Whether they are left out once the cache of the server has forgotten the prompt, and not only where the window is too
    /// small.
    #[serde(rename = "mode", serialize_with = "shown::pruning")]
    pub after_ttl: bool,
    /// How long a server's cache lasts.
    #[serde(serialize_with = "shown::time")]
    pub ttl: Duration,
    /// Answers at the end whose results stay.
    #[serde(rename = "keepLastAssistants", skip_serializing_if = "Option::is_none")]
    pub keep_answers: Option<u32>,
    /// Tools whose results may be left out; all when empty.
    #[serde(skip)]
    pub tools: Vec<String>,
    /// Tools whose results never are.
    #[serde(skip)]
    pub never: Vec<String>,
}

// === impl Config ===

impl Config {
    /// What the config says of an agent. One that it does not name has what all have, and a workspace of its own.
    pub fn assistant(&self, agent: &str) -> AssistantSettings {
        let known = self.assistants.agents.iter().find(|(id, _)| id == agent);
        let mut settings = match known {
            Some((_, settings)) => settings.clone(),
            None => AssistantSettings {
                workspace: self.assistants.workspace_of(agent),
                ..self.assistants.shared.clone()
            },
        };
        if self.agents.in_doubt || self.agents.off.iter().any(|off| off == agent) {
            // Nobody knows what its owner has forbidden it.
            settings.close();
        }
        settings
    }

    /// The time zone of the person, where one is named.
    pub fn time_zone(&self) -> Option<&str> {
        self.assistants.shared.prompt.time_zone.as_deref()
    }

    /// How a time is written for models.
    pub fn time_format(&self) -> TimeFormat {
        self.assistants.shared.prompt.time_format
    }
}

// === impl Assistants ===

impl Assistants {
    fn workspace_of(&self, agent: &str) -> Workspace {
        if agent == self.default {
            self.shared.workspace.clone()
        } else {
            self.shared.workspace.below(agent)
        }
    }
}

// === impl AssistantSettings ===

impl AssistantSettings {
    /// Takes everything away that a mistake may have forbidden.
    fn close(&mut self) {
        self.tools.close_choice();
        self.tools.exec.close();
        self.tools.close_files();
        self.tools.search.enabled = false;
        self.tools.fetch.enabled = false;
        self.memory.close();
        self.skills = Some(BTreeSet::new());
        self.limits.usd = Some(0.0);
    }
}

impl Default for PromptSettings {
    fn default() -> Self {
        Self {
            file_chars: None,
            files_chars: None,
            has_files: true,
            makes_no_files: false,
            instead: None,
            behind: None,
            time_zone: None,
            time_format: TimeFormat::default(),
        }
    }
}

impl Default for CompactionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            reserve_tokens: None,
            keep_tokens: None,
            keep_turns: None,
            share: None,
            instructions: None,
            model: None,
            timeout: None,
            tells: false,
            remembers: true,
        }
    }
}

impl Default for PruningSettings {
    fn default() -> Self {
        Self {
            after_ttl: false,
            ttl: Duration::from_mins(5),
            keep_answers: None,
            tools: Vec::new(),
            never: Vec::new(),
        }
    }
}
