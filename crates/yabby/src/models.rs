//! Which endpoints there are for this run, and which model is the default when the config names none.

use std::path::Path;

use yabby_config::vars;
use yabby_core::{ModelError, ModelRef};
use yabby_servers::{
    Endpoint, Fleet, ModelState, WellKnown, discover,
    managed::{self, EMBEDDED, Lease, Report, Spec},
};

use crate::app::App;

/// The endpoints of this run.
pub(crate) struct Here {
    pub(crate) fleet: Fleet,
    /// The model to use when neither the person nor the config names one.
    pub(crate) default: Option<ModelRef>,
    /// Whether the embedded model could be used: it was made available by `yabby up` before.
    pub(crate) embedded: bool,
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
    let mut fleet = Fleet::new(Endpoint::from_config(app.config()));
    let configured = app.config().policy().primary.is_some();
    let named = requested.is_some_and(|name| app.config().resolve(name).is_err());
    let wants_embedded = requested.is_some_and(|name| name.starts_with(managed::PROVIDER) || name == EMBEDDED.id);
    let mut here = Here {
        fleet: Fleet::default(),
        default: None,
        embedded: false,
    };
    if look == Look::Everywhere || !configured || named {
        let known: Vec<Endpoint> = fleet.endpoints().cloned().collect();
        let found = discover(&app.http, &ports(app), &known).await;
        here.default = found.iter().find_map(|(endpoint, facts)| {
            let chat = || facts.models.iter().filter(|model| model.chat);
            let model = chat()
                .find(|model| model.state == ModelState::Ready)
                .or_else(|| chat().next())?;
            ModelRef::new(&endpoint.provider, &model.id).ok()
        });
        for (endpoint, facts) in found {
            fleet.add(endpoint, Some(facts));
        }
        let needed = look == Look::Everywhere || wants_embedded || (here.default.is_none() && !configured);
        if needed && managed::is_provisioned(&app.env, &app.paths).await {
            here.embedded = true;
            let lease = lease(app, None, &()).await?;
            fleet.add(lease.placeholder(), None);
            if here.default.is_none() {
                here.default = embedded_ref(&lease);
            }
        }
    }
    here.fleet = fleet;
    Ok(here)
}

/// Registers this process as a user of the managed server, after making its parts available.
pub(crate) async fn lease(app: &App, model: Option<&Path>, report: &dyn Report) -> Result<Lease, ModelError> {
    let spec: Spec = managed::provision(&app.http, &app.env, &app.paths, model, report).await?;
    let program = std::env::current_exe().unwrap_or_else(|_| "yabby".into());
    Lease::acquire(&app.paths.state_dir, &spec, &program).await
}

/// `embedded/<model>` of a lease.
pub(crate) fn embedded_ref(lease: &Lease) -> Option<ModelRef> {
    ModelRef::new(managed::PROVIDER, lease.model()).ok()
}

fn ports(app: &App) -> Vec<WellKnown> {
    app.env
        .get(vars::DISCOVER)
        .map_or_else(WellKnown::defaults, WellKnown::parse)
}
