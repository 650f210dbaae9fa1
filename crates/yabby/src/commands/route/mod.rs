//! `yabby route`: how requests have found their models, and how one would now.

mod explain;
mod now;

use yabby_core::text;
use yabby_route::TurnRecord;

use crate::{
    app::App,
    arguments::{Route, RouteCommand},
    exit::Exit,
};

/// So many turns are listed.
const LISTED: usize = 10;

pub(crate) async fn run(app: &App, arguments: &Route) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    match &arguments.command {
        None => {
            let turns = app.turns.recent(LISTED);
            if arguments.json {
                app.terminal
                    .out(&serde_json::to_string_pretty(&turns).unwrap_or_default());
            } else {
                list(app, &turns);
            }
            Exit::Answered
        }
        Some(RouteCommand::Explain { name, json }) => explain::run(app, name.as_deref(), *json || arguments.json).await,
    }
}

fn list(app: &App, turns: &[TurnRecord]) {
    if turns.is_empty() {
        app.terminal.notice(&text!(
            "no question has been asked yet; `yabby ask --explain` asks one and explains"
        ));
        return;
    }
    for line in crate::explain::list(app.terminal, turns) {
        app.terminal.out(&line);
    }
}
