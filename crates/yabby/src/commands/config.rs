//! `yabby config`: check, show, explain, schema.

use yabby_config::{Explanation, KeyStatus, ValueSource, schema};
use yabby_core::{Text, text};

use crate::{
    app::App,
    arguments::{Config, ConfigCommand},
    exit::Exit,
    telemetry,
};

pub(crate) fn run(app: &App, arguments: &Config) -> Exit {
    match &arguments.command {
        ConfigCommand::Check => check(app),
        ConfigCommand::Show => {
            out(app, &app.loaded.show());
            Exit::Answered
        }
        ConfigCommand::Schema => {
            out(app, &schema());
            Exit::Answered
        }
        ConfigCommand::Explain { key } => explain(app, key),
    }
}

fn out(app: &App, value: &serde_json::Value) {
    app.terminal
        .out(&serde_json::to_string_pretty(value).unwrap_or_default());
}

fn check(app: &App) -> Exit {
    let terminal = app.terminal;
    match app.loaded.origin.path() {
        Some(path) => terminal.line(&terminal.say(&text!("config: {path}", path = path.display()))),
        None => terminal.line(&terminal.say(&text!(
            "config: none; Yabby looks for {path}",
            path = app.paths.own_config().display()
        ))),
    }
    let rendered = app.loaded.render_diagnostics(terminal.lang, terminal.color());
    if !rendered.is_empty() {
        terminal.line(rendered.trim_end());
    }
    if !app.loaded.unused.is_empty() {
        let keys: Vec<&str> = app.loaded.unused.iter().map(|unused| unused.key.as_str()).collect();
        terminal.notice(&text!(
            "Yabby does not use these OpenClaw keys yet: {keys}",
            keys = keys.join(", ")
        ));
    }
    telemetry::tell_missing(app);
    if app.loaded.kept_elsewhere() > 0 {
        // They are not fetched here: a check must not wait for a vault.
        terminal.notice(&text!(
            "{count} secrets are in files or behind programs; `yabby doctor` tries to get them",
            count = app.loaded.kept_elsewhere()
        ));
    }
    if app.loaded.has_errors() {
        return Exit::Usage;
    }
    terminal.line(&terminal.say(&text!("no errors")));
    Exit::Answered
}

fn explain(app: &App, key: &str) -> Exit {
    let terminal = app.terminal;
    match app.loaded.explain(key) {
        Ok(explanation) => {
            for line in describe(&explanation) {
                terminal.out(&terminal.say(&line));
            }
            if let Some(documentation) = &explanation.documentation {
                terminal.out("");
                terminal.out(documentation);
            }
            Exit::Answered
        }
        Err(unknown) => {
            terminal.error(&unknown.text(), Some(&text!("`yabby config schema` lists all keys")));
            Exit::Usage
        }
    }
}

/// Value, source and effect of a key.
fn describe(explanation: &Explanation) -> Vec<Text> {
    let value = match &explanation.value {
        Some(value) => value.to_string(),
        None => "–".to_owned(),
    };
    let mut lines = vec![text!("{key} = {value}", key = explanation.key, value = value)];
    lines.push(match &explanation.source {
        ValueSource::File(place) => text!(
            "set in {file}, line {line}, column {column}",
            file = place.file.display(),
            line = place.line,
            column = place.column
        ),
        ValueSource::Variable(name) => text!("set by the environment variable {name}", name = name),
        ValueSource::BuiltIn => text!("built in"),
        ValueSource::Derived { key, .. } => text!("follows from {key}", key = key),
        ValueSource::Default => text!("the default"),
        ValueSource::Unset => text!("not set"),
    });
    if !explanation.variables.is_empty() {
        lines.push(text!(
            "environment variables in it: {names}",
            names = explanation.variables.join(", ")
        ));
    }
    match explanation.status {
        KeyStatus::InUse => {}
        KeyStatus::NotUsedYet => lines.push(text!("OpenClaw has this key; Yabby does not use it yet")),
        KeyStatus::Off => lines.push(text!(
            "its section is off because of an error; see `yabby config check`"
        )),
    }
    lines
}
