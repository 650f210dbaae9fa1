//! The lines of the list of models.

use std::time::Duration;

use serde::Serialize;
use yabby_core::{ErrorKind, Fact, FactSource, ModelRef, Zone};
use yabby_route::resolve;
use yabby_servers::capability::{Outcome, Record, Tried};
use yabby_servers::{
    BreakerState, Endpoint, EndpointOrigin, Fleet, ModelFacts, ModelState, Reach, Reasoning, ServerFacts, ServerKind,
    Speed, Trouble,
};
use yabby_wire::Step;

use crate::app::App;

/// A name is looked up in less, or it is taken for one from anywhere.
const LOOKUP: Duration = Duration::from_secs(1);

/// One line of the list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) model: String,
    pub(super) endpoint: String,
    pub(super) state: ModelState,
    /// Where its data would go; nothing for a model whose provider cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<Zone>,
    pub(super) window: Option<Fact<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configured_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    /// What the server says of it, as far as it says something.
    #[serde(flatten)]
    pub(super) facts: Said,
    /// What requests have shown.
    pub(super) speed: Speed,
    pub(super) breaker: Breaker,
    /// Requests of this process that the endpoint answers now, and that wait.
    pub(super) running: usize,
    pub(super) waiting: usize,
    /// What the server has taught, in the words of `docs/compat.md`.
    pub(super) learned: Vec<Step>,
    /// The error of the last request, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<Trouble>,
    /// What came of `yabby models probe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tried: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// Whether the endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Breaker {
    Closed,
    Open,
    HalfOpen,
}

/// What a server says of a model.
#[derive(Debug, Default, Serialize)]
pub(super) struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slots: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) busy: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

impl Row {
    fn new(model: String, endpoint: String) -> Self {
        Self {
            model,
            endpoint,
            state: ModelState::Unknown,
            zone: None,
            window: None,
            configured_window: None,
            server: None,
            version: None,
            aliases: Vec::new(),
            role: None,
            facts: Said::default(),
            speed: Speed::default(),
            breaker: Breaker::Closed,
            running: 0,
            waiting: 0,
            learned: Vec::new(),
            last_error: None,
            tried: None,
            error: None,
        }
    }

    fn is(&self, model: &ModelRef) -> bool {
        self.model.eq_ignore_ascii_case(&model.to_string())
    }
}

impl Breaker {
    fn of(state: &BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::Open { .. } => Self::Open,
            BreakerState::HalfOpen => Self::HalfOpen,
        }
    }
}

impl Said {
    fn of(model: &ModelFacts) -> Self {
        fn value<T: Copy>(fact: Option<&Fact<T>>) -> Option<T> {
            fact.map(|fact| fact.value)
        }
        Self {
            max_window: value(model.max_window.as_ref()),
            slots: value(model.slots.as_ref()),
            busy: value(model.busy.as_ref()),
            tools: value(model.tools.as_ref()),
            reasoning: value(model.reasoning.as_ref()),
            size: value(model.size.as_ref()),
        }
    }
}

/// Asks every endpoint that was not asked within `max_age`, and lists what is configured, what is found and what is named.
pub(super) async fn collect(app: &App, fleet: &Fleet, default: Option<ModelRef>, max_age: Duration) -> Vec<Row> {
    fleet.refresh(&app.http, max_age).await;
    fleet.look_up_names(&app.http, LOOKUP).await;
    let mut rows = Vec::new();
    let tried = Tried::read(&app.paths.state_dir);
    for (endpoint, facts) in fleet.members() {
        rows.extend(rows_of(endpoint, facts.as_deref(), &tried));
    }
    let policy = app.config().policy();
    let primary = policy
        .primary
        .as_deref()
        .and_then(|name| resolve(app.config(), fleet, name).ok())
        .or(default);
    let fallbacks: Vec<ModelRef> = policy
        .fallbacks
        .iter()
        .filter_map(|name| resolve(app.config(), fleet, name).ok())
        .collect();
    let aliases = app.config().aliases();
    // Models of hosted providers are seldom listed; the ones that are named belong here all the same.
    let named = primary
        .iter()
        .chain(&fallbacks)
        .chain(aliases.iter().map(|(_, model)| model));
    for model in named {
        if !rows.iter().any(|row| row.is(model)) {
            rows.push(named_row(app, fleet, model, &rows));
        }
    }
    rows.retain(|row| !row.model.ends_with("/*") || row.error.is_some() || !is_hosted(fleet, row));
    for row in &mut rows {
        row.aliases = aliases
            .iter()
            .filter(|(_, model)| row.is(model))
            .map(|(alias, _)| alias.clone())
            .collect();
        row.role = if primary.as_ref().is_some_and(|model| row.is(model)) {
            Some("primary")
        } else if fallbacks.iter().any(|model| row.is(model)) {
            Some("fallback")
        } else {
            None
        };
    }
    rows
}

