//! Events as the page gets them: the shapes of `docs/api.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yabby_core::{Attempt, Lang, Progress, Text, ToolCall};
use yabby_store::{Approval, ApprovalState};

use crate::app::Server;

/// A text that Yabby says to a person, in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Words {
    /// In English.
    en: String,
    /// In Traditional Chinese.
    #[serde(rename = "zh-TW")]
    zh_tw: String,
}

/// What a server does before the first token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(crate) enum Stage {
    /// All its slots are taken; so many requests come first.
    Queued { ahead: usize },
    /// The model is being loaded.
    Loading,
    /// The prompt is being read; in tokens.
    Prefill { done: u32, total: u32 },
    /// It works, and does not say how far it is.
    Waiting,
}

/// How a tool gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Course {
    Running,
    Done,
    Failed,
}

/// A tool at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tool {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) state: Course,
    /// What it has said so far; in events only what is new.
    pub(crate) output: String,
    /// What came of it, in a few words.
    pub(crate) summary: Option<Words>,
}

/// What a turn that runs has brought so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Running {
    pub(crate) turn: String,
    pub(crate) model: Option<String>,
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) progress: Option<Stage>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) notices: Vec<Words>,
    /// As [`Attempt`] is written.
    pub(crate) attempts: Vec<Value>,
}

/// A question to the owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Question {
    id: String,
    conversation: String,
    at: i64,
    #[serde(rename = "question")]
    asked: Words,
    #[schemars(with = "String")]
    state: Standing,
}

/// Whether a question was answered, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Open,
    Approved,
    Denied,
    Expired,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The first one of a stream.
    Hello { version: &'static str, replica: String },
    /// What a running turn has brought so far, if one runs.
    Snapshot { turn: Option<Running> },
    /// A turn has begun.
    Began { turn: String },
    /// A step of the turn is over: its text and its reasoning are an entry now, and what follows is another one.
    Step,
    /// This model is asked now. When it is not the first one of the step, it goes on behind what others have said.
    Trying { model: String },
    /// What a server does before the first token.
    Progress {
        #[serde(flatten)]
        progress: Stage,
    },
    /// A piece of the answer.
    Text { delta: String },
    /// A piece of the model's reasoning.
    Reasoning { delta: String },
    /// How a tool gets on.
    Tool {
        #[serde(flatten)]
        tool: Tool,
    },
    /// One request is over.
    Attempt { attempt: Value },
    /// Something that the person should know.
    Notice { words: Words },
    /// A question to the owner.
    Asked { approval: Question },
    /// The turn is over.
    Ended,
    /// There are new entries.
    Entries,
    /// The list of conversations has changed.
    Conversations,
    /// A question was asked or answered.
    Approvals,
    /// Something has changed about the servers: all of them as they are now.
    Servers { servers: Vec<Server> },
    /// The config was read anew, or why the last good one stays.
    Config { ok: bool, words: Words },
}

/// An event with its number, as it is sent.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Numbered<'a> {
    /// Goes up in one process.
    pub(crate) seq: u64,
    /// The conversation that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<&'a str>,
    /// What happens.
    #[serde(flatten)]
    pub(crate) event: &'a Event,
}

// === impl Words ===

impl Words {
    /// In both languages.
    pub fn of(text: &Text) -> Self {
        Self {
            en: text.render(Lang::En),
            zh_tw: text.render(Lang::ZhTw),
        }
    }

    /// The same in both languages: what a model or a server has said.
    pub fn plain(text: &str) -> Self {
        Self {
            en: text.to_owned(),
            zh_tw: text.to_owned(),
        }
    }

    /// In English.
    pub fn english(&self) -> &str {
        &self.en
    }
}

// === impl Stage ===

impl Stage {
    /// What a server says it does, when that is worth telling.
    pub(crate) fn of(progress: Progress) -> Option<Self> {
        Some(match progress {
            Progress::Alive => return None,
            Progress::Queued { ahead, .. } => Self::Queued { ahead },
            Progress::Prefill { done, total } => Self::Prefill { done, total },
            Progress::Loading { .. } => Self::Loading,
            Progress::Working { .. } => Self::Waiting,
        })
    }

    /// What a server has said by that.
    pub(crate) fn progress(&self) -> Progress {
        match *self {
            Self::Queued { ahead } => Progress::Queued { ahead, expected: None },
            Self::Loading => Progress::Loading { usual: None },
            Self::Prefill { done, total } => Progress::Prefill { done, total },
            Self::Waiting => Progress::Working { expected: None },
        }
    }
}

// === impl Tool ===

impl Tool {
    pub(crate) fn new(call: &ToolCall, state: Course) -> Self {
        Self {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            state,
            output: String::new(),
            summary: None,
        }
    }
}

// === impl Question ===

impl Question {
    pub(crate) fn of(approval: &Approval) -> Self {
        Self {
            id: approval.asked.id.clone(),
            conversation: approval.asked.conversation.as_str().to_owned(),
            at: approval.asked_at.0,
            asked: Words::of(&approval.asked.question),
            state: match approval.state {
                ApprovalState::Open => Standing::Open,
                ApprovalState::Granted => Standing::Approved,
                ApprovalState::Denied => Standing::Denied,
                ApprovalState::Expired => Standing::Expired,
            },
        }
    }
}

/// An attempt, as the page gets it.
pub(crate) fn attempt(attempt: &Attempt) -> Value {
    // Strings and numbers only: this cannot fail.
    serde_json::to_value(attempt).unwrap_or_default()
}
