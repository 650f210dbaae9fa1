//! `yabby models probe`: what a model can do where it is served, tried out and kept.

use std::{io, time::Duration};

use yabby_core::{ModelError, Text, ToolMode, text};
use yabby_route::{Candidate, Wanted, extra_body, plan};
use yabby_servers::{
    Endpoint,
    capability::{Capability, Finding, Outcome, Tried, TryOut, try_out},
};

use crate::{
    app::App,
    arguments::Probe,
    commands::ask::no_plan,
    exit::Exit,
    interrupt::Interrupt,
    models::{Here, Look, here, lease, names_embedded},
    progress::Bars,
    saying::unwritten,
    terminal::{Mark, Terminal},
};

pub(super) async fn run(app: &App, arguments: &Probe) -> Exit {
    let bars = Bars::new(app.terminal);
    let here = match available(app, &arguments.model, &bars).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let wanted = Wanted {
        model: Some(&arguments.model),
        ..Wanted::default()
    };
    let planned = plan(app.config(), &here.fleet, &wanted);
    let candidate = match planned.map(|plan| plan.candidates.into_iter().next()) {
        Ok(Some(candidate)) => candidate,
        Ok(None) => return Exit::NoAnswer,
        Err(error) => {
            for notice in &here.notices {
                app.terminal.notice(notice);
            }
            return no_plan(app, &error);
        }
    };
    let endpoint = match ready(app, &candidate, &bars).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    if !arguments.json {
        let title = text!("{model} at {url}", model = candidate.model, url = endpoint.base_url);
        app.terminal.out(&app.terminal.bold(&app.terminal.say(&title)));
    }
    let mut interrupt = Interrupt::listen();
    let results = tokio::select! {
        results = Box::pin(tried(app, &candidate, &endpoint, arguments)) => results,
        // Leaving closes the connections, which ends the server's work.
        () = interrupt.pressed() => return Exit::Stopped,
    };
    if let Err(error) = Tried::keep(&app.paths.state_dir, &results) {
        app.terminal
            .notice(&text!("the results could not be kept: {error}", error = error));
    }
    if arguments.json {
        let object = serde_json::to_string_pretty(&results).unwrap_or_default();
        match app.terminal.answer(&format!("{object}\n")) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return unwritten(app.terminal, &error),
            _ => {}
        }
    } else {
        for line in summary(&results) {
            app.terminal.out(&app.terminal.say(&line));
        }
    }
    match results.outcome() {
        Outcome::Fails => Exit::Findings,
        Outcome::Works | Outcome::Partly | Outcome::Skipped => Exit::Answered,
    }
}

/// The endpoints that the name may belong to; the embedded model is fetched when it is the one.
async fn available(app: &App, name: &str, bars: &Bars) -> Result<Here, ModelError> {
    let mut here = here(app, Some(name), Look::Needed).await?;
    if !here.embedded && names_embedded(name) {
        let lease = lease(app, None, bars).await?;
        here.fleet.add(lease.endpoint());
    }
    Ok(here)
}

/// The endpoint to ask; a server that Yabby runs is started.
async fn ready(app: &App, candidate: &Candidate, bars: &Bars) -> Result<Endpoint, ModelError> {
    candidate.endpoint.ensure_running(&app.http, bars).await
}

async fn tried(app: &App, candidate: &Candidate, endpoint: &Endpoint, arguments: &Probe) -> TryOut {
    let (terminal, json) = (app.terminal, arguments.json);
    let model = candidate.model.model();
    let fields = extra_body(endpoint, endpoint.dialect_for(model), &candidate.params);
    let mut tell = move |finding: &Finding| {
        if !json {
            tell(terminal, finding);
        }
    };
    let limit = Duration::from_secs(arguments.seconds.into());
    try_out(&app.http, endpoint, model, &fields, &Capability::ALL, limit, &mut tell).await
}

/// One finding, and what would mend it.
fn tell(terminal: Terminal, finding: &Finding) {
    let outcome = finding.verdict.outcome();
    let mark = match outcome {
        Outcome::Works => Mark::Good,
        Outcome::Partly | Outcome::Skipped => Mark::Note,
        Outcome::Fails => Mark::Bad,
    };
    terminal.out(&format!("  {} {}", terminal.mark(mark), terminal.say(&line(finding))));
    if let Some(fix) = &finding.fix {
        terminal.out(&format!("    → {}", terminal.say(fix)));
    }
}

fn line(finding: &Finding) -> Text {
    let name = finding.capability.name();
    let milliseconds = finding.took.as_millis();
    match (finding.words(), finding.verdict.outcome()) {
        (Some(words), Outcome::Skipped) => text!("{name}: skipped, {words}", name = name, words = words),
        (Some(words), _) => text!(
            "{name}: {words} ({milliseconds} ms)",
            name = name,
            words = words,
            milliseconds = milliseconds
        ),
        (None, _) => text!("{name} ({milliseconds} ms)", name = name, milliseconds = milliseconds),
    }
}

/// What was found out beside the findings.
fn summary(results: &TryOut) -> Vec<Text> {
    let speed = match (results.prefill, results.decode) {
        (Some(prefill), Some(decode)) => Some(text!(
            "It reads {prefill} tokens/s and writes {decode} tokens/s.",
            prefill = prefill,
            decode = decode
        )),
        (Some(prefill), None) => Some(text!("It reads {prefill} tokens/s.", prefill = prefill)),
        (None, Some(decode)) => Some(text!("It writes {decode} tokens/s.", decode = decode)),
        (None, None) => None,
    };
    let mode = results.tool_mode.map(|mode| {
        let name = match mode {
            ToolMode::Native => "native",
            ToolMode::Constrained => "constrained",
            ToolMode::Text => "text",
            ToolMode::None => "none",
        };
        text!("Tools are best offered in the mode {mode}.", mode = name)
    });
    speed.into_iter().chain(mode).collect()
}
