//! `yabby keys`: who may use the gateway.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use yabby_core::{Text, Time, text};
use yabby_route::spending::dollars;
use yabby_store::{Key, KeyKind, NewKey, Scopes, StoreError, StoreErrorKind, new_secret};

use crate::{
    app::App,
    arguments::{Keys, KeysAdd, KeysCommand},
    clock,
    exit::Exit,
    gateway::{
        address,
        link::{Link, no_random},
        sign::Neighbour,
    },
    stored,
    table::{table, without_empty_columns},
};

pub(crate) async fn run(app: &App, arguments: &Keys) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let done = match &arguments.command {
        KeysCommand::Add(arguments) => add(app, arguments).await,
        KeysCommand::List { all, json } => list(app, *all, *json).await,
        KeysCommand::Revoke { id } => revoke(app, id).await,
        KeysCommand::Link { name, json } => link(app, name.as_deref(), *json).await,
    };
    done.unwrap_or_else(|error| stored::tell(app, &error))
}

async fn add(app: &App, arguments: &KeysAdd) -> Result<Exit, StoreError> {
    let every = |patterns: &[String]| {
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.trim().to_owned()).collect();
        if patterns.is_empty() {
            vec!["*".to_owned()]
        } else {
            patterns
        }
    };
    let new = new_secret().map_err(no_random)?;
    let days = arguments.days.map(|days| Duration::from_hours(u64::from(days) * 24));
    let key = NewKey {
        name: arguments.name.clone().unwrap_or_else(|| new.id.clone()),
        id: new.id,
        hash: new.hash,
        kind: KeyKind::Client,
        scopes: Scopes {
            models: every(&arguments.models),
            agents: every(&arguments.agents),
            budget: arguments.budget,
            rate: arguments.rate,
            zone: arguments.zone.clone(),
            operate: arguments.operate,
        },
        expires_at: days.map(|days| now() + days),
    };
    let key = stored::keys(app).await?.add(key).await?;
    if arguments.json {
        let mut object = as_json(&key);
        object["key"] = new.secret.expose().into();
        return Ok(app.print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&object).unwrap_or_default()
        )));
    }
    let exit = app.print(&format!("{}\n", new.secret.expose()));
    app.terminal.notice(&text!(
        "this is the only time that the key is shown; programs send it as Authorization: Bearer KEY or as x-api-key: KEY"
    ));
    app.terminal
        .notice(&text!("take it back with: yabby keys revoke {id}", id = key.made.id));
    Ok(exit)
}

async fn list(app: &App, all: bool, json: bool) -> Result<Exit, StoreError> {
    let now = now();
    let mut keys = stored::keys(app).await?.list().await?;
    keys.retain(|key| all || key.is_valid(now));
    if json {
        let object = json!({"keys": keys.iter().map(as_json).collect::<Vec<_>>()});
        return Ok(app.print(&format!(
            "{}\n",
            serde_json::to_string_pretty(&object).unwrap_or_default()
        )));
    }
    if keys.is_empty() {
        app.terminal.notice(&text!(
            "there are no keys yet; make one with: yabby keys add --name NAME"
        ));
        return Ok(Exit::Answered);
    }
    let say = |text: Text| app.terminal.say(&text);
    let mut head = vec![
        say(text!("id")),
        say(text!("name")),
        say(text!("kind")),
        say(text!("may")),
        say(text!("made")),
        say(text!("used")),
        say(text!("ends")),
    ];
    let zone = clock::person(app.config(), &app.env);
    let mut rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let minute = |time: Option<Time>| time.map(|time| zone.date_and_minute(time)).unwrap_or_default();
            let ended = match key.revoked_at {
                Some(_) => say(text!("revoked {time}", time = minute(key.revoked_at))),
                None => minute(key.made.expires_at),
            };
            vec![
                key.made.id.clone(),
                key.made.name.clone(),
                say(kind(key.made.kind)),
                may(&key.made.scopes)
                    .into_iter()
                    .map(say)
                    .collect::<Vec<_>>()
                    .join(", "),
                minute(Some(key.created_at)),
                minute(key.last_used_at),
                ended,
            ]
        })
        .collect();
    without_empty_columns(&mut head, &mut rows);
    Ok(app.print(&format!("{}\n", table(&head, &rows).join("\n"))))
}

