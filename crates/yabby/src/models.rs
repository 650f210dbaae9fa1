//! Which endpoints there are for this run, and which model is the default when the config names none.

use std::path::Path;

use yabby_core::{ErrorKind, ModelError, ModelRef, Text, text};
use yabby_servers::{
    Endpoint, Fleet, ModelFacts, ModelState, ServerFacts, WellKnown, discover,
    fit::{Fit, Memory, check_gguf},
    managed::{self, EMBEDDED, Lease, Llama, Program, Report},
};

use crate::app::App;

/// The endpoints of this run.
#[derive(Default)]
pub(crate) struct Here {
    pub(crate) fleet: Fleet,
    /// The model to use when neither the person nor the config names one.
    pub(crate) default: Option<ModelRef>,
    /// Whether the embedded model could be used: it was made available by `yabby up` before.
    pub(crate) embedded: bool,
    /// Servers that were found and cannot be used as they are.
    pub(crate) notices: Vec<Text>,
}

/// How far to look for endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Only as far as this request needs: a configured chain is used as it is.
    Needed,
    /// Everywhere.
    Everywhere,
}

/// Configured endpoints, servers found on this machine, and the embedded server where it is installed.
pub(crate) async fn here(app: &App, requested: Option<&str>, look: Look) -> Result<Here, ModelError> {
    let here = found(app, requested, look).await?;
    app.notebook.recall(&here.fleet);
    Ok(here)
}

async fn found(app: &App, requested: Option<&str>, look: Look) -> Result<Here, ModelError> {
    let mut here = Here {
        fleet: Fleet::new(app.services.endpoints(app.config())),
        ..Here::default()
    };
    let policy = app.config().policy();
    let named: Vec<&str> = match requested {
        Some(name) => vec![name],
        None => policy
            .primary
            .iter()
            .chain(&policy.fallbacks)
            .map(String::as_str)
            .collect(),
    };
    // A name that the config cannot place may belong to a server that is found, or to the embedded one.
    let unplaced = named.iter().any(|name| app.config().resolve(name).is_err());
    if look == Look::Needed && !named.is_empty() && !unplaced {
        return Ok(here);
    }
    let known: Vec<Endpoint> = here.fleet.endpoints().cloned().collect();
    for (endpoint, facts) in discover(&app.http, &WellKnown::here(&app.env), &known).await {
        here.notices.extend(unusable(&endpoint, &facts));
        if here.default.is_none() {
            here.default = best(&endpoint, &facts);
        }
        here.fleet.add(endpoint);
    }
    let wanted = named.iter().any(|name| names_embedded(name));
    let last_resort = named.is_empty() && here.default.is_none();
    if (look == Look::Everywhere || wanted || last_resort)
        && let Some(spec) = managed::provisioned(&app.env, &app.paths).await
    {
        here.embedded = true;
        let lease = Lease::acquire(&app.paths.state_dir, &spec).await?;
        here.fleet.add(lease.endpoint());
        if here.default.is_none() {
            here.default = embedded_ref(&lease);
        }
    }
    Ok(here)
}

/// Whether a name means the embedded model.
pub(crate) fn names_embedded(name: &str) -> bool {
    let provider = name.split('/').next().unwrap_or_default();
    provider.eq_ignore_ascii_case(managed::PROVIDER) || name == EMBEDDED.id
}

/// Registers this process as a user of the managed server, after making its parts available.
pub(crate) async fn lease(app: &App, model: Option<&Path>, report: &dyn Report) -> Result<Lease, ModelError> {
    let mut spec = managed::provision(&app.http, &app.env, &app.paths, model, report).await?;
    if model.is_some() {
        make_fit(app, &mut spec).await;
    }
    Lease::acquire(&app.paths.state_dir, &spec).await
}

/// Says before the load that a person's own model does not fit into memory. The wheel computes on the processor alone, so
/// that what fits is known: the window is made smaller where that helps. A `llama-server` may have a graphics card that is
/// not seen, and gets the advice only.
async fn make_fit(app: &App, spec: &mut Llama) {
    let memory = Memory::read().await;
    let on_processor = matches!(spec.program, Program::Wheel(_));
    let memory = if on_processor { memory.without_gpu() } else { memory };
    let (file, window, slots) = (spec.model.clone(), spec.window, spec.slots);
    let checked = tokio::task::spawn_blocking(move || check_gguf(&file, window, slots, &memory)).await;
    let Ok(report) = checked else { return };
    let Fit::TooLarge { largest_window, .. } = report.fit else {
        return;
    };
    app.terminal.notice(&report.text());
    match largest_window.filter(|_| on_processor) {
        Some(window) => {
            spec.window = window;
            app.terminal
                .notice(&text!("it is loaded with a window of {window} tokens", window = window));
        }
        None => {
            if let Some(hint) = report.hint() {
                app.terminal.hint(&hint);
            }
        }
    }
}

/// `embedded/<model>` of a lease.
pub(crate) fn embedded_ref(lease: &Lease) -> Option<ModelRef> {
    ModelRef::new(managed::PROVIDER, lease.model()).ok()
}

/// The model of a found server to use without being asked: one that is loaded, else the first.
///
/// Only one that certainly runs here: some servers send requests on.
fn best(endpoint: &Endpoint, facts: &ServerFacts) -> Option<ModelRef> {
    let here = |model: &&ModelFacts| model.chat && endpoint.zone_of(&model.id).is_own();
    let mut models = facts.models.iter().filter(here);
    let first = models.clone().next();
    let model = models.find(|model| model.state == ModelState::Ready).or(first)?;
    ModelRef::new(&endpoint.provider, &model.id).ok()
}

/// What a found server lacks.
fn unusable(endpoint: &Endpoint, facts: &ServerFacts) -> Option<Text> {
    if let Some(error) = &facts.error {
        return Some(match error.kind {
            ErrorKind::Loading => text!(
                "a server at {url} is loading its model: ask again when it is done",
                url = endpoint.base_url
            ),
            _ => text!(
                "a server at {url} wants a key: set models.providers.{provider}.baseUrl and apiKey in the config to use it",
                url = endpoint.base_url,
                provider = endpoint.provider
            ),
        });
    }
    facts.models.is_empty().then(|| {
        text!(
            "a server at {url} has no model yet: load or pull one there to use it",
            url = endpoint.base_url
        )
    })
}