/// A model that the config names and no endpoint lists: its state is that of its provider, where there is one.
fn named_row(app: &App, fleet: &Fleet, model: &ModelRef, rows: &[Row]) -> Row {
    let beside = rows.iter().find(|row| {
        row.model
            .split('/')
            .next()
            .is_some_and(|id| id.eq_ignore_ascii_case(model.provider()))
    });
    let provider = app.config().provider(model.provider());
    let without_key = fleet.endpoint(model.provider()).is_none();
    let url = provider.map(|provider| provider.base_url.to_string());
    Row {
        state: match beside.map(|row| row.state) {
            Some(state @ (ModelState::Unreachable | ModelState::Locked)) => state,
            _ if without_key => ModelState::Locked,
            _ => ModelState::Unknown,
        },
        server: beside.and_then(|row| row.server),
        zone: fleet
            .endpoint(model.provider())
            .map(|endpoint| endpoint.zone_of(model.model())),
        ..Row::new(model.to_string(), url.unwrap_or_default())
    }
}

fn is_hosted(fleet: &Fleet, row: &Row) -> bool {
    let provider = row.model.split('/').next().unwrap_or_default();
    fleet
        .endpoint(provider)
        .is_some_and(|endpoint| endpoint.reach == Reach::Hosted)
}

/// The models of an endpoint: those that the config lists, then the others that the server has.
fn rows_of(endpoint: &Endpoint, facts: Option<&ServerFacts>, tried: &Tried) -> Vec<Row> {
    let error = facts.and_then(|facts| facts.error.as_ref());
    let starts = error.is_some_and(|error| starts_when_needed(endpoint, error.kind));
    let error = error.filter(|_| !starts).map(|error| error.message.english());
    let row = |id: &str| {
        let said = facts.and_then(|facts| facts.model(id));
        let absent = facts.is_some_and(|facts| facts.state_of(id) == ModelState::Absent);
        let queue = endpoint.queue_of(id);
        Row {
            zone: Some(endpoint.zone_of(if id == "*" { "" } else { id })),
            window: endpoint.served_window(id).filter(|_| !absent),
            server: facts.and_then(|facts| facts.kind).map(ServerKind::name),
            version: facts.and_then(|facts| facts.version.clone()),
            facts: said.map(Said::of).unwrap_or_default(),
            speed: speed(endpoint, id, tried),
            // One that is not there because Yabby has not started it is asked at once.
            breaker: if starts {
                Breaker::Closed
            } else {
                Breaker::of(&endpoint.breaker().state)
            },
            running: queue.running.values().sum(),
            waiting: queue.waiting.values().sum(),
            learned: endpoint.learned(id).steps().to_vec(),
            last_error: endpoint.trouble(),
            tried: tried.of(endpoint, id).map(Record::outcome),
            error: error.clone(),
            ..Row::new(format!("{}/{id}", endpoint.provider), endpoint.base_url.clone())
        }
    };
    if let EndpointOrigin::Managed(lease) = &endpoint.origin {
        return vec![Row {
            endpoint: "(managed llama.cpp)".to_owned(),
            state: if lease.is_running() {
                ModelState::Ready
            } else {
                ModelState::Unloaded
            },
            window: Some(Fact::new(lease.window(), FactSource::Default)),
            server: Some("llama.cpp"),
            ..row(lease.model())
        }];
    }
    let mut rows = Vec::new();
    for entry in &endpoint.listed {
        let configured = entry.context_tokens.or(entry.context_window);
        let row = row(&entry.id);
        rows.push(Row {
            state: match facts {
                _ if starts => ModelState::Unloaded,
                Some(facts) => facts.state_of(&entry.id),
                None => ModelState::Unknown,
            },
            window: row
                .window
                .clone()
                .or(configured.map(|tokens| Fact::new(tokens, FactSource::Config))),
            configured_window: configured,
            ..row
        });
    }
    // OpenRouter and OpenAI offer hundreds; a hosted catalogue is not what this list is for.
    let others = facts
        .into_iter()
        .flat_map(|facts| &facts.models)
        .filter(|model| endpoint.reach != Reach::Hosted && model.chat && endpoint.listed_model(&model.id).is_none());
    for model in others {
        rows.push(Row {
            state: model.state,
            ..row(&model.id)
        });
    }
    if rows.is_empty() {
        rows.push(Row {
            state: facts.map_or(ModelState::Unknown, unanswered),
            ..row("*")
        });
    }
    rows
}

/// As answers have shown it, else as it was when the model was tried out.
fn speed(endpoint: &Endpoint, model: &str, tried: &Tried) -> Speed {
    let shown = endpoint.observed(model).speed;
    let tried = tried.of(endpoint, model);
    Speed {
        prefill: shown.prefill.or_else(|| tried?.prefill),
        decode: shown.decode.or_else(|| tried?.decode),
        load_ms: shown.load_ms,
    }
}

/// Whether nothing listens there because Yabby starts the server only when it is needed.
fn starts_when_needed(endpoint: &Endpoint, error: ErrorKind) -> bool {
    error == ErrorKind::Refused && endpoint.is_managed()
}

/// The state of models whose server gave no list.
fn unanswered(facts: &ServerFacts) -> ModelState {
    match facts.error.as_ref().map(|error| error.kind) {
        None => ModelState::Unknown,
        Some(ErrorKind::Auth) => ModelState::Locked,
        Some(ErrorKind::Loading) => ModelState::Loading,
        Some(_) => ModelState::Unreachable,
    }
}
