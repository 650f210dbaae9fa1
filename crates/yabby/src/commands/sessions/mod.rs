//! `yabby sessions`: what was said, to be listed, read, searched and deleted.

mod list;
mod named;
mod remove;
mod search;
mod show;

use std::io::{self, IsTerminal};

use serde_json::{Value, json};
use yabby_core::text;
use yabby_store::{Access, Session, Store, StoreError, StoreErrorKind};

use crate::{
    app::App,
    arguments::{Sessions, SessionsCommand},
    exit::Exit,
    stored,
    terminal::Terminal,
};

pub(crate) async fn run(app: &App, arguments: &Sessions) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let done = match &arguments.command {
        SessionsCommand::List(arguments) => list::run(app, arguments).await,
        SessionsCommand::Show { session, last, json } => show::run(app, session, *last, *json).await,
        SessionsCommand::Search { words, limit, json } => search::run(app, &words.join(" "), *limit, *json).await,
        SessionsCommand::Rm { session, all, yes } => remove::run(app, session, *all, *yes).await,
    };
    done.unwrap_or_else(|error| stored::tell(app, &error))
}

/// The store, to read; `None` where nothing was ever stored.
async fn reading(app: &App) -> Result<Option<Store>, StoreError> {
    match stored::open(app, Access::Read).await {
        Ok(store) => Ok(Some(store)),
        Err(error) if error.kind == StoreErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Nothing was found, or nothing is there.
fn nothing(app: &App, store: Option<&Store>) {
    if store.is_some() {
        app.terminal.notice(&text!("there is no such session"));
    } else {
        app.terminal
            .notice(&text!("nothing was kept yet; the first chat begins it: yabby up"));
    }
}

/// A session, for programs.
fn as_json(session: &Session) -> Value {
    json!({
        "id": session.id,
        "conversation": session.conversation,
        "agent": session.agent,
        "title": session.title,
        "begunAt": session.begun_at,
        "activeAt": session.active_at,
        "heardAt": session.heard_at,
        "endedAt": session.ended.as_ref().map(|(at, _)| at),
        "endedBy": session.ended.as_ref().map(|(_, why)| why),
        "items": session.items,
        "label": session.label,
        "source": session.source,
    })
}

fn print_json(app: &App, value: &Value) -> Exit {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    app.print(&format!("{text}\n"))
}

/// How standard output is written to: with bold words where somebody watches it.
fn screen(app: &App) -> Terminal {
    if io::stdout().is_terminal() {
        app.terminal
    } else {
        Terminal::plain(app.terminal.lang)
    }
}

/// Writes lines that are made for [`screen`].
fn print(app: &App, lines: &[String]) -> Exit {
    if !io::stdout().is_terminal() {
        return app.print(&format!("{}\n", lines.join("\n")));
    }
    for line in lines {
        app.terminal.out(line);
    }
    Exit::Answered
}
