//! The table of models, once or again and again.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use yabby_core::{FactSource, Text, text};
use yabby_servers::{ModelState, capability::Outcome};
use yabby_wire::Step;

use super::rows::{self, Breaker, Row};
use crate::{
    app::App,
    exit::Exit,
    interrupt::Interrupt,
    models::{Here, Look, here},
    table::{table, without_empty_columns},
    terminal::visible,
};

/// How often the table is drawn again.
const PERIOD: Duration = Duration::from_secs(2);
/// Clears the screen and puts the cursor to its top (ECMA-48, ED and CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) async fn run(app: &App, json: bool, watch: bool) -> Exit {
    let here = match here(app, None, Look::Everywhere).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    if watch {
        return again_and_again(app, &here, json).await;
    }
    // What discovery has just asked is not asked again.
    let rows = rows::collect(app, &here.fleet, here.default.clone(), PERIOD).await;
    app.keep(&here.fleet);
    if json {
        app.terminal
            .out(&serde_json::to_string_pretty(&rows).unwrap_or_default());
    } else if rows.is_empty() {
        app.terminal.notice(&nothing());
    } else {
        for line in lines(app, &rows) {
            app.terminal.out(&line);
        }
        let troubles: BTreeSet<&String> = rows.iter().filter_map(|row| row.error.as_ref()).collect();
        for trouble in troubles {
            app.terminal
                .notice(&text!("{error}; `yabby doctor` says how to fix it", error = trouble));
        }
    }
    Exit::Answered
}

/// Draws the table until Ctrl-C. As JSON it is one line each time, for programs.
async fn again_and_again(app: &App, here: &Here, json: bool) -> Exit {
    let mut interrupt = Interrupt::listen();
    let on_screen = io::stdout().is_terminal();
    loop {
        let rows = tokio::select! {
            rows = rows::collect(app, &here.fleet, here.default.clone(), Duration::ZERO) => rows,
            () = interrupt.pressed() => return Exit::Answered,
        };
        let mut out = String::new();
        if json {
            out = serde_json::to_string(&rows).unwrap_or_default();
        } else {
            if on_screen {
                out.push_str(CLEAR);
            }
            if rows.is_empty() {
                out.push_str(&app.terminal.say(&nothing()));
            }
            out.push_str(&lines(app, &rows).join("\n"));
            out.push('\n');
        }
        // Nobody reads any more: `yabby models --watch | head`.
        if writeln!(io::stdout(), "{out}").is_err() {
            return Exit::Answered;
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = interrupt.pressed() => return Exit::Answered,
        }
    }
}

fn nothing() -> Text {
    text!("there is no model yet; `yabby setup` finds the servers that you have, and `yabby up` makes one available")
}

/// The table. A column in which nothing is known is left out.
fn lines(app: &App, rows: &[Row]) -> Vec<String> {
    let mut head: Vec<String> = [
        text!("MODEL"),
        text!("STATE"),
        text!("ZONE"),
        text!("WINDOW"),
        text!("FROM"),
        text!("SLOTS"),
        text!("SPEED"),
        text!("ENDPOINT"),
        text!("NOTES"),
    ]
    .iter()
    .map(|text| app.terminal.say(text))
    .collect();
    let mut cells: Vec<Vec<String>> = rows.iter().map(|row| cells(app, row)).collect();
    without_empty_columns(&mut head, &mut cells);
    // Ids come from servers.
    table(&head, &cells).iter().map(|line| visible(line)).collect()
}

fn cells(app: &App, row: &Row) -> Vec<String> {
    let source = row.window.as_ref().map(|window| {
        app.terminal.say(&match window.source {
            FactSource::Probe => text!("server"),
            FactSource::Measured => text!("measured"),
            FactSource::Learned => text!("learned"),
            FactSource::Config => text!("config"),
            FactSource::Catalogue => text!("catalogue"),
            FactSource::Default => text!("default"),
        })
    });
    let window = row.window.as_ref().map(|window| window.value.to_string());
    let slots = row.facts.slots.map(|slots| match row.facts.busy {
        Some(busy) => format!("{busy}/{slots}"),
        None => slots.to_string(),
    });
    let speed = row.speed.decode.map(|tokens| format!("{tokens:.0} t/s"));
    vec![
        row.model.clone(),
        row.state.name().to_owned(),
        row.zone.as_ref().map(ToString::to_string).unwrap_or_default(),
        window.unwrap_or_else(|| "?".to_owned()),
        source.unwrap_or_default(),
        slots.unwrap_or_default(),
        speed.unwrap_or_default(),
        row.endpoint.clone(),
        notes(app, row).join(", "),
    ]
}

fn notes(app: &App, row: &Row) -> Vec<String> {
    let say = |text: Text| app.terminal.say(&text);
    let mut notes = Vec::new();
    notes.extend(row.role.map(str::to_owned));
    notes.extend(row.aliases.iter().cloned());
    notes.extend(row.server.map(|server| match &row.version {
        Some(version) => format!("{server} {version}"),
        None => server.to_owned(),
    }));
    let served = row.window.as_ref().filter(|window| window.source == FactSource::Probe);
    if let (Some(served), Some(configured)) = (served, row.configured_window)
        && served.value < configured
    {
        notes.push(say(text!("config says {window}", window = configured)));
    }
    if row.facts.tools == Some(false) && row.state != ModelState::Absent {
        notes.push(say(text!("no native tool calls")));
    }
    notes.extend(row.learned.iter().map(|step| say(short(step))));
    match row.breaker {
        // That it cannot be reached says it all.
        _ if row.state == ModelState::Unreachable => {}
        Breaker::Closed => {}
        Breaker::Open => notes.push(say(text!("resting"))),
        Breaker::HalfOpen => notes.push(say(text!("on trial"))),
    }
    match row.tried {
        Some(Outcome::Fails) => notes.push(say(text!("failed a test"))),
        Some(Outcome::Partly) => notes.push(say(text!("partly able"))),
        Some(Outcome::Works | Outcome::Skipped) | None => {}
    }
    if row.waiting > 0 {
        notes.push(say(text!("{count} waiting", count = row.waiting)));
    }
    notes
}

/// What was learned, in two or three words.
fn short(step: &Step) -> Text {
    match step {
        Step::DropField(field) => text!("without {field}", field = field),
        Step::MaxCompletionTokens => text!("wants max_completion_tokens"),
        Step::MaxTokens => text!("wants max_tokens"),
        Step::NoStrict => text!("without `strict`"),
        Step::NoPromptCache => text!("without cache marks"),
        Step::StringContent => text!("plain text only"),
        Step::PortableSchemas => text!("simple schemas"),
        Step::BareSchemas => text!("bare schemas"),
        Step::FindRefusedTools => text!("schemas refused"),
        Step::Quarantine { tool, .. } => text!("without the tool {tool}", tool = tool),
        Step::FoldSystem => text!("no system prompt"),
        Step::ToolsAsText => text!("no tools in its history"),
        Step::ShortCallIds => text!("short call ids"),
        Step::EndWithUser => text!("no prefill"),
        Step::ConstrainedTools => text!("constrained tools"),
        Step::TextTools => text!("tools as text"),
        Step::CommonEfforts => text!("thinks low, medium or high"),
        Step::AdaptiveThinking => text!("thinks as it likes"),
        Step::ThinkingBudget => text!("thinks by tokens"),
        Step::NoThinking => text!("thinks as it is set"),
    }
}
