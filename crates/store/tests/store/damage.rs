//! What a killed machine or a bad disk leaves behind: the store opens with everything that was acknowledged, or says that it
//! is damaged and keeps a copy.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use yabby_store::{Access, Place, Store, StoreError, StoreErrorKind};

use crate::{both::open, given::accept};

const PAGE: u64 = 4096;
/// A process that was killed.
const KILLED: &str = r#"{"pid":1,"closed":false}"#;

/// What was acknowledged.
#[derive(Clone)]
struct Acknowledged(Vec<(i64, String)>);

impl Acknowledged {
    /// Whether all of it is there, as it was said.
    async fn is_there(&self, store: &Store) -> Result<(), StoreError> {
        for (id, message) in &self.0 {
            let found = store.inbound(*id).await?;
            let found = found.map(|(inbound, _)| (inbound.message, inbound.body));
            let expected = (message.clone(), serde_json::json!({"text": message}));
            assert_eq!(found, Some(expected), "{id}");
        }
        Ok(())
    }

    async fn add(&mut self, store: &Store, name: &str, bytes: usize) {
        let message = format!("{name}{}", "x".repeat(bytes));
        let id = accept(store, name, &message).await;
        self.0.push((id, message));
    }
}

struct Folder {
    temporary: tempfile::TempDir,
    count: std::cell::Cell<usize>,
}

impl Folder {
    fn new() -> Self {
        Self {
            temporary: tempfile::tempdir().expect("a temporary folder"),
            count: std::cell::Cell::new(0),
        }
    }

    fn store(&self) -> Place {
        Place::Folder(self.temporary.path().join("store"))
    }

    fn file(&self, end: &str) -> PathBuf {
        self.temporary.path().join("store").join(format!("yabby.db{end}"))
    }

    /// The store as a killed process has left it, with these files.
    fn left(&self, database: &[u8], log: &[u8]) -> Place {
        self.count.set(self.count.get() + 1);
        let folder = self.temporary.path().join(format!("left{}", self.count.get()));
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("yabby.db"), database).expect("written");
        fs::write(folder.join("yabby.db-wal"), log).expect("written");
        fs::write(folder.join("lock"), KILLED).expect("written");
        Place::Folder(folder)
    }
}

fn copies(place: &Place) -> usize {
    let entries = fs::read_dir(place.folder().join("backups"));
    entries.map_or(0, |entries| {
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("damaged-"))
            .count()
    })
}

/// Opens it: all is there and in order, and it can be written.
async fn opens(place: &Place, acknowledged: &Acknowledged) -> Store {
    let store = open(place).await;
    acknowledged.is_there(&store).await.expect("all of it");
    assert_eq!(store.check().await.expect("checked").problems, []);
    accept(&store, "later", "later").await;
    store
}

#[tokio::test]
async fn a_log_that_was_cut_anywhere_loses_nothing_that_was_acknowledged_before() {
    let folder = Folder::new();
    let mut before = Acknowledged(Vec::new());
    let store = open(&folder.store()).await;
    for number in 0..5 {
        before.add(&store, &format!("c{number}"), 10_000 * number).await;
    }
    let begin = fs::metadata(folder.file("-wal")).expect("a log").len();
    let mut after = before.clone();
    after.add(&store, "last", 8_000).await;
    let (database, log) = (fs::read(folder.file("")), fs::read(folder.file("-wal")));
    let (database, log) = (database.expect("bytes"), log.expect("bytes"));
    let end = log.len();
    let begin = usize::try_from(begin).expect("a size");
    assert!(end > begin + 8_000, "{begin} {end}");
    for cut in (begin..end).step_by(512) {
        opens(&folder.left(&database, &log[..cut]), &before).await;
        // The same torn: what was to be written there is not what is there.
        let mut torn = log.clone();
        torn[cut..(cut + 512).min(end)].fill(0xa5);
        opens(&folder.left(&database, &torn), &before).await;
    }
    opens(&folder.left(&database, &log), &after).await;
}

