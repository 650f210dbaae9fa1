//! The typed configuration: what the rest of Yabby reads.

use std::{collections::BTreeSet, fmt, ops::Deref, path::PathBuf, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};
use yabby_core::{ModelRef, Secret, Zone, ZoneRule, Zones};

use crate::{
    Api, ApiKey, Assistants, BaseUrl, GatewaySettings, McpServer, MessageSettings, Modality, OtelSettings,
    SessionSettings, SkillSettings, StoreSettings, params,
};

/// A whole configuration. The default is what an empty file gives without any environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Agents and their models.
    pub agents: Agents,
    /// Model servers.
    pub models: Models,
    /// How a request finds its model.
    pub route: Route,
    /// Which conversations share a session, and when a session starts afresh.
    pub session: SessionSettings,
    /// Where sessions and messages are kept.
    pub store: StoreSettings,
    /// Where the gateway listens, and who may use it.
    pub gateway: GatewaySettings,
    /// What is sent to an OpenTelemetry collector; `None` is nothing.
    pub otel: Option<OtelSettings>,
    /// What agents are told, and what they may do. See [`Config::assistant`].
    pub assistants: Assistants,
    /// What becomes of messages.
    pub messages: MessageSettings,
    /// Which skills there are.
    pub skills: SkillSettings,
    /// The MCP servers that are on, in the order of the file.
    pub mcp: Vec<McpServer>,
}

/// How a request finds its model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// After how much silence of a model the next one is asked beside it; `None` never does.
    pub hedge_after: Option<Duration>,
    /// Whether the next model is asked instead of waiting for one that is loading, or for its queue.
    pub prefer_fast: bool,
    /// What hosted models may cost.
    pub budget: Budget,
}

/// What hosted models may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// In a day of UTC.
    pub per_day: Limit,
    /// In a session.
    pub per_session: Limit,
    /// Whether what is written has a mistake, so that nobody knows what may be spent.
    pub in_doubt: bool,
}

impl Budget {
    /// Whether there is a limit of money.
    pub const fn limits_money(&self) -> bool {
        self.per_day.usd.is_some() || self.per_session.usd.is_some()
    }
}

/// A limit of money, of tokens, or of both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit {
    /// US dollars.
    pub usd: Option<f64>,
    /// Tokens, of input and output together.
    pub tokens: Option<u64>,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Price of input.
    pub input: f64,
    /// Price of output.
    pub output: f64,
    /// Price of input read from a cache.
    pub cache_read: f64,
    /// Price of input written to a cache.
    pub cache_write: f64,
    /// Prices that depend on the length of the input, which count instead of those above; in order.
    pub tiers: Vec<CostTier>,
}

/// Prices for some lengths of input.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CostTier {
    /// Price of input.
    pub input: f64,
    /// Price of output.
    pub output: f64,
    /// Price of input read from a cache.
    pub cache_read: f64,
    /// Price of input written to a cache.
    pub cache_write: f64,
    /// The first length that it is for, in tokens of input.
    pub start: u32,
    /// The first length that it is not for; `None` for the last tier.
    pub end: Option<u32>,
}

/// How far data may travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// The zones that are allowed; `None` when nothing is said of them.
    pub zones: Option<BTreeSet<Zone>>,
    /// Whether the person is asked to make an exception, when no allowed model can answer.
    pub ask: bool,
    /// Whether a mistake hides what the owner wants, so that only this machine is allowed.
    pub in_doubt: bool,
}

/// Agents and their models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agents {
    /// What every agent uses unless it says otherwise.
    pub defaults: AgentDefaults,
    /// The agents, those of `agents.entries` first.
    pub entries: Vec<Agent>,
    /// Agents that are off because of a mistake, of whose privacy nothing is known.
    pub off: Vec<String>,
    /// Whether there may be agents that could not be read at all.
    pub in_doubt: bool,
}

/// What every agent uses unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentDefaults {
    /// The model policy, if one is written. See [`Config::policy`].
    pub model: Option<ModelPolicy>,
    /// How far data may travel.
    pub privacy: Privacy,
    /// How long a whole turn may take, all models together.
    pub timeout: Option<Duration>,
    /// Parameters of every request to any model.
    pub params: Params,
    /// Aliases and parameters of models, in the order of the file.
    pub models: Vec<ModelSettings>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The agent's id.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// The agent's own model policy.
    pub model: Option<ModelPolicy>,
    /// How far data may travel, beside what holds for every agent.
    pub privacy: Privacy,
}

