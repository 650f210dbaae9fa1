//! `yabby store import`.

use std::path::{Path, PathBuf};

use yabby_core::{Text, text};
use yabby_store::{Access, FromOpenclaw, ImportMode, Skipped, Store, StoreError};

use crate::{app::App, exit::Exit, stored};

pub(super) async fn file(app: &App, file: &Path, merge: bool, dry_run: bool) -> Exit {
    let mode = if merge { ImportMode::Merge } else { ImportMode::Empty };
    let importing = async {
        if dry_run && !file.is_dir() {
            let found = Store::check_export(file.to_owned()).await?;
            return Ok(vec![text!(
                "the export is whole: {rows} rows and {files} attachments",
                rows = found.rows,
                files = found.files
            )]);
        }
        if dry_run {
            let place = yabby_store::Place::Folder(file.to_owned());
            let found = Store::open(&place, Access::Read).await?.overview().await?;
            return Ok(vec![text!(
                "the backup can be read: {sessions} sessions with {items} items",
                sessions = found.sessions,
                items = found.items
            )]);
        }
        let store = stored::open(app, Access::Write).await?;
        let done = store.import(file.to_owned(), mode).await?;
        let mut said = vec![text!(
            "{added} rows and {files} attachments were imported",
            added = done.added,
            files = done.files
        )];
        if done.known > 0 {
            said.push(text!("{count} rows were there already", count = done.known));
        }
        if done.on_their_way > 0 {
            said.push(text!(
                "{count} rows are about what the other store still has to do, and were left there",
                count = done.on_their_way
            ));
        }
        Ok::<_, StoreError>(said)
    };
    tell(app, importing.await)
}

pub(super) async fn openclaw(app: &App, folder: Option<&Path>, dry_run: bool) -> Exit {
    let folder = folder.map_or_else(|| usual(app), Path::to_owned);
    let importing = async {
        if dry_run {
            // Without a store, all of it would be new.
            if let Ok(store) = stored::open(app, Access::Read).await {
                return store.import_openclaw(folder, true).await;
            }
            return Store::look_at_openclaw(folder).await;
        }
        let store = stored::open(app, Access::Write).await?;
        store.import_openclaw(folder, false).await
    };
    let outcome = importing.await;
    if let Ok(done) = &outcome {
        for problem in &done.problems {
            app.terminal.notice(problem);
        }
    }
    tell(app, outcome.map(|done| said(&done, dry_run)))
}

/// The folder of OpenClaw's config.
fn usual(app: &App) -> PathBuf {
    let config = &app.paths.openclaw_config;
    config.parent().unwrap_or(config).to_owned()
}

fn tell(app: &App, outcome: Result<Vec<Text>, StoreError>) -> Exit {
    match outcome {
        Ok(said) => {
            let lines: Vec<String> = said.iter().map(|text| app.terminal.say(text)).collect();
            app.print(&format!("{}\n", lines.join("\n")))
        }
        Err(error) => stored::tell(app, &error),
    }
}

fn said(done: &FromOpenclaw, dry_run: bool) -> Vec<Text> {
    let (sessions, items) = (done.sessions, done.items);
    let mut said = vec![if dry_run {
        text!(
            "{sessions} sessions of OpenClaw and {items} items would be imported",
            sessions = sessions,
            items = items
        )
    } else {
        text!(
            "{sessions} sessions of OpenClaw and {items} items were imported",
            sessions = sessions,
            items = items
        )
    }];
    if done.known > 0 {
        said.push(text!("{count} sessions were there already", count = done.known));
    }
    for (what, count) in &done.skipped {
        said.push(skipped(*what, *count));
    }
    said
}

fn skipped(what: Skipped, count: u64) -> Text {
    match what {
        Skipped::Unreadable => text!("left out: {count} lines that cannot be read", count = count),
        Skipped::Thinking => text!("left out: {count} times what a model thought", count = count),
        Skipped::Aside => text!("left out: {count} entries of extensions and marks", count = count),
        Skipped::Empty => text!("left out: {count} messages in which nothing is left", count = count),
        Skipped::Picture => text!("left out: {count} pictures that models cannot read", count = count),
        Skipped::Compressed => text!(
            "left out: {count} compressed entries that cannot be unpacked",
            count = count
        ),
        Skipped::OtherBranch => text!(
            "left out: {count} entries of branches that were given up",
            count = count
        ),
        _ => text!("left out: {count} entries of kinds that are not known", count = count),
    }
}
