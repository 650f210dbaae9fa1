//! `yabby models`: what there is, and which is the default.

mod probe;
mod rows;
mod set;

use std::collections::BTreeSet;

use yabby_core::{FactSource, Text, text};

use rows::Row;

use crate::{
    app::App,
    arguments::{Models, ModelsCommand},
    exit::Exit,
    models::{Here, Look, here},
    table::table,
    terminal::visible,
};

pub(crate) async fn run(app: &App, arguments: &Models) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    match &arguments.command {
        None => list(app, arguments.json).await,
        Some(ModelsCommand::Aliases) => {
            let rows: Vec<_> = app
                .config()
                .aliases()
                .into_iter()
                .map(|(alias, model)| vec![alias, model.to_string()])
                .collect();
            if rows.is_empty() {
                app.terminal.notice(&text!(
                    "there are no aliases; agents.defaults.models.\"provider/model\".alias makes one"
                ));
            } else {
                print(app, &[text!("ALIAS"), text!("MODEL")], &rows);
            }
            Exit::Answered
        }
        Some(ModelsCommand::Set { model }) => set::run(app, model).await,
        Some(ModelsCommand::Probe(arguments)) => Box::pin(probe::run(app, arguments)).await,
    }
}

async fn list(app: &App, json: bool) -> Exit {
    let Here { fleet, default, .. } = match here(app, None, Look::Everywhere).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let rows = rows::collect(app, &fleet, default).await;
    if json {
        app.terminal
            .out(&serde_json::to_string_pretty(&rows).unwrap_or_default());
        return Exit::Answered;
    }
    if rows.is_empty() {
        app.terminal.notice(&text!(
            "there is no model yet; `yabby up` makes one available, and the README says how to point Yabby at yours"
        ));
        return Exit::Answered;
    }
    let cells: Vec<Vec<String>> = rows.iter().map(|row| cells(app, row)).collect();
    let head = [
        text!("MODEL"),
        text!("STATE"),
        text!("WINDOW"),
        text!("FROM"),
        text!("ENDPOINT"),
        text!("NOTES"),
    ];
    print(app, &head, &cells);
    let troubles: BTreeSet<&String> = rows.iter().filter_map(|row| row.error.as_ref()).collect();
    for trouble in troubles {
        app.terminal
            .notice(&text!("{error}; `yabby doctor` says how to fix it", error = trouble));
    }
    Exit::Answered
}

fn cells(app: &App, row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(row.role.map(str::to_owned));
    notes.extend(row.aliases.iter().cloned());
    notes.extend(row.server.map(str::to_owned));
    if let (Some(served), Some(configured)) = (&row.window, row.configured_window)
        && served.source == FactSource::Probe
        && served.value < configured
    {
        notes.push(app.terminal.say(&text!("config says {window}", window = configured)));
    }
    let source = row.window.as_ref().map(|window| match window.source {
        FactSource::Probe => app.terminal.say(&text!("server")),
        FactSource::Measured => app.terminal.say(&text!("measured")),
        FactSource::Learned => app.terminal.say(&text!("learned")),
        FactSource::Catalogue => app.terminal.say(&text!("catalogue")),
        FactSource::Config => app.terminal.say(&text!("config")),
        FactSource::Default => app.terminal.say(&text!("default")),
    });
    vec![
        row.model.clone(),
        row.state.name().to_owned(),
        row.window
            .as_ref()
            .map_or_else(|| "?".to_owned(), |window| window.value.to_string()),
        source.unwrap_or_default(),
        row.endpoint.clone(),
        notes.join(", "),
    ]
}

fn print(app: &App, head: &[Text], rows: &[Vec<String>]) {
    let head: Vec<String> = head.iter().map(|text| app.terminal.say(text)).collect();
    for line in table(&head, rows) {
        // Ids come from servers.
        app.terminal.out(&visible(&line));
    }
}