/// Which model to use, and which ones when it fails: aliases or references, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelPolicy {
    /// The model to use first.
    pub primary: Option<String>,
    /// The models to use when it fails, in order.
    pub fallbacks: Vec<String>,
}

/// Alias and parameters of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// The key as written: `provider/model`, or `provider/*`.
    pub name: String,
    /// The short name.
    pub alias: Option<String>,
    /// Parameters of every request.
    pub params: Params,
}

/// Model servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Models {
    /// Whether the built-in providers are there.
    pub mode: Mode,
    /// The configured providers in the order of the file, then the built-in ones that are not configured.
    pub providers: Vec<Provider>,
}

/// Whether the built-in providers are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    #[default]
    Merge,
    /// Only configured providers count.
    Replace,
}

/// One model server.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The id, as written.
    pub id: String,
    /// Where its API lies.
    pub base_url: BaseUrl,
    /// Further addresses that serve the same models.
    pub replicas: Vec<BaseUrl>,
    /// The protocol of its models, unless they say otherwise.
    pub api: Api,
    /// Its keys, the preferred one first, each once.
    pub keys: Vec<ApiKey>,
    /// Environment variables that would give a key.
    pub key_env: Vec<&'static str>,
    /// Headers of every request.
    pub headers: Vec<(String, Secret)>,
    /// Whether to send the key as `Authorization: Bearer`; `None` leaves it to the protocol.
    pub auth_header: Option<bool>,
    /// Where its data goes; `None` leaves it to its address.
    pub zone: Option<Zone>,
    /// How long one request may take in all.
    pub timeout: Option<Duration>,
    /// The program that serves it, where Yabby starts one.
    pub service: Option<LocalService>,
    /// Whether its models are kept loaded.
    pub keep_warm: KeepWarm,
    /// Models named by the config. The server may have more.
    pub models: Vec<ModelEntry>,
    /// Whether Yabby knows this provider without config.
    pub built_in: bool,
    /// Whether the config names this provider.
    pub configured: bool,
    /// Parameters of every request.
    pub params: Params,
}

/// A server program that is started when a model of its provider is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalService {
    /// The program: an absolute path.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder in which it runs.
    pub cwd: Option<PathBuf>,
    /// Environment variables that it gets besides Yabby's own.
    pub env: Vec<(String, Secret)>,
    /// Where it answers when it is ready; the list of models when unset.
    pub health_url: Option<String>,
    /// How long it may take until it is ready.
    pub ready_timeout: Duration,
    /// How long after the last request it is stopped; `None` keeps it until Yabby ends.
    pub idle_stop: Option<Duration>,
}

/// Whether models are loaded before they are needed, and kept loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepWarm {
    /// The server decides.
    #[default]
    No,
    /// As long as Yabby runs.
    Always,
    /// For this long after the last use.
    For(Duration),
}

/// One model of a server, as the config describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEntry {
    /// The id, as the server knows it.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// The protocol, if not the provider's.
    pub api: Option<Api>,
    /// Whether it thinks before it answers.
    pub reasoning: bool,
    /// What it can read.
    pub input: Vec<Modality>,
    /// Its prices, if they are written.
    pub cost: Option<Cost>,
    /// Its window, in tokens.
    pub context_window: Option<u32>,
    /// The most input to use, in tokens.
    pub context_tokens: Option<u32>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// Headers of every request.
    pub headers: Vec<(String, Secret)>,
    /// What the server can do with it.
    pub compat: Params,
    /// Parameters of every request.
    pub params: Params,
}

/// A free-form JSON object. `Debug` prints names only, because values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(pub Map<String, Value>);

// === impl Config ===

