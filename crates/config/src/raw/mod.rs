//! The config as it is written: one definition of every key that Yabby uses.
//!
//! The doc comments are the reference: the JSON Schema and `yabby config explain` show them.

mod assistant;
mod diagnostics;
mod gateway;
mod secrets;
mod session;
mod store;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::assistant::{
    ExecAsk, ExecSecurity, QueueDrop, QueueMode, ReasoningShown, Thinking, TimeFormat, ToolProfile, Verbosity,
};
pub(crate) use self::{
    assistant::{
        AgentKeys, Commands, Compaction, ContextInjection, Exec, ExecMode, FileRoot, Mcp, McpServer, McpTransportName,
        MemorySearch, Messages, OwnKeys, Plugins, PruningMode, Scalar, SharedKeys, Skills, Subagents, Tools, WebFetch,
        WebSearch,
    },
    diagnostics::{Diagnostics, OtelProtocol},
    gateway::{Gateway, GatewayAuth, GatewayAuthMode, GatewayBind, GatewayTls},
    secrets::{FileMode, SecretDefaults, SecretProvider, Secrets},
    session::{Age, DmScope, GroupScope, Maintenance, MaintenanceMode, Reset, ResetMode, Scope, Session},
    store::{Retention, Store, StoreLimits},
};
use crate::params::RequestParams;

/// A config for Yabby. Keys of OpenClaw keep OpenClaw's meaning.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(title = "Yabby config")]
pub(crate) struct Root {
    /// Address of the JSON Schema, for editors.
    #[serde(rename = "$schema")]
    pub(crate) schema: Option<String>,
    /// Environment variables for this config; used where the process environment and `.env` have none.
    pub(crate) env: Env,
    /// Where secrets are kept that the config refers to.
    pub(crate) secrets: Secrets,
    /// Which models agents use.
    pub(crate) agents: Agents,
    /// The servers that models run on.
    pub(crate) models: Models,
    /// How a request finds its model. A section of Yabby's own.
    pub(crate) route: Route,
    /// Which conversations share a session, and when a session starts afresh.
    pub(crate) session: Session,
    /// Where sessions, messages and what was decided are kept. A section of Yabby's own.
    pub(crate) store: Store,
    /// Where the gateway listens, and who may use it.
    pub(crate) gateway: Gateway,
    /// What is told of Yabby elsewhere.
    pub(crate) diagnostics: Diagnostics,
    /// What agents may do.
    pub(crate) tools: Tools,
    /// What becomes of messages.
    pub(crate) messages: Messages,
    /// Commands in messages.
    pub(crate) commands: Commands,
    /// Skills: folders with a `SKILL.md`.
    pub(crate) skills: Skills,
    /// MCP servers, which give agents tools.
    pub(crate) mcp: Mcp,
    /// Plugins of OpenClaw, of which Yabby reads what they say of searching the web.
    pub(crate) plugins: Plugins,
}

/// How a request finds its model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Route {
    /// Seconds of silence after which the next model of the chain is asked beside the first; the first visible word wins
    /// and the other is stopped. Unset never does, and it never reaches into another zone.
    #[schemars(range(min = 1))]
    pub(crate) hedge_after: Option<u32>,
    /// Whether the next model is asked instead of waiting for one that is being loaded or has no free slot; false when unset.
    pub(crate) prefer_fast: Option<bool>,
    /// What hosted models may cost. One that would go beyond is not asked.
    pub(crate) budget: Budget,
}

/// Environment variables set by the config itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Env {
    /// Variables by name.
    pub(crate) vars: BTreeMap<String, String>,
    /// Variables may also stand directly below `env`.
    #[serde(flatten)]
    #[expect(dead_code, reason = "read from the tree; stands here for the schema")]
    pub(crate) inline: BTreeMap<String, String>,
}

/// Defaults of all agents, and the agents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Agents {
    /// What every agent uses unless it says otherwise.
    pub(crate) defaults: AgentDefaults,
    /// Agents in the older form, each with an `id`.
    pub(crate) list: Vec<ListedAgent>,
    /// Agents by id.
    pub(crate) entries: OrderedMap<Agent>,
}

