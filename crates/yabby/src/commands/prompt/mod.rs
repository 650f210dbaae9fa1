//! `yabby prompt`: what an agent is told before a conversation, and what that costs.

mod counting;
mod show;

use std::sync::Arc;

use yabby_agent::{Fitting, Scene};
use yabby_core::text;
use yabby_route::{Candidate, PlanError, Wanted, plan};
use yabby_tools::Choice;

use self::{counting::Counter, show::Shown};
use crate::{
    app::App,
    arguments::Prompt,
    assistant::{Furnished, chosen},
    commands::ask::no_plan,
    exit::Exit,
    models, privacy, stored,
    toolbox::Toolbox,
};

/// The agent that there is without any config.
const DEFAULT_AGENT: &str = "main";

pub(crate) async fn run(app: &App, arguments: &Prompt) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let agent = arguments.agent.as_deref();
    if let Some(name) = agent
        && name != DEFAULT_AGENT
        && app.config().agent(name).is_none()
    {
        return unknown(app, name);
    }
    let candidate = match candidate(app, arguments).await {
        Ok(candidate) => candidate,
        Err(exit) => return exit,
    };
    let id = agent.unwrap_or(DEFAULT_AGENT);
    let furnished = Furnished::of(app.config(), &app.env, &app.paths, id);
    let (store, _until_its_end) = match stored::open_or_empty(app).await {
        Ok(opened) => opened,
        Err(error) => return stored::tell(app, &error),
    };
    let toolbox = Toolbox::new(Arc::new(app.config().clone()), &app.env, &app.paths, store);
    let tools = chosen(&toolbox.tools(id).await, &app.config().assistant(id));
    let all = Choice::default();
    let from = furnished.ingredients(Scene::Private, &tools, &all);
    let counter = Counter::new(app, candidate.as_ref(), id);
    let mut fitting = Fitting::new(&from, counter.budget(), counter.tokens());
    let (prompt, total) = loop {
        let prompt = fitting.prompt();
        let counted = counter.count(&prompt.request()).await;
        if !fitting.must_shrink(&prompt, counted) {
            break (prompt, counted);
        }
    };
    let shown = Shown {
        agent: id,
        served: counter.served.as_ref(),
        counts: counter.parts(&prompt, total).await,
        prompt: &prompt,
        total,
        workspace: &furnished.workspace,
        skills: &furnished.skills,
    };
    if arguments.json {
        return app.print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&shown.json()).unwrap_or_default()
        ));
    }
    app.print(&format!("{}\n", shown.lines(app.terminal).join("\n")))
}

/// The model that would be asked first now, after a look at it where it is near. There may be none yet.
async fn candidate(app: &App, arguments: &Prompt) -> Result<Option<Candidate>, Exit> {
    let model = arguments.model.as_deref();
    let here = models::here(app, model, models::Look::Needed).await.map_err(|error| {
        app.terminal.model_error(&error);
        Exit::NoAnswer
    })?;
    let wanted = Wanted {
        agent: arguments.agent.as_deref(),
        model,
        default: here.default.as_ref(),
        ..Wanted::default()
    };
    privacy::look_up(app, &here.fleet, &wanted).await;
    match plan(app.config(), &here.fleet, &wanted) {
        Ok(mut plan) => {
            let first = plan.candidates.swap_remove(0);
            counting::look(app, &first).await;
            Ok(Some(first))
        }
        Err(PlanError::NoModel) => Ok(None),
        Err(error) => Err(no_plan(app, &error)),
    }
}

fn unknown(app: &App, name: &str) -> Exit {
    let alike = app.config().agents_like(name);
    let message = if alike.is_empty() {
        text!("no agent is named {name}", name = name)
    } else {
        text!(
            "no agent is named {name}; did you mean {suggestions}?",
            name = name,
            suggestions = alike.join(", ")
        )
    };
    let hint = text!("agents stand in agents.entries of the config");
    app.terminal.error(&message, Some(&hint));
    Exit::Usage
}
