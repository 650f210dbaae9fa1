//! Sessions of OpenClaw, in both of its forms.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use yabby_store::{Content, FromOpenclaw, ImportMode, Skipped, Store, read_openclaw_transcript};

use crate::both::{on_both, open};

const PNG: &str = "iVBORw0KGgo=";

fn lines(all: &[Value]) -> String {
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

#[expect(clippy::needless_pass_by_value, reason = "it is made where it is given")]
fn said(id: &str, parent: Value, role: &str, content: Value) -> Value {
    json!({
        "type": "message", "id": id, "parentId": parent, "timestamp": "2026-04-20T10:00:02.000Z",
        "message": {"role": role, "content": content, "toolCallId": "call", "toolName": "exec"},
    })
}

/// A conversation with a branch that was left, a call, a picture, thoughts and a summary.
fn transcript() -> Vec<Value> {
    vec![
        json!({"type": "session", "version": 3, "id": "s1", "timestamp": "2026-04-20T10:00:00.000Z", "cwd": "/tmp"}),
        json!({"type": "model_change", "id": "m", "parentId": null, "provider": "lmstudio", "modelId": "qwen"}),
        said("u1", json!("m"), "user", json!("今天天氣如何？")),
        said(
            "x1",
            json!("u1"),
            "assistant",
            json!([{"type": "text", "text": "left behind"}]),
        ),
        said(
            "a1",
            json!("u1"),
            "assistant",
            json!([
                {"type": "thinking", "thinking": "SECRET-THOUGHT", "thinkingSignature": "SECRET-SIGNATURE"},
                {"type": "text", "text": "I look."},
                {"type": "toolCall", "id": "call", "name": "exec", "arguments": {"command": "date"}},
            ]),
        ),
        said(
            "t1",
            json!("a1"),
            "toolResult",
            json!([{"type": "text", "text": "Monday"}]),
        ),
        json!({"type": "custom", "id": "c", "parentId": "t1", "customType": "state", "data": {"a": 1}}),
        said(
            "u2",
            json!("c"),
            "user",
            json!([
                {"type": "text", "text": "And this?"},
                {"type": "image", "data": PNG, "mimeType": "image/png"},
                {"type": "image", "data": "AAAA", "mimeType": "image/heic"},
            ]),
        ),
        said(
            "a2",
            json!("u2"),
            "assistant",
            json!([{"type": "thinking", "thinking": "SECRET-THOUGHT"}]),
        ),
        json!({"type": "compaction", "id": "k", "parentId": "a2", "summary": "Weather.", "firstKeptEntryId": "u2"}),
        json!({"type": "session_info", "id": "i", "parentId": "k", "name": "天氣"}),
        json!({"type": "from_the_future", "id": "f", "parentId": "i"}),
        json!({
            "type": "message", "id": "a3", "parentId": "f",
            "message": {"role": "assistant", "content": "Goodbye.", "timestamp": 1_776_679_300_000_i64},
        }),
    ]
}

fn skipped() -> BTreeMap<Skipped, u64> {
    BTreeMap::from([
        (Skipped::Thinking, 2),
        (Skipped::Aside, 1),
        (Skipped::Picture, 1),
        (Skipped::Empty, 1),
        (Skipped::Unknown, 1),
        (Skipped::OtherBranch, 1),
    ])
}

/// An entry and an archive, as `zstd` of Debian has compressed them.
const PACKED_EVENT: &[u8] = include_bytes!("packed/event.zst");
const PACKED_ARCHIVE: &[u8] = include_bytes!("packed/archive.zst");

/// A folder of OpenClaw before 2026.7.
fn with_files(folder: &Path) {
    let sessions = folder.join("agents/main/sessions");
    fs::create_dir_all(&sessions).expect("a folder");
    let index = json!({
        "agent:main:main": {"sessionId": "s1", "updatedAt": 1_776_679_300_000_i64},
        "agent:main:telegram:dm:7": {"sessionId": "s2", "sessionFile": "/elsewhere/s2-topic-9.jsonl", "displayName": "Ann"},
        "nothing": 7,
    });
    fs::write(sessions.join("sessions.json"), index.to_string()).expect("written");
    // The last line is torn.
    fs::write(sessions.join("s1.jsonl"), lines(&transcript()) + "{\"type\":\"mess").expect("written");
    let one = |id: &str, text: &str| {
        let header = json!({"type": "session", "id": id, "timestamp": "2026-04-01T00:00:00Z"});
        lines(&[header, said("u", json!(null), "user", json!(text))])
    };
    fs::write(sessions.join("s2-topic-9.jsonl"), one("s2", "topic")).expect("written");
    fs::write(
        sessions.join("old.jsonl.reset.2026-04-02T00-00-00.000Z"),
        one("old", "reset"),
    )
    .expect("written");
    fs::write(
        sessions.join("s1.jsonl.deleted.2026-04-02T00-00-00.000Z"),
        one("s1", "earlier"),
    )
    .expect("written");
    fs::write(
        sessions.join("packed.jsonl.deleted.2026-04-20T10-00-00.000Z.zst"),
        PACKED_ARCHIVE,
    )
    .expect("written");
    fs::write(sessions.join("gone.jsonl"), one("gone", "no key")).expect("written");
    fs::write(sessions.join("s1.trajectory.jsonl"), "{}\n").expect("written");
}

/// The same conversation as OpenClaw keeps it since 2026.9.
fn with_database(folder: &Path) -> rusqlite::Connection {
    let agent = folder.join("agents/main/agent");
    fs::create_dir_all(&agent).expect("a folder");
    let connection = rusqlite::Connection::open(agent.join("openclaw-agent.sqlite")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE session_nodes (session_key TEXT PRIMARY KEY, current_session_id TEXT, entry_json TEXT);
             CREATE TABLE session_windows (session_id TEXT PRIMARY KEY, session_key TEXT);
             CREATE TABLE transcript_events (
               session_id TEXT, seq INTEGER, event_json TEXT, created_at INTEGER, event_zstd BLOB,
               PRIMARY KEY (session_id, seq));
             CREATE TABLE session_transcript_archives (
               session_id TEXT, session_key TEXT, reason TEXT, encoding TEXT, archive_blob BLOB, created_at INTEGER);
             INSERT INTO session_nodes VALUES ('agent:main:main', 's1', '{\"sessionId\":\"s1\",\"displayName\":\"Main\"}');
             INSERT INTO session_windows VALUES ('s1', 'agent:main:main'), ('s0', 'agent:main:main');
             INSERT INTO transcript_events VALUES
               ('s0', 0, '{\"type\":\"message\",\"id\":\"u\",\"parentId\":null,\"message\":{\"role\":\"user\",\"content\":\"before\"}}', 5, NULL),
               ('s0', 1, NULL, 6, x'28b52ffd');",
        )
        .expect("made");
    for (seq, line) in (0_i64..).zip(transcript()) {
        let row = rusqlite::params!["s1", seq, line.to_string(), 1];
        let insert = "INSERT INTO transcript_events VALUES (?1, ?2, ?3, ?4, NULL)";
        connection.execute(insert, row).expect("added");
    }
    let archive = lines(&[said("u", json!(null), "user", json!("archived"))]);
    let insert =
        "INSERT INTO session_transcript_archives VALUES ('a', 'agent:main:slack:dm:u', 'reset', 'identity', ?1, 1)";
    connection.execute(insert, [archive.into_bytes()]).expect("added");
    let insert = "INSERT INTO transcript_events VALUES ('s0', 2, NULL, 7, ?1)";
    connection.execute(insert, [PACKED_EVENT]).expect("added");
    let insert = "INSERT INTO session_transcript_archives VALUES ('z', 'agent:main:main', 'deleted', 'zstd', ?1, 2)";
    connection.execute(insert, [PACKED_ARCHIVE]).expect("added");
    connection
}

/// Everything in a folder, to see that it was not touched.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(everything(&path));
        } else if !path.ends_with("openclaw-agent.sqlite-shm") {
            let changed = fs::metadata(&path).expect("a file").modified().expect("a time");
            all.push((path.clone(), fs::read(&path).expect("bytes"), changed));
        }
    }
    all.sort();
    all
}

