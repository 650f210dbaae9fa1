//! Which models are tried, in which order.

use serde::{Deserialize, Serialize};
use yabby_config::{Config, Modality, Params};
use yabby_core::{Caller, ModelRef, Text, Thinking, Zone, ZoneRule, Zones, text};
use yabby_servers::{Endpoint, Fleet};

/// Candidates in the order in which they are tried; never empty.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// Models of the policy that cannot be tried.
    pub left_out: Vec<LeftOut>,
    /// On whose behalf they are asked.
    pub caller: Caller,
    /// Where the data may go.
    pub zones: Zones,
}

/// What a plan is made for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The agent whose policy holds; the defaults without one.
    pub agent: Option<&'a str>,
    /// The model that the person names for this session or request. It is strict: nothing else is tried.
    pub model: Option<&'a str>,
    /// The model to use when the config names none.
    pub default: Option<&'a ModelRef>,
    /// What the request needs of a model.
    pub needs: Needs,
    /// Rules beside those of the config, such as that of a private session.
    pub rules: Vec<ZoneRule>,
    /// Models for which the person has made an exception from the rules that let one be asked.
    pub exceptions: &'a [ModelRef],
}

/// What a request needs of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// It must read pictures.
    pub images: bool,
    /// It must call tools.
    pub tools: bool,
}

/// Why a candidate is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The person named it.
    Named,
    /// It is the primary.
    Primary,
    /// It is the fallback at this place, from 1.
    Fallback(usize),
    /// The config names none, and it was found.
    Found,
}

/// A model of the policy that cannot be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The name as the config has it.
    pub name: String,
    /// Why.
    pub error: PlanError,
}

/// One model at one endpoint.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The model.
    pub model: ModelRef,
    /// Where it is served.
    pub endpoint: Endpoint,
    /// Parameters of each request, merged from all places of the config that may hold some.
    pub params: Params,
    /// Why it is there.
    pub why: Why,
    /// Whether the person lets its data go beyond the rules.
    pub excepted: bool,
}

/// Why there is nothing to try.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// No model of this name.
    #[error("no model is named {name:?}")]
    UnknownModel {
        /// The name as given.
        name: String,
        /// Names that are close to it.
        suggestions: Vec<String>,
    },
    /// The model's provider cannot be used.
    #[error("the provider of {model} cannot be used")]
    NoEndpoint {
        /// The model.
        model: ModelRef,
        /// What its provider lacks.
        missing: Missing,
    },
    /// The routing object of OpenRouter has a mistake in it.
    #[error("{key} of {model} is not what OpenRouter understands")]
    Routing {
        /// The model.
        model: ModelRef,
        /// The key that is wrong, such as `params.provider.zdr`.
        key: String,
    },
    /// Its data would go where a rule does not let it.
    #[error("{model} is in the zone {zone}, which {} does not allow", rule.from)]
    OutOfZone {
        /// The model.
        model: ModelRef,
        /// Where its data would go.
        zone: Zone,
        /// The rule.
        rule: ZoneRule,
    },
    /// It cannot do what the request needs.
    #[error("{model} cannot do what is needed")]
    Unable {
        /// The model.
        model: ModelRef,
        /// What it lacks.
        lacks: Lack,
    },
    /// Nothing is configured and nothing was found.
    #[error("no model is configured and no server was found")]
    NoModel,
}

/// What a known provider lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A key; the environment variables that would give one.
    Key(Vec<String>),
    /// A dialect that Yabby speaks.
    Dialect(String),
}

/// What a model is known to lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It reads no pictures.
    Images,
    /// The config says that it is offered no tools.
    Tools,
}

/// Turns a name that a person wrote into a model: an alias, `provider/model`, or the bare id of a model that one
/// endpoint serves.
pub fn resolve(config: &Config, fleet: &Fleet, name: &str) -> Result<ModelRef, PlanError> {
    let unknown = match config.resolve(name) {
        Ok(model) => return Ok(model),
        Err(unknown) => unknown,
    };
    // Discovered and managed endpoints are not in the config.
    if let Ok(model) = name.parse::<ModelRef>()
        && fleet.endpoint(model.provider()).is_some()
    {
        return Ok(model);
    }
    if let Some(model) = fleet.find_model(name) {
        return Ok(model);
    }
    Err(PlanError::UnknownModel {
        name: name.to_owned(),
        suggestions: unknown.suggestions,
    })
}

