//! Exports, imports, backups: what goes from one store to another.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use yabby_store::{BackupKind, Exported, ImportMode, Imported, Place, Store, StoreErrorKind};

use crate::{
    both::{on_both, open},
    everything::{PICTURE, export, line, rows},
    given::{accept, answer_next, claim},
};

fn write(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("export.jsonl");
    fs::write(&path, text).expect("written");
    (folder, path)
}

async fn given(store: &Store, rows: &[(&'static str, Value)], mode: ImportMode) -> Imported {
    let (_folder, path) = write(&export(rows));
    store.import(path, mode).await.expect("imported")
}

/// The lines of an export without its header and its end.
async fn exported(store: &Store) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.jsonl");
    store.export_to(path.clone()).await.expect("exported");
    Store::check_export(path.clone()).await.expect("whole");
    let text = fs::read_to_string(&path).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    lines[1..lines.len() - 1].join("\n")
}

fn lines(rows: &[(&'static str, Value)]) -> String {
    let lines: String = rows.iter().map(|(table, row)| line(table, row)).collect();
    lines.trim_end().to_owned()
}

#[tokio::test]
async fn what_is_exported_is_what_was_imported() {
    on_both(async |place| {
        let store = open(place).await;
        let done = given(&store, &rows(), ImportMode::Empty).await;
        let expected = Imported {
            added: rows().len() as u64 - 1,
            files: 1,
            ..Imported::default()
        };
        assert_eq!(done, expected);
        assert_eq!(exported(&store).await, lines(&rows()));
        let checked = store.check().await.expect("checked");
        // Nobody wrote what can be found into the index of this example's summary; all else is as it should be.
        assert_eq!((checked.problems, checked.plain_secrets), (Vec::new(), 1));
        if let Place::Folder(folder) = place {
            let hash = crate::everything::hash(PICTURE);
            let file = folder.join("attachments").join(&hash[..2]).join(&hash);
            assert_eq!(fs::read(file).expect("a file"), PICTURE);
        }
        // Work goes on where it was, and new numbers are not those that were brought along.
        let claimed = claim(&store).await;
        assert_eq!((claimed.id, claimed.message.message.as_str()), (2, "m2"));
        let id = accept(&store, "agent:main:new", "m3").await;
        assert!(id > 2, "{id}");
    })
    .await;
}

#[tokio::test]
async fn an_export_is_the_same_after_another_store() {
    on_both(async |place| {
        let store = open(place).await;
        for number in 0..40 {
            accept(&store, &format!("agent:main:{}", number % 7), &format!("m{number}")).await;
        }
        for number in 0..20 {
            answer_next(&store, &format!("turn{number}")).await;
        }
        let before = exported(&store).await;
        let (_folder, path) = write("");
        store.export_to(path.clone()).await.expect("exported");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let other = open(&Place::Folder(folder.path().join("other"))).await;
        other.import(path, ImportMode::Empty).await.expect("imported");
        assert_eq!(exported(&other).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_store_with_something_in_it_is_not_written_over() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let before = exported(&store).await;
        let (_folder, path) = write(&export(&rows()));
        let error = store.import(path, ImportMode::Empty).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
        assert!(error.hint.expect("a hint").english().contains("--merge"));
        assert_eq!(exported(&store).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_merge_adds_what_is_not_there_and_nothing_twice() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "agent:main:c", "own").await;
        let on_their_way = 3 + 1 + 1 + 1;
        let done = given(&store, &rows(), ImportMode::Merge).await;
        let all = rows().len() as u64 - 1;
        let expected = Imported {
            added: all - on_their_way,
            known: 0,
            on_their_way,
            files: 1,
        };
        assert_eq!(done, expected);
        let before = exported(&store).await;
        let again = given(&store, &rows(), ImportMode::Merge).await;
        let expected = Imported {
            added: 0,
            known: all - on_their_way,
            on_their_way,
            files: 0,
        };
        assert_eq!(again, expected);
        assert_eq!(exported(&store).await, before);
        assert_eq!(store.check().await.expect("checked").problems, Vec::new());
        // What waited in the other store is not done here; what waited here still is.
        assert_eq!(claim(&store).await.message.message, "own");
        assert_eq!(store.claim_message(crate::given::LONG).await.expect("a store"), None);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_went_on_elsewhere_is_continued_by_a_merge() {
    on_both(async |place| {
        let store = open(place).await;
        let mut earlier = rows();
        earlier.retain(|(table, row)| !(*table == "items" && row["item"] == "i2"));
        for (table, row) in &mut earlier {
            if *table == "sessions" {
                row["next_seq"] = json!(1);
            }
        }
        given(&store, &earlier, ImportMode::Empty).await;
        let done = given(&store, &rows(), ImportMode::Merge).await;
        assert_eq!(done.added, 1);
        let sessions: Vec<String> = exported(&store).await.lines().map(str::to_owned).collect();
        assert!(
            sessions
                .iter()
                .any(|line| line.contains(r#""id":"s1""#) && line.contains(r#""next_seq":2"#)),
            "{sessions:?}"
        );
        assert_eq!(store.check().await.expect("checked").problems, Vec::new());
    })
    .await;
}

/// The line that the error names.
async fn refused(store: &Store, text: &str) -> String {
    let (_folder, path) = write(text);
    let error = store.import(path.clone(), ImportMode::Empty).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert_eq!(
        Store::check_export(path).await.unwrap_err().kind,
        StoreErrorKind::Invalid
    );
    error.to_string()
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_imported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&Place::Folder(folder.path().join("store"))).await;
    let whole = export(&rows());
    let all: Vec<&str> = whole.lines().collect();
    let without = |at: usize| {
        let mut lines = all.clone();
        lines.remove(at);
        lines.join("\n") + "\n"
    };
    let swapped = {
        let mut lines = all.clone();
        lines.swap(5, 6);
        lines.join("\n") + "\n"
    };
    let with = |row: (&'static str, Value)| {
        let mut rows = rows();
        rows.push(row);
        export(&rows)
    };
    let count = all.len();
    let cases = [
        ("an empty file", String::new(), 0, "beginning"),
        (
            "another file",
            "{\"type\":\"session\",\"id\":\"1\"}\n".to_owned(),
            1,
            "checksum",
        ),
        ("a changed letter", whole.replace("今天", "昨天"), 13, "checksum"),
        ("a line taken out", without(7), count - 1, "checksum"),
        ("two lines swapped", swapped, count, "checksum"),
        ("no header", without(0), 1, "beginning"),
        ("no end", without(count - 1), count - 1, "its end is missing"),
        (
            "half a line",
            whole[..whole.len() - 9].to_owned(),
            count,
            "not complete",
        ),
        (
            "something behind",
            format!("{whole}{}", line("meta", &json!({}))),
            count + 1,
            "behind the end",
        ),
        ("an unknown table", with(("later", json!({}))), count, "no table later"),
        (
            "an unknown column",
            with(("meta", json!({"name": "a", "value": "b", "more": 1}))),
            count,
            "no column more",
        ),
        (
            "a text for a number",
            with(("effects", json!({"begun_at": "1"}))),
            count,
            "effects.begun_at",
        ),
        (
            "other bytes",
            with(("file", json!({"hash": crate::everything::hash(b"a"), "data": ""}))),
            count,
            "attachment",
        ),
    ];
    for (name, text, at, problem) in cases {
        let said = refused(&store, &text).await;
        assert!(
            said.contains(&format!("line {at} ")) && said.contains(problem),
            "{name}: {said}"
        );
    }
    assert_eq!(exported(&store).await, "");
    // What a database does not take is named too, and takes everything with it.
    let (_folder, path) = write(&with(("timers", json!({"id": "t2"}))));
    let error = store.import(path, ImportMode::Empty).await.unwrap_err();
    assert!(error.to_string().contains(&format!("line {count} ")), "{error}");
    assert_eq!(exported(&store).await, "");
}

#[tokio::test]
async fn an_export_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&Place::Folder(folder.path().join("store"))).await;
    for header in [
        json!({"format": "yabby-store", "version": 2, "schema": 1, "at": 1, "from": "sqlite"}),
        json!({"format": "yabby-store", "version": 1, "schema": 999, "at": 1, "from": "sqlite"}),
    ] {
        let (_folder, path) = write(&line("header", &header));
        let error = store.import(path, ImportMode::Empty).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
    }
}

#[tokio::test]
async fn a_backup_is_a_store_and_old_ones_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place::Folder(folder.path().join("store"));
    let store = open(&place).await;
    given(&store, &rows(), ImportMode::Empty).await;
    let before = exported(&store).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(store.backup(None, 3).await.expect("a backup"));
    }
    let kept: Vec<PathBuf> = store.backups().into_iter().map(|backup| backup.path).collect();
    assert_eq!(kept.len(), 3);
    assert!(
        !kept.contains(&made[0].path) && kept.contains(&made[3].path),
        "{kept:?}"
    );
    assert!(
        store
            .backups()
            .iter()
            .all(|backup| backup.kind == BackupKind::Asked && backup.bytes > 4096)
    );
    // What happens afterwards is not in it.
    accept(&store, "later", "m").await;
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&kept[0]), mode(&kept[0].join("yabby.db"))), (0o700, 0o600));
    let copy = open(&Place::Folder(kept[0].clone())).await;
    assert_eq!(exported(&copy).await, before);
    assert_eq!(copy.check().await.expect("checked").problems, Vec::new());
}

#[tokio::test]
async fn a_backup_can_be_imported_and_is_made_while_others_read_and_write() {
    on_both(async |place| {
        let store = open(place).await;
        given(&store, &rows(), ImportMode::Empty).await;
        let before = exported(&store).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let named = folder.path().join("mine");
        let (backup, _) = tokio::join!(store.backup(Some(named.clone()), 3), accept(&store, "later", "m"));
        assert_eq!(backup.expect("a backup").path, named);
        let again = store.backup(Some(named.clone()), 3).await.unwrap_err();
        assert_eq!(again.kind, StoreErrorKind::Invalid);
        let other = open(&Place::Folder(folder.path().join("other"))).await;
        other.import(named, ImportMode::Empty).await.expect("imported");
        let there = exported(&other).await;
        assert!(
            before
                .lines()
                .all(|line| there.contains(line) || line.contains("lanes")),
            "{there}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_large_store_is_exported_page_by_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(&Place::Folder(folder.path().join("store"))).await;
    let mut rows = rows();
    rows.retain(|(table, _)| ["conversations", "sessions"].contains(table));
    for number in 0..800 {
        let size = if number == 500 { 5 << 20 } else { number };
        let body = json!({"kind": "note", "name": "n", "value": "x".repeat(size)}).to_string();
        let item = format!("{number:05}");
        rows.push((
            "items",
            json!({
                "id": number + 1, "item": item, "session": "s1", "seq": number, "at": 1, "kind": "note", "label": "{}",
                "body": body,
            }),
        ));
    }
    for (table, row) in &mut rows {
        if *table == "sessions" {
            row["next_seq"] = json!(800);
        }
    }
    given(&store, &rows, ImportMode::Empty).await;
    assert!(exported(&store).await == lines(&rows));
    let (_folder, path) = write("");
    let done = store.export_to(path).await.expect("exported");
    let expected = Exported {
        rows: 802,
        bytes: done.bytes,
        ..Exported::default()
    };
    assert_eq!(done, expected);
}
