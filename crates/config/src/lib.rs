//! OpenClaw-style JSON5 text → a typed [`Config`], with diagnostics that carry file, line and column.
//!
//! The stages: text → tree with places (`tree`), other files put in (`include`), variables put in (`variables`),
//! held against the schema (`check`), made typed (`resolve`), model names checked (`policy_check`). A stage that finds
//! something wrong reports it and goes on with the rest; [`load`] never fails.

mod agents;
mod api;
mod assistant;
mod base_url;
mod builtin;
mod check;
mod closed;
mod config;
mod cost;
mod diagnostic;
mod dot_env;
mod edit;
mod environment;
mod error;
mod explain;
mod fetch;
mod gateway;
mod include;
mod key;
mod keys;
mod known;
mod load;
mod mask;
mod mcp;
mod messages;
mod names;
mod origin;
mod otel;
mod params;
mod path;
mod policy_check;
mod privacy;
mod raw;
mod render;
mod resolve;
mod schema;
mod secret;
mod service;
mod session;
mod show;
mod skills;
mod source;
mod store;
mod tree;
mod unknown;
mod variables;

pub use api::Api;
pub use assistant::{
    AssistantSettings, Assistants, CompactionSettings, ExecSettings, FetchSettings, FileRoot, HybridSearch,
    LoopDetection, MemorySettings, PromptSettings, PruningSettings, Reach, SearchSettings, SubagentSettings,
    ToolChoice, ToolSettings, TurnLimits, Workspace,
};
pub use base_url::BaseUrl;
pub use config::{
    Agent, AgentDefaults, Agents, Budget, Config, Cost, CostTier, KeepWarm, Limit, LocalService, Mode, ModelEntry,
    ModelPolicy, ModelSettings, Models, Params, Privacy, Provider, Route,
};
pub use diagnostic::{Diagnostic, DiagnosticKind, Severity, UnusedKey};
pub use edit::{Edit, NewModel, NewProvider, add_provider, edit, including, set_primary};
pub use environment::{Environment, Paths, vars};
pub use error::ConfigError;
pub use explain::{Explanation, KeyStatus, UnknownKey, ValueSource};
pub use fetch::{Needs, Vault};
pub use gateway::{Bind, GatewayAuth, GatewaySettings, GatewayTls, Lockout, Network};
pub use keys::{ApiKey, KeySource};
pub use load::{Loaded, load, load_draft, load_text};
pub use mcp::{McpServer, McpTransport};
pub use messages::MessageSettings;
pub use names::UnknownModel;
pub use origin::Origin;
pub use otel::OtelSettings;
pub use raw::{
    ExecAsk, ExecSecurity, Modality, QueueDrop, QueueMode, ReasoningShown, Thinking, TimeFormat, ToolProfile, Verbosity,
};
pub use schema::schema;
pub use session::{Maintenance, SessionSettings};
pub use skills::{SkillEntry, SkillSettings};
pub use source::Place;
pub use store::{Database, Retention, StoreLimits, StoreSettings};
pub use variables::is_variable_name;