/// Defaults of all agents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct AgentDefaults {
    /// The model to use: an alias or `provider/model`, or an object with `primary` and `fallbacks`.
    pub(crate) model: Option<ModelChoice>,
    /// How far data may travel. It holds for every agent; what an agent says of its own can only narrow it.
    pub(crate) privacy: Option<Privacy>,
    /// Seconds that a whole turn may take, all models and retries together. Unset: the longest time of one of its models,
    /// and a minute for each other.
    #[serde(rename = "timeoutSeconds")]
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// Parameters sent with every request to any model. Those of a provider and of a model win over them.
    #[schemars(with = "RequestParams")]
    pub(crate) params: Map<String, Value>,
    /// Aliases and parameters of models, by `provider/model`.
    pub(crate) models: OrderedMap<ModelSettings>,
    #[serde(flatten)]
    pub(crate) keys: AgentKeys,
    #[serde(flatten)]
    pub(crate) shared: SharedKeys,
}

/// One model, or a primary and its fallbacks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ModelChoice {
    /// The primary model; there are no fallbacks.
    One(String),
    /// A primary model and what to use when it fails.
    Chain(ModelChain),
}

/// A primary model and what to use when it fails.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ModelChain {
    /// The model to use first: an alias or `provider/model`.
    pub(crate) primary: Option<String>,
    /// Models to use when the primary cannot answer, in this order.
    #[serde(default)]
    pub(crate) fallbacks: Vec<String>,
}

/// How far data may travel. A section of Yabby's own. With a mistake anywhere in it, only models on this machine may be asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Privacy {
    /// The zones where data may go: `machine`, `lan`, `region:<code>` such as `region:eu`, `hosted` (anywhere). A model
    /// outside is never contacted. `machine` is part of each other one.
    #[schemars(inner(regex(pattern = "^(machine|lan|hosted|region:[A-Za-z0-9-]+)$")))]
    pub(crate) zones: Option<Vec<String>>,
    /// What follows when no model in these zones can answer: `fail` (default) ends with an error, `ask` asks the person at
    /// a terminal for an exception. A `fail` of the defaults holds for every agent.
    pub(crate) on_violation: Option<OnViolation>,
}

/// What follows when no allowed model can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnViolation {
    Fail,
    Ask,
}

/// Settings of one model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ModelSettings {
    /// A short name for the model, upper and lower case alike.
    pub(crate) alias: Option<String>,
    /// Parameters sent with every request to this model.
    #[schemars(with = "RequestParams")]
    pub(crate) params: Map<String, Value>,
}

/// An agent in `agents.list`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListedAgent {
    /// The agent's id.
    pub(crate) id: String,
    /// A name for people.
    pub(crate) name: Option<String>,
    /// The agent's model, instead of the default.
    pub(crate) model: Option<ModelChoice>,
    /// How far this agent's data may travel, beside what holds for every agent.
    pub(crate) privacy: Option<Privacy>,
    #[serde(flatten)]
    pub(crate) keys: AgentKeys,
    #[serde(flatten)]
    pub(crate) own: OwnKeys,
}

/// An agent in `agents.entries`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Agent {
    /// A name for people.
    pub(crate) name: Option<String>,
    /// The agent's model, instead of the default.
    pub(crate) model: Option<ModelChoice>,
    /// How far this agent's data may travel, beside what holds for every agent.
    pub(crate) privacy: Option<Privacy>,
    #[serde(flatten)]
    pub(crate) keys: AgentKeys,
    #[serde(flatten)]
    pub(crate) own: OwnKeys,
}

/// The servers that models run on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Models {
    /// `merge` keeps the built-in providers beside the configured ones, `replace` uses the configured ones alone.
    pub(crate) mode: Mode,
    /// Model servers by provider id.
    pub(crate) providers: OrderedMap<Provider>,
}

/// Whether built-in providers stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Merge,
    Replace,
}

