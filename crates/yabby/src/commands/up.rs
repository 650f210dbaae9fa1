//! `yabby up`: make a model available, then chat in the terminal and on the page.

use std::{path::Path, sync::Arc};

use yabby_core::{ModelError, text};
use yabby_route::Plan;
use yabby_servers::{EndpointOrigin, Fleet};

use crate::{
    app::App,
    arguments::Up,
    chat::{self, Chat, Place},
    commands::ask::no_plan,
    exit::Exit,
    models::{Here, Look, embedded_ref, here, lease, names_embedded},
    progress::Bars,
};

pub(crate) async fn run(app: &App, arguments: &Up) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    // Before something is fetched for it.
    let place = match Place::of(app, arguments).await {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let bars = Bars::new(app.terminal);
    let (here, requested) = match available(app, arguments, &bars).await {
        Ok(found) => found,
        Err(error) => {
            app.terminal.model_error(&error);
            return if is_own_file(arguments) {
                Exit::Usage
            } else {
                Exit::NoAnswer
            };
        }
    };
    let chat = Chat {
        fleet: Arc::new(here.fleet),
        model: requested.as_deref(),
        default: here.default.as_ref(),
        show_reasoning: arguments.show_reasoning,
        private: arguments.private.then_some("--private"),
        session: arguments.session.as_deref(),
    };
    let plan = match chat.plan(app).await {
        Ok(plan) => plan,
        Err(error) => return no_plan(app, &error),
    };
    if let Err(error) = load(app, &plan, &bars).await {
        app.terminal.model_error(&error);
        return Exit::NoAnswer;
    }
    chat::run(app, chat, plan, place).await
}

/// A file that is not a model is a mistake in the command line.
fn is_own_file(arguments: &Up) -> bool {
    let gguf = |path: &Path| yabby_servers::managed::is_gguf(path);
    arguments.model_path.as_deref().is_some_and(|path| !gguf(path))
}

/// The endpoints of this chat, and the model that was asked for by name or file. Whatever has to be fetched is
/// fetched now, with progress.
async fn available(app: &App, arguments: &Up, bars: &Bars) -> Result<(Here, Option<String>), ModelError> {
    if let Some(file) = &arguments.model_path {
        let lease = lease(app, Some(file), bars).await?;
        let own = embedded_ref(&lease).map(|model| model.to_string());
        let here = Here {
            fleet: Fleet::new(vec![lease.endpoint()]),
            ..Here::default()
        };
        return Ok((here, own));
    }
    let requested = arguments.model.as_deref();
    let mut here = here(app, requested, Look::Needed).await?;
    let nothing = requested.is_none() && app.config().policy().primary.is_none() && here.default.is_none();
    let embedded = requested.is_some_and(names_embedded);
    if !here.embedded && (nothing || embedded) {
        if nothing {
            for notice in &here.notices {
                app.terminal.notice(notice);
            }
            app.terminal.notice(&text!(
                "no config and no running model server: setting up the embedded model (about 130 MB, once)"
            ));
        }
        let lease = lease(app, None, bars).await?;
        here.default = embedded_ref(&lease);
        here.fleet.add(lease.endpoint());
    }
    Ok((here, requested.map(str::to_owned)))
}

/// Loads the model of a managed server before the first question.
async fn load(app: &App, plan: &Plan, bars: &Bars) -> Result<(), ModelError> {
    let Some(first) = plan.candidates.first() else {
        return Ok(());
    };
    let EndpointOrigin::Managed(lease) = &first.endpoint.origin else {
        return Ok(());
    };
    first.endpoint.ensure_running(&app.http, bars).await?;
    if lease.embedded().is_some() {
        app.terminal.notice(&text!(
            "{model} is a tiny model: it proves that everything works and is not an assistant; the README says how to use a real one",
            model = first.model
        ));
    }
    Ok(())
}
