//! `yabby store`: where it is and what is in it.

use serde_json::json;
use yabby_core::{Text, now, text};
use yabby_store::{Access, Backup, BackupKind, KeptSecret, Overview, Place, StoreError, StoreErrorKind};

use super::size;
use crate::{app::App, exit::Exit, explain, stored, table::table};

pub(super) async fn run(app: &App, as_json: bool) -> Exit {
    let read = async {
        let place = stored::place(app)?;
        let store = match stored::open(app, Access::Read).await {
            Err(error) if error.kind == StoreErrorKind::Missing => return Ok((place, None)),
            opened => opened?,
        };
        let known = (store.overview().await?, store.secrets().await?, store.backups());
        Ok::<_, StoreError>((place, Some(known)))
    };
    match read.await {
        Ok((place, known)) => print(app, &place, known, as_json),
        Err(error) => stored::tell(app, &error),
    }
}

fn print(app: &App, place: &Place, known: Option<(Overview, Vec<KeptSecret>, Vec<Backup>)>, as_json: bool) -> Exit {
    let (kind, address) = address(app, place);
    let Some((overview, secrets, backups)) = known else {
        if as_json {
            return app.print(&format!(
                "{}\n",
                json!({"kind": kind, "place": address, "exists": false})
            ));
        }
        let nothing = text!("nothing is stored yet; it will be in {place}", place = address);
        return app.print(&format!("{}\n", app.terminal.say(&nothing)));
    };
    let last = backups.iter().find(|backup| backup.kind == BackupKind::Asked);
    if as_json {
        let object = json!({
            "kind": kind, "place": address, "exists": true, "bytes": overview.bytes,
            "conversations": overview.conversations, "sessions": overview.sessions, "items": overview.items,
            "attachments": overview.attachments,
            "waiting": {"in": overview.waiting_in, "out": overview.waiting_out, "questions": overview.questions},
            "lastItem": overview.last_item,
            "secrets": {"all": secrets.len(), "encrypted": secrets.iter().filter(|kept| kept.is_sealed).count()},
            "lastBackup": last.map(|backup| json!({"path": backup.path, "at": backup.at, "bytes": backup.bytes})),
        });
        let object = serde_json::to_string_pretty(&object).unwrap_or_default();
        return app.print(&format!("{object}\n"));
    }
    let say = |text: &Text| app.terminal.say(text);
    let mut rows = vec![
        vec![say(&text!("size")), size(overview.bytes)],
        vec![
            say(&text!("sessions")),
            say(&text!(
                "{sessions} in {conversations} conversations, with {items} items",
                sessions = overview.sessions,
                conversations = overview.conversations,
                items = overview.items
            )),
        ],
        vec![say(&text!("attachments")), overview.attachments.to_string()],
        vec![
            say(&text!("waiting")),
            say(&text!(
                "{incoming} to be answered, {outgoing} to be sent, {questions} questions to you",
                incoming = overview.waiting_in,
                outgoing = overview.waiting_out,
                questions = overview.questions
            )),
        ],
    ];
    if !secrets.is_empty() {
        let sealed = secrets.iter().filter(|kept| kept.is_sealed).count();
        let words = text!(
            "{count}, {sealed} of them encrypted",
            count = secrets.len(),
            sealed = sealed
        );
        rows.push(vec![say(&text!("secrets")), say(&words)]);
    }
    let backup = match last {
        None => say(&text!("none; make one with: yabby store backup")),
        Some(backup) => {
            let seconds = now().saturating_sub(backup.at.0.unsigned_abs() / 1000);
            format!("{} ({})", say(&explain::ago(seconds)), backup.path.display())
        }
    };
    rows.push(vec![say(&text!("last backup")), backup]);
    let head = [say(&text!("store")), format!("{address} ({kind})")];
    app.print(&format!("{}\n", table(&head, &rows).join("\n")))
}

/// The database, and where it is as a person may see it.
fn address(app: &App, place: &Place) -> (&'static str, String) {
    match (place, &app.config().store.database) {
        (Place::Folder(folder), _) => ("SQLite", folder.display().to_string()),
        (Place::Postgres { .. }, Some(database)) => ("PostgreSQL", database.shown.clone()),
        (Place::Postgres { folder, .. }, None) => ("PostgreSQL", folder.display().to_string()),
    }
}
