//! What `check` finds, and what `repair` mends.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use yabby_core::{Message, Time};
use yabby_store::{Access, Content, ImportMode, NewItem, Overview, Place, ProblemKind, Repaired, Store};

use crate::{
    both::{change, on_both, open},
    everything::{PICTURE, export, hash, rows},
    given::{LONG, inbound, session},
};

struct Given {
    _temporary: tempfile::TempDir,
    place: Place,
}

impl Given {
    async fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let place = Place::Folder(temporary.path().join("store"));
        let path = temporary.path().join("export.jsonl");
        fs::write(&path, export(&rows())).expect("written");
        open(&place)
            .await
            .import(path, ImportMode::Empty)
            .await
            .expect("imported");
        Self {
            _temporary: temporary,
            place,
        }
    }

    /// Changes the database behind the store's back.
    fn change(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.place.folder().join("yabby.db")).expect("a database");
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
            .expect("changed");
    }

    /// What is found, as the person reads it.
    async fn problems(&self) -> Vec<(ProblemKind, bool, String)> {
        let store = Store::open(&self.place, Access::Read).await.expect("a store");
        let checked = store.check().await.expect("checked");
        let problem = |problem: yabby_store::Problem| (problem.kind, problem.can_be_repaired, problem.text.english());
        checked.problems.into_iter().map(problem).collect()
    }

    fn file(&self, bytes: &[u8]) -> std::path::PathBuf {
        let hash = hash(bytes);
        self.place.folder().join("attachments").join(&hash[..2]).join(&hash)
    }
}

fn make_old(path: &Path) {
    let file = File::options().write(true).open(path).expect("a file");
    let then = SystemTime::now() - Duration::from_hours(2);
    file.set_modified(then).expect("older");
}

#[tokio::test]
async fn each_problem_is_named() {
    use ProblemKind::{Attachment, Head, Orphan, Reference, Sequence, State, Value};
    let picture = hash(PICTURE);
    let cases = [
        (
            "UPDATE lanes SET head = 1 WHERE key = 'agent:main:d'",
            vec![(Head, true, "agent:main:d does not know what waits in it".to_owned())],
        ),
        (
            "DELETE FROM lanes WHERE kind = 'in' AND key = 'agent:main:c'",
            vec![(Head, true, "agent:main:c does not know what waits in it".to_owned())],
        ),
        (
            "UPDATE sessions SET next_seq = 1",
            vec![(
                Sequence,
                true,
                "session s1 goes on with item 1, and should with 2".to_owned(),
            )],
        ),
        (
            "DELETE FROM item_extras; DELETE FROM item_attachments; DELETE FROM items WHERE item = 'i1'; DELETE FROM attachments",
            vec![(Sequence, false, "session s1 has 1 items of 2".to_owned())],
        ),
        (
            "UPDATE inbox SET state = 'lost' WHERE id = 1",
            vec![(
                State,
                false,
                "1 rows of inbox are in a state that is not known: lost".to_owned(),
            )],
        ),
        (
            "UPDATE timers SET body = '{'",
            vec![(Value, false, "body of timers t cannot be read".to_owned())],
        ),
        (
            "DELETE FROM sessions WHERE id = 's1'; DELETE FROM item_extras; DELETE FROM item_attachments; \
             DELETE FROM items; DELETE FROM attachments",
            vec![(Reference, false, "conversations name s1, which is not there".to_owned())],
        ),
        (
            "DELETE FROM items WHERE item = 'i1'; UPDATE items SET seq = 0; UPDATE sessions SET next_seq = 1",
            vec![
                (
                    Reference,
                    false,
                    "a row of item_attachments belongs to one of items that is not there".to_owned(),
                ),
                (
                    Reference,
                    false,
                    "a row of item_extras belongs to one of items that is not there".to_owned(),
                ),
            ],
        ),
        (
            "UPDATE attachments SET bytes = 3",
            vec![(
                Attachment,
                false,
                format!("the attachment {picture} is not what it was"),
            )],
        ),
        (
            "DELETE FROM item_attachments",
            vec![(Orphan, true, format!("nothing needs the attachment {picture} any more"))],
        ),
    ];
    for (sql, expected) in cases {
        let given = Given::new().await;
        assert_eq!(given.problems().await, []);
        given.change(sql);
        assert_eq!(given.problems().await, expected, "{sql}");
    }
}

#[tokio::test]
async fn files_are_looked_at() {
    let given = Given::new().await;
    let picture = hash(PICTURE);
    fs::write(given.file(PICTURE), "changed").expect("written");
    let problem = (
        ProblemKind::Attachment,
        false,
        format!("the attachment {picture} is not what it was"),
    );
    assert_eq!(given.problems().await, [problem]);
    fs::remove_file(given.file(PICTURE)).expect("removed");
    let problem = (
        ProblemKind::Attachment,
        false,
        format!("the attachment {picture} is not there"),
    );
    assert_eq!(given.problems().await, std::slice::from_ref(&problem));
    let other = given.file(b"other");
    fs::create_dir_all(other.parent().expect("a folder")).expect("made");
    fs::write(&other, "other").expect("written");
    // It may belong to something that is being written.
    assert_eq!(given.problems().await, std::slice::from_ref(&problem));
    make_old(&other);
    let orphan = (
        ProblemKind::Orphan,
        true,
        format!("nothing needs the file {}", other.display()),
    );
    assert_eq!(given.problems().await, [problem, orphan]);
}

