//! Which models are tried, in which order.

use yabby_config::{Config, Params};
use yabby_core::{Caller, ModelRef, Text, text};
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
/// A model that the person names (`requested`) is strict: nothing else is tried. Otherwise the primary and the
/// fallbacks of the config are tried in order, and without a config the `default` of the fleet.
pub fn plan(
    config: &Config,
    fleet: &Fleet,
    requested: Option<&str>,
    default: Option<&ModelRef>,
) -> Result<Plan, PlanError> {
    if let Some(name) = requested {
        let model = resolve(config, fleet, name)?;
        return Ok(Plan {
            candidates: vec![candidate(config, fleet, model)?],
            left_out: Vec::new(),
            caller: Caller::default(),
        });
    }
    let policy = config.policy();
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut left_out = Vec::new();
    for name in policy.primary.iter().chain(&policy.fallbacks) {
        let found = resolve(config, fleet, name).and_then(|model| candidate(config, fleet, model));
        match found {
            Ok(found) if candidates.iter().any(|other| other.model == found.model) => {}
            Ok(found) => candidates.push(found),
            Err(error) => left_out.push(LeftOut {
                name: name.clone(),
                error,
            }),
        }
    }
    if candidates.is_empty()
        && left_out.is_empty()
        && let Some(model) = default
    {
        candidates.push(candidate(config, fleet, model.clone())?);
    }
    if candidates.is_empty() {
        return Err(left_out
            .into_iter()
            .next()
            .map_or(PlanError::NoModel, |first| first.error));
    }
    Ok(Plan {
        candidates,
        left_out,
        caller: Caller::default(),
    })
}

fn candidate(config: &Config, fleet: &Fleet, model: ModelRef) -> Result<Candidate, PlanError> {
    if let Some(endpoint) = fleet.endpoint(model.provider()) {
        let params = config.params_for(&model);
        // Without its limits a prompt could go where its owner does not want it.
        if let Some(key) = params.routing_mistake().filter(|_| endpoint.takes_routing()) {
            return Err(PlanError::Routing { model, key });
        }
        return Ok(Candidate {
            endpoint: endpoint.clone(),
            params,
            model,
        });
    }
    let missing = match config.provider(model.provider()) {
        Some(provider) => match &provider.api {
            yabby_config::Api::Unsupported(name) => Missing::Dialect(name.clone()),
            _ => Missing::Key(provider.key_env.iter().map(|name| (*name).to_owned()).collect()),
        },
        None => Missing::Key(Vec::new()),
    };
    Err(PlanError::NoEndpoint { model, missing })
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
            Self::NoModel => text!(
                "run `yabby up`: it finds a server on this machine or makes one; or write a config, see the README"
            ),
        }
    }
}