async fn revoke(app: &App, id: &str) -> Result<Exit, StoreError> {
    let keys = stored::keys(app).await?;
    let all = keys.list().await?;
    let exact = all.iter().filter(|key| key.made.id == id);
    let alike = all.iter().filter(|key| !id.is_empty() && key.made.id.starts_with(id));
    let found: Vec<&Key> = if exact.clone().next().is_some() {
        exact.collect()
    } else {
        alike.collect()
    };
    let [key] = found.as_slice() else {
        let message = if found.is_empty() {
            text!("there is no key {id}", id = id)
        } else {
            text!("several keys begin with {id}", id = id)
        };
        return Err(StoreError::new(StoreErrorKind::Missing, message).with_hint(text!("run: yabby keys list")));
    };
    let key = keys.revoke(&key.made.id).await?;
    app.terminal.notice(&text!(
        "the key {name} ({id}) is revoked; what it was used for ends now",
        name = key.made.name,
        id = key.made.id
    ));
    Ok(Exit::Answered)
}

/// A code for a browser of the owner's, as a link to the gateway that runs, or else to that of the config.
async fn link(app: &App, name: Option<&str>, json: bool) -> Result<Exit, StoreError> {
    let url = match Neighbour::of(&app.paths.state_dir) {
        Some(gateway) => gateway.url,
        None => address::url(app.config()),
    };
    let Link { link, code } = Link::new(&stored::keys(app).await?, &url, name.unwrap_or("browser")).await?;
    if json {
        let object = json!({"link": link, "code": code});
        return Ok(app.print(&format!("{object}\n")));
    }
    let exit = app.print(&format!("{link}\n"));
    app.terminal.notice(&text!(
        "it lets one browser in, within ten minutes, as you: give it to nobody"
    ));
    Ok(exit)
}

fn kind(kind: KeyKind) -> Text {
    match kind {
        KeyKind::Owner => text!("owner"),
        KeyKind::Client => text!("program"),
        KeyKind::Device => text!("device"),
    }
}

/// What a key may do, where that is not everything.
fn may(scopes: &Scopes) -> Vec<Text> {
    let mut may = Vec::new();
    let limited = |patterns: &[String]| !patterns.iter().any(|pattern| pattern == "*");
    if limited(&scopes.models) {
        may.push(text!("models {patterns}", patterns = scopes.models.join(" ")));
    }
    if limited(&scopes.agents) {
        may.push(text!("agents {patterns}", patterns = scopes.agents.join(" ")));
    }
    if let Some(zone) = &scopes.zone {
        may.push(text!("zone {zone}", zone = zone));
    }
    if let Some(usd) = scopes.budget {
        may.push(text!("{usd} a day", usd = dollars(usd)));
    }
    if let Some(rate) = scopes.rate {
        may.push(text!("{rate} requests a minute", rate = rate));
    }
    if scopes.operate {
        may.push(text!("operate"));
    }
    may
}

/// A key, for programs.
fn as_json(key: &Key) -> Value {
    let made = &key.made;
    json!({
        "id": made.id,
        "name": made.name,
        "kind": made.kind.name(),
        "models": made.scopes.models,
        "agents": made.scopes.agents,
        "budget": made.scopes.budget,
        "rate": made.scopes.rate,
        "zone": made.scopes.zone,
        "operate": made.scopes.operate,
        "createdAt": key.created_at.0,
        "lastUsedAt": key.last_used_at.map(|time| time.0),
        "expiresAt": made.expires_at.map(|time| time.0),
        "revokedAt": key.revoked_at.map(|time| time.0),
    })
}

fn now() -> Time {
    Time::from(SystemTime::now())
}