/// Plans one request.
///
/// A model that the person names is strict: nothing else is tried. Otherwise the primary and the fallbacks of the agent are
/// tried in order, and without a config the `default`. A candidate is left out, with the reason, when its provider cannot
/// be used, when a rule does not let data go there, and when it is known that it cannot do what the request needs.
pub fn plan(config: &Config, fleet: &Fleet, wanted: &Wanted<'_>) -> Result<Plan, PlanError> {
    let policy = config.policy_of(wanted.agent);
    let names: Vec<(&str, Why)> = if let Some(name) = wanted.model {
        vec![(name, Why::Named)]
    } else {
        let fallbacks = policy.fallbacks.iter().zip(1..);
        let fallbacks = fallbacks.map(|(name, at)| (name.as_str(), Why::Fallback(at)));
        let primary = policy.primary.iter().map(|name| (name.as_str(), Why::Primary));
        primary.chain(fallbacks).collect()
    };
    let zones = wanted
        .rules
        .iter()
        .cloned()
        .fold(config.zones_of(wanted.agent), Zones::with);
    let planner = Planner {
        config,
        fleet,
        wanted,
        zones: &zones,
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut left_out = Vec::new();
    for (name, why) in names {
        match resolve(config, fleet, name).and_then(|model| planner.candidate(model, why)) {
            Ok(found) if candidates.iter().any(|other| other.model == found.model) => {}
            Ok(found) => candidates.push(found),
            Err(error) => left_out.push(LeftOut {
                name: name.to_owned(),
                error,
            }),
        }
    }
    if candidates.is_empty()
        && left_out.is_empty()
        && let Some(model) = wanted.default
    {
        candidates.push(planner.candidate(model.clone(), Why::Found)?);
    }
    if candidates.is_empty() {
        // What a rule forbids is what the person has to know first.
        let forbidden = left_out
            .iter()
            .position(|left| matches!(left.error, PlanError::OutOfZone { .. }));
        let place = forbidden.unwrap_or(0);
        let reason = left_out.into_iter().nth(place);
        return Err(reason.map_or(PlanError::NoModel, |reason| reason.error));
    }
    Ok(Plan {
        candidates,
        left_out,
        caller: Caller::default(),
        zones,
    })
}

struct Planner<'a> {
    config: &'a Config,
    fleet: &'a Fleet,
    wanted: &'a Wanted<'a>,
    zones: &'a Zones,
}

impl Planner<'_> {
    fn candidate(&self, model: ModelRef, why: Why) -> Result<Candidate, PlanError> {
        let Some(endpoint) = self.fleet.endpoint(model.provider()) else {
            return Err(self.no_endpoint(model));
        };
        let mut params = self.config.params_for(&model);
        if let Some(agent) = self.wanted.agent
            && let Some(level) = self.config.assistant(agent).thinking
        {
            // What is said of the model goes before.
            let level = Thinking::from(level).name();
            params.0.entry("thinking").or_insert_with(|| level.into());
        }
        // Without its limits a prompt could go where its owner does not want it.
        if let Some(key) = params.routing_mistake().filter(|_| endpoint.takes_routing()) {
            return Err(PlanError::Routing { model, key });
        }
        let zone = endpoint.zone_of(model.model());
        let excepted = self.wanted.exceptions.contains(&model);
        if let Some(rule) = self.zones.forbids(&zone).filter(|rule| !(rule.ask && excepted)) {
            let rule = rule.clone();
            return Err(PlanError::OutOfZone { model, zone, rule });
        }
        if let Some(lacks) = lacks(endpoint, model.model(), &params, self.wanted.needs) {
            return Err(PlanError::Unable { model, lacks });
        }
        Ok(Candidate {
            endpoint: endpoint.clone(),
            params,
            model,
            why,
            excepted,
        })
    }

    fn no_endpoint(&self, model: ModelRef) -> PlanError {
        let missing = match self.config.provider(model.provider()) {
            Some(provider) => match &provider.api {
                yabby_config::Api::Unsupported(name) => Missing::Dialect(name.clone()),
                _ => Missing::Key(provider.key_env.iter().map(|name| (*name).to_owned()).collect()),
            },
            None => Missing::Key(Vec::new()),
        };
        PlanError::NoEndpoint { model, missing }
    }
}