#[tokio::test]
async fn what_can_be_made_again_is_repaired() {
    let given = Given::new().await;
    given.change(
        "UPDATE lanes SET head = NULL; DELETE FROM lanes WHERE kind = 'out'; UPDATE sessions SET next_seq = 0; \
         DELETE FROM item_attachments",
    );
    make_old(&given.file(PICTURE));
    assert_eq!(given.problems().await.len(), 4);
    let store = open(&given.place).await;
    let repaired = store.repair().await.expect("repaired");
    let expected = Repaired {
        heads: 2,
        sessions: 1,
        searched: 0,
        orphans: 1,
    };
    assert_eq!(repaired, expected);
    assert_eq!(store.repair().await.expect("repaired"), Repaired::default());
    assert!(!given.file(PICTURE).exists());
    assert_eq!(given.problems().await, []);
    // The message that had waited is found again.
    assert_eq!(crate::given::claim(&store).await.id, 2);
}

/// More than are indexed in one transaction.
const MANY: usize = 1100;

#[tokio::test]
async fn what_is_mended_stays_so_when_a_repair_breaks_off() {
    on_both(async |place| {
        let store = open(place).await;
        let lease = store
            .lease_conversation(session("c").as_str(), LONG)
            .await
            .expect("a store")
            .expect("a lease");
        store
            .begin_session(&lease, None, "new", ("s", Time(1)))
            .await
            .expect("a session");
        let items = (0..MANY).map(|number| NewItem {
            id: format!("i{number}"),
            turn: None,
            at: Time(1),
            content: Content::Message {
                message: Message::user("needle"),
            },
            label: inbound("c", "m").label,
            attempts: Vec::new(),
            files: Vec::new(),
        });
        store.append(&lease, "s", items.collect()).await.expect("kept");
        let mended_before = match place {
            Place::Folder(_) => {
                change(place, "INSERT INTO items_search (items_search) VALUES ('delete-all')");
                0
            }
            Place::Postgres { .. } => {
                change(
                    place,
                    "UPDATE items SET words = NULL; \
                     CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$; \
                     CREATE TRIGGER refuse BEFORE UPDATE ON items FOR EACH ROW WHEN (OLD.item = 'i1050') \
                     EXECUTE FUNCTION refuse()",
                );
                store.repair().await.unwrap_err();
                change(place, "DROP TRIGGER refuse ON items");
                1000
            }
        };
        let repaired = store.repair().await.expect("repaired").searched;
        assert_eq!(repaired, (MANY - mended_before) as u64);
        assert_eq!(store.search("needle", None, 2 * MANY).await.expect("hits").len(), MANY);
        assert_eq!(store.check().await.expect("checked").problems, []);
    })
    .await;
}

#[tokio::test]
async fn a_vacuum_gives_space_back_and_loses_nothing() {
    let given = Given::new().await;
    let store = open(&given.place).await;
    for number in 0..300 {
        crate::given::accept(&store, &format!("c{number}"), &format!("{number}{}", "m".repeat(4000))).await;
    }
    drop(store);
    given.change(
        "DELETE FROM inbox WHERE conversation LIKE 'agent:main:c_%'; DELETE FROM lanes WHERE key LIKE 'agent:main:c_%'",
    );
    let store = open(&given.place).await;
    let before = store.overview().await.expect("numbers");
    // What a process has left that was killed while it imported, or made a backup.
    let left = given.place.folder().join("import-1.part");
    fs::write(&left, "half").expect("written");
    fs::create_dir_all(given.place.folder().join("backups/backup-1.part/attachments")).expect("made");
    let tidied = store.vacuum().await.expect("smaller");
    assert_eq!(tidied.before, before.bytes);
    assert!(tidied.before > tidied.after + 1_000_000, "{tidied:?}");
    assert!(!left.exists() && !given.place.folder().join("backups/backup-1.part").exists());
    let after = store.overview().await.expect("numbers");
    assert_eq!(
        after,
        Overview {
            bytes: after.bytes,
            ..before
        }
    );
    assert_eq!(store.check().await.expect("checked").problems, []);
    assert_eq!(crate::given::claim(&store).await.id, 2);
}

#[tokio::test]
async fn both_databases_are_counted_checked_and_made_small() {
    on_both(async |place| {
        let store = open(place).await;
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let path = temporary.path().join("export.jsonl");
        fs::write(&path, export(&rows())).expect("written");
        store.import(path, ImportMode::Empty).await.expect("imported");
        let overview = store.overview().await.expect("numbers");
        let expected = Overview {
            bytes: overview.bytes,
            conversations: 1,
            sessions: 1,
            items: 2,
            attachments: 1,
            waiting_in: 1,
            waiting_out: 1,
            questions: 1,
            last_item: Some(Time(12)),
        };
        assert_eq!(overview, expected);
        assert!(overview.bytes > 100_000, "{overview:?}");
        assert_eq!(store.check().await.expect("checked").problems, []);
        assert_eq!(store.repair().await.expect("repaired"), Repaired::default());
        let tidied = store.vacuum().await.expect("tidied");
        assert_eq!((tidied.before > 0, tidied.attachments), (true, 0));
        assert_eq!(store.check().await.expect("checked").problems, []);
    })
    .await;
}