#[tokio::test]
async fn a_page_that_was_wiped_is_seen_and_a_copy_is_kept() {
    let folder = Folder::new();
    let mut acknowledged = Acknowledged(Vec::new());
    let store = open(&folder.store()).await;
    // Rows of one page and of several, enough for trees of more than one level, and pages that are free again.
    for number in 0..40 {
        let bytes = if number % 20 == 0 { 20_000 } else { 40 * number };
        acknowledged.add(&store, &format!("c{number}"), bytes).await;
    }
    drop(store);
    let connection = rusqlite::Connection::open(folder.file("")).expect("a database");
    connection
        .execute_batch("CREATE TABLE free AS SELECT body FROM inbox; DROP TABLE free; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("free pages");
    drop(connection);
    let database = fs::read(folder.file("")).expect("bytes");
    let pages = database.len() as u64 / PAGE;
    let (mut refused, mut named, mut whole) = (0, 0, 0);
    for page in 0..pages {
        let place = folder.left(&database, &[]);
        let file = fs::File::options().write(true).open(place.folder().join("yabby.db"));
        file.expect("a file")
            .write_all_at(&[0; 4096], page * PAGE)
            .expect("wiped");
        match Store::open(&place, Access::Write).await {
            Err(error) => {
                assert_eq!(error.kind, StoreErrorKind::Damaged, "page {page}: {error}");
                assert_eq!(copies(&place), 1, "page {page}");
                assert!(error.hint.is_some());
                refused += 1;
            }
            // The end of a long text, or a page that nothing uses.
            Ok(store) => {
                let checked = store.check().await.expect("checked");
                if checked.problems.is_empty() {
                    acknowledged.is_there(&store).await.expect("all of it");
                    whole += 1;
                } else {
                    named += 1;
                }
            }
        }
    }
    println!("{pages} pages: {refused} refused, {named} named by check, {whole} not needed");
    assert!(refused > pages / 2 && whole > 0, "{refused} {named} {whole}");
}

#[tokio::test]
async fn damage_that_is_met_later_ends_the_store_and_keeps_a_copy() {
    let folder = Folder::new();
    let mut acknowledged = Acknowledged(Vec::new());
    let store = open(&folder.store()).await;
    for number in 0..300 {
        acknowledged.add(&store, &format!("c{number}"), 1000).await;
    }
    drop(store);
    let database = fs::read(folder.file("")).expect("bytes");
    let place = folder.left(&database, &[]);
    // It was closed: it is not looked at as a whole.
    fs::write(place.folder().join("lock"), r#"{"pid":1,"closed":true}"#).expect("written");
    let file = fs::File::options().write(true).open(place.folder().join("yabby.db"));
    let file = file.expect("a file");
    // Pages with messages, and none of those that opening needs.
    let (mut at, mut wiped) = (0, 0);
    for page in database.chunks(4096) {
        if page.windows(900).any(|part| part.iter().all(|byte| *byte == b'x')) {
            file.write_all_at(&[0; 4096], at).expect("wiped");
            wiped += 1;
        }
        at += PAGE;
    }
    assert!(wiped > 50, "{wiped}");
    let store = open(&place).await;
    let error = acknowledged.is_there(&store).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    assert_eq!(copies(&place), 1);
    // Told once more, and copied no more.
    let error = acknowledged.is_there(&store).await.unwrap_err();
    assert_eq!((error.kind, copies(&place)), (StoreErrorKind::Damaged, 1));
}

async fn opens_with_lock(folder: &Path, lock: &[u8]) {
    fs::write(folder.join("lock"), lock).expect("written");
    let place = Place::Folder(folder.to_owned());
    let store = open(&place).await;
    let second = Store::open(&place, Access::Write).await.unwrap_err();
    let pid = Some(std::process::id());
    assert_eq!(second.kind, StoreErrorKind::InUse { pid });
    drop(store);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_lock_file_may_hold_anything(lock in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            for lock in [lock.as_slice(), b"", KILLED.as_bytes(), b"{\"pid\":\"x\"}", b"{\"pid\":99999999999}"] {
                opens_with_lock(folder.path(), lock).await;
            }
        });
    }
}

#[tokio::test]
async fn damage_that_is_met_while_it_is_opened_is_copied_too() {
    let folder = Folder::new();
    let store = open(&folder.store()).await;
    for number in 0..200 {
        accept(&store, &format!("conversation {number}"), &format!("m{number}")).await;
    }
    drop(store);
    let place = folder.left(&fs::read(folder.file("")).expect("bytes"), &[]);
    fs::write(place.folder().join("lock"), r#"{"pid":1,"closed":true}"#).expect("written");
    let database = place.folder().join("yabby.db");
    let file = fs::File::options().write(true).open(&database).expect("a file");
    for page in 1..fs::metadata(&database).expect("a file").len() / PAGE {
        file.write_all_at(&[0; 4096], page * PAGE).expect("wiped");
    }
    let error = Store::open(&place, Access::Write).await.unwrap_err();
    assert_eq!((error.kind, copies(&place)), (StoreErrorKind::Damaged, 1), "{error}");
}
