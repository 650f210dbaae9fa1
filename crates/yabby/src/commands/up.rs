//! `yabby up`: make a model available, then chat.

use yabby_core::{ModelError, ModelRef, text};
use yabby_route::{Plan, plan};
use yabby_servers::EndpointOrigin;

use crate::{
    app::App,
    arguments::Up,
    chat,
    commands::ask::no_plan,
    exit::Exit,
    models::{Here, Look, embedded_ref, here, lease},
    progress::Bars,
};

pub(crate) async fn run(app: &App, arguments: &Up) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let plan = match available(app, arguments).await {
        Ok(Ok(plan)) => plan,
        Ok(Err(exit)) => return exit,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    chat::run(app, plan, arguments.show_reasoning).await
}

/// The models of this chat. Whatever has to be fetched or loaded is fetched and loaded now, with progress.
async fn available(app: &App, arguments: &Up) -> Result<Result<Plan, Exit>, ModelError> {
    let bars = Bars::new(app.terminal);
    if let Some(file) = &arguments.model_path {
        let lease = lease(app, Some(file), &bars).await?;
        lease.ready(&bars).await?;
        let mut here = here(app, None, Look::Needed).await?;
        here.fleet = yabby_servers::Fleet::new(vec![lease.placeholder()]);
        let own = embedded_ref(&lease).map(|model| model.to_string());
        return Ok(chosen(app, &here, own.as_deref()));
    }
    let requested = arguments.model.as_deref();
    let mut here = here(app, requested, Look::Needed).await?;
    let nothing = requested.is_none() && app.config().policy().primary.is_none() && here.default.is_none();
    let wants_embedded = requested.is_some_and(|name| name.starts_with(yabby_servers::managed::PROVIDER));
    if nothing || (wants_embedded && !here.embedded) {
        app.terminal.notice(&text!(
            "no config and no running model server: setting up the embedded model (about 130 MB, once)"
        ));
        let lease = lease(app, None, &bars).await?;
        here.default = embedded_ref(&lease);
        here.fleet.add(lease.placeholder(), None);
    }
    let plan = chosen(app, &here, requested);
    if let Ok(plan) = &plan
        && let Some(first) = plan.candidates.first()
        && let EndpointOrigin::Managed(lease) = &first.endpoint.origin
    {
        lease.ready(&bars).await?;
        app.terminal.notice(&text!(
            "{model} is a tiny model: it proves that everything works and is not an assistant; the README says how to use a real one",
            model = first.model
        ));
    }
    Ok(plan)
}

fn chosen(app: &App, here: &Here, requested: Option<&str>) -> Result<Plan, Exit> {
    let default: Option<&ModelRef> = here.default.as_ref();
    plan(app.config(), &here.fleet, requested, default).map_err(|error| no_plan(app, &error))
}
