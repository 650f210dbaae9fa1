//! `yabby sessions list`.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use serde_json::Value;
use yabby_core::{Time, now, text};
use yabby_store::{Session, SessionFilter, StoreError, StoreErrorKind};
use yabby_tools::Zone;

use super::{as_json, named::short, nothing, print_json, reading};
use crate::{app::App, arguments::SessionsList, clock, exit::Exit, explain::columns, table::cut};

/// The widest title and the widest key, in columns.
const TITLE: usize = 50;
const KEY: usize = 36;

pub(super) async fn run(app: &App, arguments: &SessionsList) -> Result<Exit, StoreError> {
    let zone = clock::person(app.config(), &app.env);
    let filter = SessionFilter {
        agent: arguments.agent.clone(),
        conversation: None,
        since: arguments.since.as_deref().map(|since| when(since, &zone)).transpose()?,
    };
    let store = reading(app).await?;
    let most = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let mut sessions = match &store {
        Some(store) => store.sessions(filter, None, most.saturating_add(1)).await?,
        None => Vec::new(),
    };
    let more = sessions.len() > most;
    sessions.truncate(most);
    if arguments.json {
        return Ok(print_json(app, &Value::Array(sessions.iter().map(as_json).collect())));
    }
    if sessions.is_empty() {
        nothing(app, store.as_ref());
        return Ok(Exit::Answered);
    }
    let exit = app.print(&format!("{}\n", table(app, &sessions, &zone).join("\n")));
    if more && io::stdout().is_terminal() {
        app.terminal.notice(&text!(
            "there are more: yabby sessions list --limit {more}",
            more = arguments.limit.saturating_mul(5)
        ));
    }
    Ok(exit)
}

fn table(app: &App, sessions: &[Session], zone: &Zone) -> Vec<String> {
    let head = [
        text!("SESSION"),
        text!("LAST"),
        text!("ITEMS"),
        text!("CONVERSATION"),
        text!("ENDED"),
        text!("BEGINS WITH"),
    ];
    let rows = sessions.iter().map(|session| {
        vec![
            short(&session.id, sessions).to_owned(),
            zone.date_and_minute(session.active_at),
            session.items.to_string(),
            cut(session.conversation.as_str(), KEY),
            session.ended.as_ref().map(|(_, why)| why.clone()).unwrap_or_default(),
            cut(session.title.as_deref().unwrap_or_default(), TITLE),
        ]
    });
    columns(app.terminal, &head, rows.collect())
}

/// A time that a person writes: a day, or an age.
fn when(text: &str, zone: &Zone) -> Result<Time, StoreError> {
    let age = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let hours = match unit {
            "h" => 1,
            "d" => 24,
            "w" => 7 * 24,
            _ => return None,
        };
        let hours = number.parse::<u32>().ok()?.checked_mul(hours)?;
        Some(Time(0) + Duration::from_secs(now()) - Duration::from_secs(u64::from(hours) * 3600))
    };
    zone.begin_of(text).or_else(age).ok_or_else(|| {
        let message = text!("{text} is neither a day nor an age", text = text);
        StoreError::new(StoreErrorKind::Invalid, message)
            .with_hint(text!("write a day as 2026-11-25, or an age as 12h, 7d or 4w"))
    })
}