/// What a model is known to lack. Only what its server says counts: a config that does not mention pictures says nothing.
fn lacks(endpoint: &Endpoint, model: &str, params: &Params, needs: Needs) -> Option<Lack> {
    let no_tools = params.get("toolMode").is_some_and(|mode| mode == "none");
    if needs.tools && no_tools {
        return Some(Lack::Tools);
    }
    let facts = endpoint.known()?;
    let facts = facts.model(model).or(facts.only_model())?;
    let listed = endpoint.listed_model(model);
    let says_images = listed.is_some_and(|entry| entry.input.contains(&Modality::Image));
    let reads = facts.input.as_ref();
    if needs.images && !says_images && reads.is_some_and(|input| !input.value.contains(&Modality::Image)) {
        return Some(Lack::Images);
    }
    None
}

impl Candidate {
    /// The same model at each address that serves it, the one for this caller first.
    pub(crate) fn replicas(self, caller: &Caller) -> Vec<Self> {
        let places = self.endpoint.in_order_for(self.model.model(), caller);
        let at = |endpoint| Self {
            endpoint,
            ..self.clone()
        };
        places.into_iter().map(at).collect()
    }
}

impl LeftOut {
    /// In words.
    pub fn text(&self) -> Text {
        text!(
            "{model} is left out: {reason}",
            model = self.name,
            reason = self.error.reason()
        )
    }
}

impl PlanError {
    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "unknown_model",
            Self::NoEndpoint { .. } => "no_endpoint",
            Self::Routing { .. } => "routing",
            Self::OutOfZone { .. } => "out_of_zone",
            Self::Unable { .. } => "unable",
            Self::NoModel => "no_model",
        }
    }

    /// The reason, in words.
    pub fn reason(&self) -> Text {
        match self {
            Self::UnknownModel { name, suggestions } if suggestions.is_empty() => {
                text!("no model is named {name}", name = name)
            }
            Self::UnknownModel { name, suggestions } => text!(
                "no model is named {name}; did you mean {suggestions}?",
                name = name,
                suggestions = suggestions.join(", ")
            ),
            Self::NoEndpoint {
                model,
                missing: Missing::Dialect(api),
            } => text!(
                "{provider} has api {api}, which Yabby does not speak yet",
                provider = model.provider(),
                api = api
            ),
            Self::NoEndpoint {
                model,
                missing: Missing::Key(_),
            } => text!("{provider} has no key", provider = model.provider()),
            Self::Routing { model, key } => text!(
                "{key} of {model} is not what OpenRouter understands, so it is not asked",
                key = key,
                model = model
            ),
            Self::OutOfZone { model, zone, rule } => text!(
                "{model} is not asked: its zone is {zone}, and {rule} allows {zones}",
                model = model,
                zone = zone,
                rule = rule.from,
                zones = rule
                    .zones
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Self::Unable {
                model,
                lacks: Lack::Images,
            } => text!("{model} reads no pictures", model = model),
            Self::Unable {
                model,
                lacks: Lack::Tools,
            } => text!("{model} is offered no tools, as its toolMode says", model = model),
            Self::NoModel => text!("no model is configured and no running model server was found"),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Text {
        match self {
            Self::UnknownModel { .. } => text!("see `yabby models` for the names that can be used"),
            Self::NoEndpoint {
                model,
                missing: Missing::Key(names),
            } => match names.first() {
                Some(name) => text!(
                    "set {name}, or models.providers.{provider}.apiKey in the config",
                    name = name,
                    provider = model.provider()
                ),
                None => text!(
                    "add models.providers.{provider} to the config",
                    provider = model.provider()
                ),
            },
            Self::NoEndpoint {
                missing: Missing::Dialect(_),
                ..
            } => text!("use openai-completions, openai-responses or anthropic-messages"),
            Self::Routing { .. } => text!("run `yabby config check` for the place, and correct it"),
            Self::OutOfZone { model, .. } => text!(
                "if its data stays within a zone that is allowed, say so in models.providers.{provider}.zone",
                provider = model.provider()
            ),
            Self::Unable { .. } => text!("ask a model that can, with -m, or add one to the fallbacks"),
            Self::NoModel => text!(
                "run `yabby up`: it finds a server on this machine or makes one; or write a config, see the README"
            ),
        }
    }
}