/// The rows of a table, without what this test does not care about.
async fn rows(store: &Store, table: &str, columns: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.jsonl");
    store.export_to(path.clone()).await.expect("exported");
    let text = fs::read_to_string(&path).expect("text");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut rows: Vec<String> = lines
        .filter(|line| line["t"] == table)
        .map(|line| {
            let values: Vec<String> = columns.iter().map(|name| line["r"][name].to_string()).collect();
            values.join(" ")
        })
        .collect();
    rows.sort();
    rows
}

async fn bodies(store: &Store) -> Vec<Content> {
    let rows = rows(store, "items", &["at", "body"]).await;
    let body = |row: &String| {
        let (_, text) = row.split_once(' ').expect("two columns");
        let text: String = serde_json::from_str(text).expect("a text");
        serde_json::from_str(&text).expect("content")
    };
    rows.iter().map(body).collect()
}

#[tokio::test]
async fn files_become_sessions() {
    on_both(async |place| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        with_files(folder.path());
        let before = everything(folder.path());
        let store = open(place).await;
        let mut expected = FromOpenclaw {
            sessions: 5,
            known: 0,
            items: 11,
            skipped: skipped(),
            problems: Vec::new(),
        };
        expected.skipped.insert(Skipped::Unreadable, 1);
        let import = async |dry_run| store.import_openclaw(folder.path().to_owned(), dry_run).await.unwrap();
        assert_eq!(import(true).await, expected);
        assert_eq!(rows(&store, "sessions", &["id"]).await, [""; 0]);
        assert_eq!(import(false).await, expected);
        assert_eq!(everything(folder.path()), before);
        let sessions = rows(
            &store,
            "sessions",
            &["conversation", "title", "ended_by", "source", "active_at"],
        )
        .await;
        insta::assert_snapshot!("sessions_of_files", sessions.join("\n"));
        let conversations = rows(&store, "conversations", &["key", "session"]).await;
        let current: Vec<bool> = conversations.iter().map(|row| !row.ends_with("null")).collect();
        assert_eq!(current, [true, false, false, false, true], "{conversations:?}");
        // Once more, and nothing is added.
        expected.sessions = 0;
        expected.known = 5;
        expected.items = 0;
        assert_eq!(import(false).await, expected);
        // OpenClaw has gone on.
        let path = folder.path().join("agents/main/sessions/s1.jsonl");
        let more = said("u9", json!("a3"), "user", json!("one more"));
        fs::write(&path, lines(&transcript()) + &lines(&[more])).expect("written");
        expected.items = 1;
        expected.skipped.remove(&Skipped::Unreadable);
        assert_eq!(import(false).await, expected);
        let problems = store.check().await.expect("checked").problems;
        assert_eq!(problems, []);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_what_was_said_and_never_what_was_thought() {
    let content = read_openclaw_transcript(lines(&transcript()).as_bytes());
    let written = serde_json::to_string_pretty(&content).expect("JSON");
    assert!(
        !written.contains("SECRET") && !written.contains("left behind"),
        "{written}"
    );
    insta::assert_snapshot!("a_conversation", written);
}

#[tokio::test]
async fn the_database_comes_before_the_files() {
    on_both(async |place| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        with_files(folder.path());
        let openclaw = with_database(folder.path());
        let store = open(place).await;
        // OpenClaw is running: its log is not empty.
        let before = everything(folder.path());
        let import = async || store.import_openclaw(folder.path().to_owned(), false).await.unwrap();
        let done = import().await;
        assert_eq!(everything(folder.path()), before);
        let mut expected = FromOpenclaw {
            sessions: 8,
            known: 0,
            items: 15,
            skipped: skipped(),
            problems: Vec::new(),
        };
        expected.skipped.insert(Skipped::Compressed, 1);
        assert_eq!(done, expected);
        let sessions = rows(
            &store,
            "sessions",
            &["conversation", "title", "ended_by", "source", "active_at"],
        )
        .await;
        insta::assert_snapshot!("sessions_of_a_database", sessions.join("\n"));
        // And it has ended: all of it is in one file.
        drop(openclaw);
        let before = everything(folder.path());
        let again = import().await;
        assert_eq!((again.sessions, again.known, again.items), (0, 8, 0));
        assert_eq!(everything(folder.path()), before);
        let left = fs::read_dir(place.folder()).expect("a folder");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(
            !left.iter().any(|name| name.to_string_lossy().contains("openclaw")),
            "{left:?}"
        );
        assert!(bodies(&store).await.len() == 15);
    })
    .await;
}

#[tokio::test]
async fn what_yabby_has_gone_on_with_stays_as_it_is() {
    on_both(async |place| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        with_files(folder.path());
        let store = open(place).await;
        let own = crate::everything::export(&[(
            "conversations",
            json!({
                "key": "agent:main:main", "agent": "main", "session": "own", "origin": "null", "state": "{}",
                "updated_at": 1,
            }),
        )]);
        let path = folder.path().join("own.jsonl");
        fs::write(&path, own).expect("written");
        store.import(path, ImportMode::Empty).await.expect("imported");
        store.import_openclaw(folder.path().to_owned(), false).await.unwrap();
        let main = rows(&store, "conversations", &["key", "session"]).await;
        assert!(main.contains(&r#""agent:main:main" "own""#.to_owned()), "{main:?}");
        let sessions = rows(&store, "sessions", &["conversation", "ended_by"]).await;
        assert!(
            sessions.contains(&r#""agent:main:main" "imported""#.to_owned()),
            "{sessions:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_is_imported() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path().join("openclaw");
    with_files(&folder);
    let agent = folder.join("agents/main/agent");
    fs::create_dir_all(&agent).expect("a folder");
    fs::write(
        agent.join("openclaw-agent.sqlite"),
        "no database, and not a short one either".repeat(40),
    )
    .expect("written");
    fs::write(folder.join("agents/main/sessions/sessions.json"), "{").expect("written");
    let store = open(&yabby_store::Place::Folder(temporary.path().join("store"))).await;
    let done = store.import_openclaw(folder, false).await.unwrap();
    assert_eq!((done.sessions, done.problems.len()), (5, 2), "{done:?}");
    let none = store
        .import_openclaw(temporary.path().join("none"), false)
        .await
        .unwrap_err();
    assert_eq!(none.kind, yabby_store::StoreErrorKind::Missing);
}

fn entry() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(message|leaf|session|compaction|user|assistant|toolResult|text|image|thinking|side|[a-c]|.{0,5})"
            .prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "type",
        "id",
        "parentId",
        "targetId",
        "appendParentId",
        "appendMode",
        "message",
        "role",
        "content",
        "text",
        "data",
        "arguments",
        "summary",
        "firstKeptEntryId",
        "timestamp",
        "name",
    ]);
    leaf.prop_recursive(3, 24, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_file_holds_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_openclaw_transcript(&bytes);
    }

    #[test]
    fn whatever_the_entries_are_nothing_panics(all in prop::collection::vec(entry(), 0..8)) {
        let _ = read_openclaw_transcript(lines(&all).as_bytes());
    }
}