/// One model server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Provider {
    /// Address of the API, usually ending in `/v1`.
    pub(crate) base_url: Option<String>,
    /// Further addresses that serve the same models: replicas. A session stays with the one that has its beginning in
    /// its cache; others help when that one is full or off. A key of Yabby's own.
    pub(crate) base_urls: Vec<String>,
    /// The key of the API: text, `${VARIABLE}`, the name of a variable, or a reference to a secret.
    pub(crate) api_key: Option<SecretInput>,
    /// Further keys of the API, in the same forms. The next one is used while a key is refused, has no credit or has reached
    /// its limit. A key of Yabby's own.
    pub(crate) api_keys: Vec<SecretInput>,
    /// The protocol: `openai-responses`, `openai-completions` (default), `anthropic-messages` or `ollama`.
    pub(crate) api: Option<String>,
    /// Headers sent with every request.
    pub(crate) headers: OrderedMap<SecretInput>,
    /// Whether the key is sent as `Authorization: Bearer`, whatever the protocol's own way.
    pub(crate) auth_header: Option<bool>,
    /// Where its data goes: `machine`, `lan`, `region:<code>` or `hosted`. Unset, its address tells; a server that sends
    /// prompts on is `hosted`. What is `machine` or `lan` is never reached at a public address. A key of Yabby's own.
    #[schemars(regex(pattern = "^(machine|lan|hosted|region:[A-Za-z0-9-]+)$"))]
    pub(crate) zone: Option<String>,
    /// Seconds that one request may take in all.
    #[schemars(range(min = 1))]
    pub(crate) timeout_seconds: Option<u32>,
    /// The window of models that state none, in tokens.
    #[schemars(range(min = 1))]
    pub(crate) context_window: Option<u32>,
    /// The input budget of models that state none, in tokens.
    #[schemars(range(min = 1))]
    pub(crate) context_tokens: Option<u32>,
    /// The longest answer of models that state none, in tokens.
    #[schemars(range(min = 1))]
    pub(crate) max_tokens: Option<u32>,
    /// A server program that is started when a model of this provider is needed.
    pub(crate) local_service: Option<LocalService>,
    /// Whether models of this provider are loaded before they are needed and kept loaded: `true`, `false` (default), or
    /// for how long after the last use, such as `"30m"`. A key of Yabby's own.
    pub(crate) keep_warm: Option<KeepWarm>,
    /// Parameters sent with every request to this provider.
    #[schemars(with = "RequestParams")]
    pub(crate) params: Map<String, Value>,
    /// The models of this server. Servers that list their models need none here.
    pub(crate) models: Vec<Model>,
}

/// A server program that is started when a model of its provider is needed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LocalService {
    /// The program: an absolute path.
    pub(crate) command: String,
    /// Its arguments.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// The folder in which it runs.
    pub(crate) cwd: Option<String>,
    /// Environment variables that it gets besides Yabby's own.
    #[serde(default)]
    pub(crate) env: OrderedMap<String>,
    /// Where it answers when it is ready; the list of models below `baseUrl` when unset.
    pub(crate) health_url: Option<String>,
    /// Milliseconds that it may take until it is ready; 120000 when unset.
    #[schemars(range(min = 1))]
    pub(crate) ready_timeout_ms: Option<u32>,
    /// Milliseconds after the last request until it is stopped; 0 (default) stops it when Yabby ends.
    pub(crate) idle_stop_ms: Option<u32>,
}

/// Whether models are kept loaded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum KeepWarm {
    /// `true` for ever, `false` not at all.
    Switch(bool),
    /// For how long after the last use: a number with `s`, `m` or `h`, such as `30m`.
    For(String),
}

/// A secret, or where to find it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum SecretInput {
    /// The secret itself, `${VARIABLE}`, or the name of a variable.
    Text(String),
    /// Where the secret is kept.
    Reference(SecretRef),
}

