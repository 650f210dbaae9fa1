//! The lines of the list of models.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use yabby_core::{ErrorKind, Fact, FactSource, ModelRef};
use yabby_route::resolve;
use yabby_servers::{Endpoint, EndpointOrigin, Fleet, ModelState, Reach, ServerFacts, ServerKind, probe};

use crate::app::App;

/// Servers near by answer in milliseconds; hosted ones get longer.
const NEAR: Duration = Duration::from_millis(1500);
const FAR: Duration = Duration::from_secs(5);

/// One line of the list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) model: String,
    pub(super) endpoint: String,
    pub(super) state: ModelState,
    pub(super) window: Option<Fact<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) configured_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<&'static str>,
    pub(super) aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Row {
    fn is(&self, model: &ModelRef) -> bool {
        self.model.eq_ignore_ascii_case(&model.to_string())
    }
}

/// Asks every endpoint that has not been asked, and lists what is configured, what is found and what is named.
pub(super) async fn collect(app: &App, fleet: &Fleet, default: Option<ModelRef>) -> Vec<Row> {
    let probes = fleet.members().map(|(endpoint, facts)| async move {
        match facts {
            Some(_) => None,
            None if matches!(endpoint.origin, EndpointOrigin::Managed(_)) => None,
            None => Some(probe(&app.http, endpoint, limit(endpoint)).await),
        }
    });
    let probed = join_all(probes).await;
    let mut rows = Vec::new();
    for ((endpoint, known), fresh) in fleet.members().zip(&probed) {
        rows.extend(rows_of(endpoint, known.or(fresh.as_ref())));
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

fn limit(endpoint: &Endpoint) -> Duration {
    if endpoint.reach == Reach::Hosted { FAR } else { NEAR }
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
    Row {
        model: model.to_string(),
        endpoint: provider
            .map(|provider| provider.base_url.to_string())
            .unwrap_or_default(),
        state: match beside.map(|row| row.state) {
            Some(state @ (ModelState::Unreachable | ModelState::Locked)) => state,
            _ if without_key => ModelState::Locked,
            _ => ModelState::Unknown,
        },
        window: None,
        configured_window: None,
        server: beside.and_then(|row| row.server),
        aliases: Vec::new(),
        role: None,
        error: None,
    }
}

fn is_hosted(fleet: &Fleet, row: &Row) -> bool {
    let provider = row.model.split('/').next().unwrap_or_default();
    fleet
        .endpoint(provider)
        .is_some_and(|endpoint| endpoint.reach == Reach::Hosted)
}

/// The models of an endpoint: those that the config lists, then the others that the server has.
fn rows_of(endpoint: &Endpoint, facts: Option<&ServerFacts>) -> Vec<Row> {
    let server = facts.and_then(|facts| facts.kind).map(ServerKind::name);
    let error = facts
        .and_then(|facts| facts.error.as_ref())
        .map(|error| error.message.english());
    let row = |id: &str| Row {
        model: format!("{}/{id}", endpoint.provider),
        endpoint: endpoint.base_url.clone(),
        state: ModelState::Unknown,
        window: None,
        configured_window: None,
        server,
        aliases: Vec::new(),
        role: None,
        error: error.clone(),
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
        let served = facts.and_then(|facts| facts.model(&entry.id));
        let configured = entry.context_tokens.or(entry.context_window);
        rows.push(Row {
            state: match (facts, served) {
                (_, Some(served)) => served.state,
                (Some(facts), None) if facts.error.is_some() => unanswered(facts),
                (Some(_), None) => ModelState::Absent,
                (None, None) => ModelState::Unknown,
            },
            window: served
                .and_then(|served| served.window.clone())
                .or(configured.map(|tokens| Fact::new(tokens, FactSource::Config))),
            configured_window: configured,
            ..row(&entry.id)
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
            window: model.window.clone(),
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

/// The state of models whose server gave no list.
fn unanswered(facts: &ServerFacts) -> ModelState {
    match &facts.error {
        None => ModelState::Unknown,
        Some(error) if error.kind == ErrorKind::Auth => ModelState::Locked,
        Some(error) if error.kind == ErrorKind::Loading => ModelState::Loading,
        Some(_) => ModelState::Unreachable,
    }
}