impl Config {
    /// The provider with this id, upper and lower case alike.
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers().find(|provider| provider.id.eq_ignore_ascii_case(id))
    }

    /// Every provider: the configured ones in the order of the file, then the other built-in ones.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.models.providers.iter()
    }

    /// The default policy. Where no primary is written, it is the first model of the first configured provider that
    /// names one.
    pub fn policy(&self) -> ModelPolicy {
        let mut policy = self.agents.defaults.model.clone().unwrap_or_default();
        if policy.primary.is_none() {
            policy.primary = self.first_model();
        }
        policy
    }

    /// The agent with this id.
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.entries.iter().find(|agent| agent.id == id)
    }

    /// The policy of an agent: its own, else the default one. An agent that names only a model, or an object without
    /// `fallbacks`, has none: OpenClaw's rule.
    pub fn policy_of(&self, agent: Option<&str>) -> ModelPolicy {
        let own = agent.and_then(|id| self.agent(id)?.model.clone());
        match own {
            Some(policy) if policy.primary.is_some() => policy,
            // Fallbacks without a primary of its own go behind the default one.
            Some(ModelPolicy { fallbacks, .. }) => ModelPolicy {
                fallbacks,
                ..self.policy()
            },
            None => self.policy(),
        }
    }

    /// The rules for the data of an agent.
    pub fn zones_of(&self, agent: Option<&str>) -> Zones {
        let own = agent.map(|id| {
            let is_hidden = self.agents.in_doubt || self.agents.off.iter().any(|off| off == id);
            let said = || self.agent(id).map(|agent| agent.privacy.clone()).unwrap_or_default();
            (
                if is_hidden { Privacy::in_doubt() } else { said() },
                format!("agents.entries.{id}.privacy.zones"),
            )
        });
        let all = (
            self.agents.defaults.privacy.clone(),
            "agents.defaults.privacy.zones".to_owned(),
        );
        let rules = std::iter::once(all).chain(own).filter_map(|(privacy, from)| {
            Some(ZoneRule {
                zones: privacy.zones?,
                from,
                ask: privacy.ask,
            })
        });
        rules.fold(Zones::default(), Zones::with)
    }

    /// The parameters of every request to `model`. Later ones win, key by key, also inside `provider`: the defaults of agents, the provider's,
    /// those of the provider's entry for the model, those of `agents.defaults.models` (`provider/*` before the model
    /// itself).
    pub fn params_for(&self, model: &ModelRef) -> Params {
        let defaults = &self.agents.defaults;
        let provider = self.provider(model.provider());
        let entry = provider.and_then(|provider| provider.model(model.model()));
        let settings = |wanted: &str| {
            let fits = |settings: &&ModelSettings| {
                let parts = settings.name.split_once('/');
                parts.is_some_and(|(id, name)| id.eq_ignore_ascii_case(model.provider()) && name == wanted)
            };
            let found: Vec<&Params> = defaults.models.iter().filter(fits).map(|found| &found.params).collect();
            found
        };
        let mut merged = Params::default();
        let layers = std::iter::once(&defaults.params)
            .chain(provider.map(|provider| &provider.params))
            .chain(entry.map(|entry| &entry.params))
            .chain(settings("*"))
            .chain(settings(model.model()));
        for layer in layers {
            params::lay_over(&mut merged.0, layer);
        }
        merged
    }

    fn first_model(&self) -> Option<String> {
        let mut configured = self.providers().filter(|provider| provider.configured);
        configured.find_map(|provider| {
            let model = provider.models.first()?;
            Some(format!("{}/{}", provider.id, model.id))
        })
    }
}

// === impl Privacy ===

impl Privacy {
    /// What holds where nobody knows what the owner wants.
    pub(crate) fn in_doubt() -> Self {
        Self {
            zones: Some(BTreeSet::from([Zone::Machine])),
            ask: false,
            in_doubt: true,
        }
    }
}

// === impl Provider ===

impl Provider {
    /// The preferred key, if there is one.
    pub fn key(&self) -> Option<&ApiKey> {
        self.keys.first()
    }

    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether it cannot be used without a key: a hosted provider at its own address, with no headers of its own.
    pub fn needs_key(&self) -> bool {
        let own_address = crate::builtin::find(&self.id).is_some_and(|known| known.base_url == self.base_url.as_str());
        own_address && self.headers.is_empty()
    }

    /// Whether requests to it can succeed as far as keys go.
    pub fn is_usable(&self) -> bool {
        self.has_key() || !self.needs_key()
    }

    /// The config's description of a model.
    pub fn model(&self, id: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.id == id)
    }
}

// === impl Params ===

impl Deref for Params {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