/// Where a secret is kept.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SecretRef {
    /// The kind of source: `env`, `file` or `exec`.
    pub(crate) source: String,
    /// The name of the provider in `secrets.providers`; that of `secrets.defaults` when unset. The environment needs none.
    #[serde(default)]
    pub(crate) provider: Option<String>,
    /// Which secret: of `env` the variable's name, of `file` a JSON pointer or `value`, of `exec` what the program knows.
    pub(crate) id: String,
}

/// One model of a server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    /// The model's id, as the server knows it.
    pub(crate) id: String,
    /// A name for people.
    pub(crate) name: Option<String>,
    /// The protocol of this model, if not the provider's.
    pub(crate) api: Option<String>,
    /// Whether the model thinks before it answers.
    pub(crate) reasoning: Option<bool>,
    /// What the model can read; text only when nothing is stated.
    pub(crate) input: Option<Vec<Modality>>,
    /// Prices per million tokens.
    pub(crate) cost: Option<Cost>,
    /// The model's window, in tokens. What the running server says counts more.
    #[schemars(range(min = 1))]
    pub(crate) context_window: Option<u32>,
    /// The most input to use, in tokens, when that is less than the window.
    #[schemars(range(min = 1))]
    pub(crate) context_tokens: Option<u32>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub(crate) max_tokens: Option<u32>,
    /// Headers sent with every request to this model.
    #[serde(default)]
    pub(crate) headers: OrderedMap<SecretInput>,
    /// What the server can and cannot do with this model.
    #[serde(default)]
    pub(crate) compat: Map<String, Value>,
    /// Parameters sent with every request to this model.
    #[serde(default)]
    #[schemars(with = "RequestParams")]
    pub(crate) params: Map<String, Value>,
}

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cost {
    /// Price of input.
    #[schemars(range(min = 0))]
    pub(crate) input: Option<f64>,
    /// Price of output.
    #[schemars(range(min = 0))]
    pub(crate) output: Option<f64>,
    /// Price of input read from a cache; that of input when unset.
    #[schemars(range(min = 0))]
    pub(crate) cache_read: Option<f64>,
    /// Price of input written to a cache; that of input when unset.
    #[schemars(range(min = 0))]
    pub(crate) cache_write: Option<f64>,
    /// Prices that depend on the length of the input; they count instead of those above.
    pub(crate) tiered_pricing: Vec<CostTier>,
}

/// Prices for some lengths of input.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CostTier {
    /// Price of input.
    #[schemars(range(min = 0))]
    pub(crate) input: Option<f64>,
    /// Price of output.
    #[schemars(range(min = 0))]
    pub(crate) output: Option<f64>,
    /// Price of input read from a cache; that of input when unset.
    #[schemars(range(min = 0))]
    pub(crate) cache_read: Option<f64>,
    /// Price of input written to a cache; that of input when unset.
    #[schemars(range(min = 0))]
    pub(crate) cache_write: Option<f64>,
    /// The lengths in tokens: from the first number on, and up to the second, which does not belong to it; the last tier has
    /// only the first.
    pub(crate) range: Vec<f64>,
}

/// What may be spent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Budget {
    /// What hosted models may cost in a day of UTC.
    pub(crate) per_day: Limit,
    /// What they may cost in a session.
    pub(crate) per_session: Limit,
}

/// A limit of money, of tokens, or of both.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Limit {
    /// US dollars.
    #[schemars(range(min = 0))]
    pub(crate) usd: Option<f64>,
    /// Tokens, of input and output together.
    pub(crate) tokens: Option<u64>,
}

/// An object whose keys are names, in the order of the file.
#[derive(Debug)]
pub(crate) struct OrderedMap<T>(pub(crate) Vec<(String, T)>);

// === impl OrderedMap ===

impl<T> Default for OrderedMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for OrderedMap<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `serde_json` keeps the order of keys in this workspace (feature `preserve_order`).
        let map = Map::deserialize(deserializer)?;
        let entry = |(key, value)| Ok((key, serde_json::from_value(value).map_err(serde::de::Error::custom)?));
        map.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for OrderedMap<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        <BTreeMap<String, T>>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <BTreeMap<String, T>>::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}
