//! `yabby models`: what there is, and which is the default.

use std::{collections::BTreeSet, fs, time::Duration};

use futures_util::future::join_all;
use serde::Serialize;
use yabby_config::{Origin, set_primary};
use yabby_core::{Fact, FactSource, ModelRef, Text, text};
use yabby_route::resolve;
use yabby_servers::{Endpoint, EndpointOrigin, ModelState, Reach, ServerFacts, managed::private_folder, probe};

use crate::{
    app::App,
    arguments::{Models, ModelsCommand},
    commands::ask::no_plan,
    exit::Exit,
    models::{Here, Look, here},
    table::table,
};

/// Servers near by answer in milliseconds; hosted ones get longer.
const NEAR: Duration = Duration::from_millis(1500);
const FAR: Duration = Duration::from_secs(5);

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
        Some(ModelsCommand::Set { model }) => set(app, model).await,
    }
}

/// One line of the list.
#[derive(Debug, Serialize)]
struct Row {
    model: String,
    endpoint: String,
    state: ModelState,
    window: Option<Fact<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configured_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'static str>,
    aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

async fn list(app: &App, json: bool) -> Exit {
    let Here { fleet, default, .. } = match here(app, None, Look::Everywhere).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let probes = fleet.members().map(|(endpoint, facts)| async move {
        match facts {
            Some(_) => None,
            None if matches!(endpoint.origin, EndpointOrigin::Managed(_)) => None,
            None => Some(probe(&app.http, endpoint, limit(endpoint)).await),
        }
    });
    let probed = join_all(probes).await;
    let mut rows = Vec::new();
    for ((endpoint, known), fresh) in fleet.members().zip(&probed) {
        rows.extend(rows_of(endpoint, known.or(fresh.as_ref())));
    }
    let policy = app.config().policy();
    let primary = policy
        .primary
        .as_deref()
        .and_then(|name| resolve(app.config(), &fleet, name).ok())
        .or(default);
    let fallbacks: Vec<ModelRef> = policy
        .fallbacks
        .iter()
        .filter_map(|name| resolve(app.config(), &fleet, name).ok())
        .collect();
    let aliases = app.config().aliases();
    for row in &mut rows {
        let is = |model: &ModelRef| model.to_string().eq_ignore_ascii_case(&row.model);
        row.aliases = aliases
            .iter()
            .filter(|(_, model)| is(model))
            .map(|(alias, _)| alias.clone())
            .collect();
        row.role = if primary.as_ref().is_some_and(is) {
            Some("primary")
        } else if fallbacks.iter().any(is) {
            Some("fallback")
        } else {
            None
        };
    }
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

fn limit(endpoint: &Endpoint) -> Duration {
    if endpoint.reach == Reach::Hosted { FAR } else { NEAR }
}

/// The models of an endpoint: those that the config lists, then the others that the server has.
fn rows_of(endpoint: &Endpoint, facts: Option<&ServerFacts>) -> Vec<Row> {
    let server = facts.and_then(|facts| facts.kind).map(yabby_servers::ServerKind::name);
    let error = facts
        .and_then(|facts| facts.error.as_ref())
        .map(|error| error.message.english());
    let row = |id: &str| Row {
        model: format!("{}/{id}", endpoint.provider),
        endpoint: endpoint.base_url.clone(),
        state: ModelState::Unknown,
        window: None,
        configured_window: None,
        server,
        aliases: Vec::new(),
        role: None,
        error: error.clone(),
    };
    if let EndpointOrigin::Managed(lease) = &endpoint.origin {
        return vec![Row {
            endpoint: "(managed llama.cpp)".to_owned(),
            state: if lease.is_running() {
                ModelState::Ready
            } else {
                ModelState::Unloaded
            },
            window: Some(Fact::new(lease.window(), FactSource::Config)),
            server: Some("llama.cpp"),
            ..row(lease.model())
        }];
    }
    let mut rows = Vec::new();
    for entry in &endpoint.listed {
        let served = facts.and_then(|facts| facts.model(&entry.id));
        let configured = entry.context_tokens.or(entry.context_window);
        rows.push(Row {
            state: match (facts, served) {
                (_, Some(served)) => served.state,
                (Some(facts), None) if facts.error.is_some() => ModelState::Unreachable,
                (Some(_), None) => ModelState::Absent,
                (None, None) => ModelState::Unknown,
            },
            window: served
                .and_then(|served| served.window.clone())
                .or(configured.map(|tokens| Fact::new(tokens, FactSource::Config))),
            configured_window: configured,
            ..row(&entry.id)
        });
    }
    // OpenRouter and OpenAI offer hundreds; a hosted catalogue is not what this list is for.
    let others = facts
        .into_iter()
        .flat_map(|facts| &facts.models)
        .filter(|model| endpoint.reach != Reach::Hosted && model.chat && endpoint.listed_model(&model.id).is_none());
    for model in others {
        rows.push(Row {
            state: model.state,
            window: model.window.clone(),
            ..row(&model.id)
        });
    }
    if rows.is_empty() {
        rows.push(Row {
            state: if error.is_some() {
                ModelState::Unreachable
            } else {
                ModelState::Unknown
            },
            ..row("*")
        });
    }
    rows
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
        FactSource::Learned => app.terminal.say(&text!("learned")),
        FactSource::Config => app.terminal.say(&text!("config")),
        FactSource::Catalogue => app.terminal.say(&text!("catalogue")),
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
        app.terminal.out(&line);
    }
}

/// Writes the primary model into the config file, keeping everything else in it.
async fn set(app: &App, name: &str) -> Exit {
    let here = match here(app, Some(name), Look::Needed).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let model = match resolve(app.config(), &here.fleet, name) {
        Ok(model) => model,
        Err(error) => return no_plan(app, &error),
    };
    // OpenClaw's own file is never written: Yabby goes on with a copy.
    let target = match &app.loaded.origin {
        Origin::Explicit(path) | Origin::Environment(path) | Origin::Home(path) => path.clone(),
        Origin::OpenClaw(_) | Origin::None => app.paths.own_config(),
    };
    let before = match app.loaded.origin.path().map(fs::read_to_string) {
        None => String::new(),
        Some(Ok(text)) => text,
        Some(Err(error)) => {
            app.terminal.error(
                &text!("{path} cannot be read: {error}", path = target.display(), error = error),
                None,
            );
            return Exit::Usage;
        }
    };
    let after = match set_primary(&before, &model.to_string()) {
        Ok(text) => text,
        Err(error) => {
            app.terminal.error(&error.text(), None);
            return Exit::Usage;
        }
    };
    if let Err(error) = write_in_place(&target, &after) {
        app.terminal.error(
            &text!(
                "{path} could not be written: {error}",
                path = target.display(),
                error = error
            ),
            None,
        );
        return Exit::Usage;
    }
    if let Origin::OpenClaw(path) = &app.loaded.origin {
        app.terminal.notice(&text!(
            "{openclaw} stays as it is; from now on Yabby reads its own copy",
            openclaw = path.display()
        ));
    }
    app.terminal.notice(&text!(
        "{model} is the default model now ({path})",
        model = model,
        path = target.display()
    ));
    Exit::Answered
}

/// Replaces the file in one step; a config may hold keys, so only the owner can read a new one.
fn write_in_place(target: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    if let Some(folder) = target.parent() {
        private_folder(folder)?;
    }
    let part = target.with_extension("json5.part");
    let _ = fs::remove_file(&part);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Ok(old) = fs::metadata(&target) {
        fs::set_permissions(&part, old.permissions())?;
    }
    fs::rename(part, target)
}
