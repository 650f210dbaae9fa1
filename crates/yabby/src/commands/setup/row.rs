//! The models that can be chosen, and what is known about each.

use yabby_core::ModelRef;
use yabby_route::resolve;
use yabby_servers::{ModelState, Reach};

use super::{
    proof::Proof,
    server::{Found, Server},
};
use crate::app::App;

/// Catalogues of some servers have hundreds; a table of them helps nobody.
const MOST: usize = 20;

/// One model on one server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) model: ModelRef,
    /// Its place in [`Found::servers`]; `None` for a hosted provider that was not asked.
    pub(super) server: Option<usize>,
    pub(super) state: ModelState,
    /// The window that it serves, in tokens.
    pub(super) window: Option<u32>,
    /// Whether it runs on this machine or one near by.
    pub(super) near: bool,
    /// What it is in the config now.
    pub(super) role: Option<Role>,
    /// What a real call showed.
    pub(super) proof: Option<Proof>,
}

/// What a model is in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Fallback,
}

// === impl Row ===

impl Row {
    /// Whether a request could go there.
    pub(super) fn can_be_used(&self) -> bool {
        !matches!(
            self.state,
            ModelState::Absent | ModelState::Locked | ModelState::Unreachable | ModelState::Failing
        )
    }

    /// A primary that cannot be reached now may become a fallback: it was chosen once.
    pub(super) fn can_be_fallback(&self) -> bool {
        self.can_be_used() || self.role == Some(Role::Primary)
    }

    /// Whether a call may be made without asking: it is loaded, and costs nothing.
    pub(super) fn may_be_tried(&self) -> bool {
        self.near && self.state == ModelState::Ready && self.server.is_some()
    }

    pub(super) fn is(&self, model: &ModelRef) -> bool {
        self.model.provider().eq_ignore_ascii_case(model.provider()) && self.model.model() == model.model()
    }
}

/// The models of the servers; `wanted` leaves out all others. Beside them, how many are left out because there are too
/// many.
pub(super) fn rows(app: &App, found: &Found, wanted: Option<&str>) -> (Vec<Row>, usize) {
    let mut rows = Vec::new();
    let mut left_out = 0;
    for (index, server) in found.servers.iter().enumerate() {
        let mut of_server = rows_of(index, server);
        of_server.retain(|row| wanted.is_none_or(|wanted| server.is_named(row.model.model(), wanted)));
        left_out += of_server.len().saturating_sub(MOST);
        of_server.truncate(MOST);
        rows.extend(of_server);
    }
    for (model, role) in chain(app, found) {
        if let Some(known) = rows.iter_mut().find(|row| row.is(&model)) {
            known.role = known.role.or(Some(role));
        }
    }
    (rows, left_out)
}

/// The models that the config names and no server has shown.
pub(super) fn unseen(app: &App, found: &Found, rows: &[Row]) -> Vec<Row> {
    let mut added: Vec<Row> = Vec::new();
    for (model, role) in chain(app, found) {
        if !rows.iter().chain(&added).any(|row| row.is(&model)) {
            added.extend(off(app, found, model, role));
        }
    }
    added
}

/// The primary and the fallbacks of the config.
fn chain(app: &App, found: &Found) -> Vec<(ModelRef, Role)> {
    let policy = app.config().agents.defaults.model.clone().unwrap_or_default();
    let fleet = found.fleet();
    let primary = policy.primary.iter().map(|name| (name, Role::Primary));
    let fallbacks = policy.fallbacks.iter().map(|name| (name, Role::Fallback));
    primary
        .chain(fallbacks)
        .filter_map(|(name, role)| Some((resolve(app.config(), &fleet, name).ok()?, role)))
        .collect()
}

/// A model of the config that no server has shown.
fn off(app: &App, found: &Found, model: ModelRef, role: Role) -> Option<Row> {
    let server = found
        .servers
        .iter()
        .position(|server| server.endpoint.provider.eq_ignore_ascii_case(model.provider()));
    let state = match server.map(|index| &found.servers[index]) {
        Some(server) if server.facts.error.is_some() => server.unanswered(),
        Some(_) => ModelState::Absent,
        None if app.config().provider(model.provider())?.is_usable() => ModelState::Unknown,
        None => ModelState::Locked,
    };
    Some(Row {
        near: server.is_some_and(|index| found.servers[index].runs_near()),
        server,
        state,
        window: None,
        role: Some(role),
        proof: None,
        model,
    })
}

fn rows_of(index: usize, server: &Server) -> Vec<Row> {
    let endpoint = &server.endpoint;
    let listed = endpoint.listed.iter().map(|entry| entry.id.as_str());
    let others = server
        .facts
        .models
        .iter()
        .filter(|model| model.chat && endpoint.listed_model(&model.id).is_none())
        .map(|model| model.id.as_str());
    listed.chain(others).filter_map(|id| row(index, server, id)).collect()
}

fn row(index: usize, server: &Server, id: &str) -> Option<Row> {
    let served = server.facts.model(id);
    let state = match served {
        _ if server.facts.error.is_some() => server.unanswered(),
        Some(served) => served.state,
        None => ModelState::Absent,
    };
    // Ollama runs these at Ollama's.
    let cloud = id.ends_with("-cloud") || id.ends_with(":cloud");
    Some(Row {
        model: ModelRef::new(&server.endpoint.provider, id).ok()?,
        server: Some(index),
        state,
        window: server.window(id),
        near: server.runs_near() && !cloud,
        role: None,
        proof: None,
    })
}

impl Server {
    /// The state of models whose server gave no list.
    pub(super) fn unanswered(&self) -> ModelState {
        match &self.facts.error {
            Some(error) if error.kind == yabby_core::ErrorKind::Auth => ModelState::Locked,
            _ if self.starts_when_needed() => ModelState::Unloaded,
            _ => ModelState::Unreachable,
        }
    }

    /// The window that a model serves, in tokens.
    pub(super) fn window(&self, id: &str) -> Option<u32> {
        let window = self.facts.model(id)?.window_for(id)?;
        Some(window.value)
    }

    /// Whether `wanted` means this model here.
    fn is_named(&self, id: &str, wanted: &str) -> bool {
        let full = wanted.strip_prefix(&format!("{}/", self.endpoint.provider));
        id == wanted || full == Some(id) || self.facts.model(wanted).is_some_and(|model| model.id == id)
    }

    /// Whether it is somebody else's machine.
    pub(super) fn is_hosted(&self) -> bool {
        self.endpoint.reach == Reach::Hosted
    }
}
