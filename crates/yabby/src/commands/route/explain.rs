//! `yabby route explain`: a plan as it would be made now with the turns that concern it, or one turn in full.

use serde_json::json;
use yabby_core::{ModelRef, Text, text};
use yabby_route::{Plan, PlanError, TurnRecord, Wanted, plan, resolve};

use super::{LISTED, list, now::Now};
use crate::{
    app::App,
    commands::ask::no_plan,
    exit::Exit,
    explain,
    models::{Here, Look, here},
    privacy,
};

/// An id of a turn is not looked for behind fewer letters.
const SHORTEST_ID: usize = 4;

/// What a person may name.
enum Named<'a> {
    /// The chain of an agent, or the default one.
    Chain(Option<&'a str>),
    Model(&'a str),
    Turns(Vec<TurnRecord>),
}

pub(super) async fn run(app: &App, name: Option<&str>, json: bool) -> Exit {
    match named(app, name) {
        Named::Turns(turns) => tell_turns(app, &turns, json),
        Named::Model(name) => now(app, None, Some(name), json).await,
        Named::Chain(agent) => now(app, agent, None, json).await,
    }
}

/// Models go before agents, and both before turns: they are what a person has named.
fn named<'a>(app: &App, name: Option<&'a str>) -> Named<'a> {
    let Some(name) = name.map(str::trim) else {
        return Named::Chain(None);
    };
    if app.config().resolve(name).is_ok() {
        return Named::Model(name);
    }
    if app.config().agent(name).is_some() {
        return Named::Chain(Some(name));
    }
    let may_be_id = name.len() >= SHORTEST_ID && name.chars().all(|char| char.is_ascii_hexdigit());
    let turns = if may_be_id { app.turns.find(name) } else { Vec::new() };
    if turns.is_empty() {
        // One that is found on this machine, or none.
        Named::Model(name)
    } else {
        Named::Turns(turns)
    }
}

fn tell_turns(app: &App, turns: &[TurnRecord], json: bool) -> Exit {
    match turns {
        [turn] if json => {
            let (plan, turn) = explain::fields(turn);
            print(app, &json!({"plan": plan, "turn": turn}));
            Exit::Answered
        }
        [turn] => {
            for line in explain::turn(app.terminal, turn) {
                app.terminal.out(&line);
            }
            Exit::Answered
        }
        turns => {
            app.terminal.error(
                &text!("{count} turns have an id that begins so", count = turns.len()),
                Some(&text!("give more of its digits")),
            );
            list(app, turns);
            Exit::Usage
        }
    }
}

/// The plan as it would be made now.
async fn now(app: &App, agent: Option<&str>, name: Option<&str>, json: bool) -> Exit {
    let here = match here(app, name, look(app, agent)).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let plan = match planned(app, &here, agent, name).await {
        Ok(plan) => plan,
        Err(error) => return without_plan(app, &here, &error, json),
    };
    let model = name.and_then(|name| resolve(app.config(), &here.fleet, name).ok());
    let turns = turns_of(app, agent, model.as_ref());
    let plan = Now::of(&plan);
    app.keep(&here.fleet);
    if json {
        print(app, &json!({"plan": plan, "turns": turns}));
        return Exit::Answered;
    }
    app.terminal
        .out(&explain::heading(app.terminal, &title(agent, model.as_ref())));
    for line in plan.lines(app.terminal) {
        app.terminal.out(&line);
    }
    if !turns.is_empty() {
        app.terminal.out(&explain::heading(app.terminal, &text!("last turns")));
        for line in explain::list(app.terminal, &turns) {
            app.terminal.out(&format!("  {line}"));
        }
    }
    Exit::Answered
}

/// Nothing is looked for that the chain does not need.
fn look(app: &App, agent: Option<&str>) -> Look {
    let policy = app.config().policy_of(agent);
    let mut names = policy.primary.iter().chain(&policy.fallbacks);
    if agent.is_some() && names.any(|name| app.config().resolve(name).is_err()) {
        Look::Everywhere
    } else {
        Look::Needed
    }
}

/// The plan, after a look at the servers near by that are in it; no others are contacted.
async fn planned(app: &App, here: &Here, agent: Option<&str>, name: Option<&str>) -> Result<Plan, PlanError> {
    let wanted = Wanted {
        agent,
        model: name,
        default: here.default.as_ref(),
        ..Wanted::default()
    };
    privacy::look_up(app, &here.fleet, &wanted).await;
    let first = plan(app.config(), &here.fleet, &wanted)?;
    super::now::look_near(&app.http, &first).await;
    // What was found out may change it.
    plan(app.config(), &here.fleet, &wanted)
}

fn without_plan(app: &App, here: &Here, error: &PlanError, json: bool) -> Exit {
    for notice in &here.notices {
        app.terminal.notice(notice);
    }
    if json {
        print(
            app,
            &json!({
                "plan": null,
                "error": {
                    "kind": error.kind(),
                    "message": error.reason().english(),
                    "hint": error.hint().english(),
                },
            }),
        );
    }
    let PlanError::UnknownModel { name, suggestions } = error else {
        return no_plan(app, error);
    };
    let mut suggestions = suggestions.clone();
    suggestions.extend(app.config().agents_like(name));
    let message = if suggestions.is_empty() {
        text!("no model, agent or turn is named {name}", name = name)
    } else {
        text!(
            "no model, agent or turn is named {name}; did you mean {suggestions}?",
            name = name,
            suggestions = suggestions.join(", ")
        )
    };
    let hint = text!("see `yabby models` for models, and `yabby route` for the ids of turns");
    app.terminal.error(&message, Some(&hint));
    Exit::Usage
}

fn turns_of(app: &App, agent: Option<&str>, model: Option<&ModelRef>) -> Vec<TurnRecord> {
    match model {
        Some(model) => app.turns.of_model(model, LISTED),
        None => app.turns.of_agent(agent, LISTED),
    }
}

fn title(agent: Option<&str>, model: Option<&ModelRef>) -> Text {
    match (model, agent) {
        (Some(model), _) => text!("plan for {name}, asked by name", name = model),
        (None, Some(agent)) => text!("plan for the agent {name}", name = agent),
        (None, None) => text!("plan for the default chain"),
    }
}

fn print(app: &App, object: &serde_json::Value) {
    app.terminal
        .out(&serde_json::to_string_pretty(object).unwrap_or_default());
}
