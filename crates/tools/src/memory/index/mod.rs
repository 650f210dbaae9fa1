//! The index of the memory: an SQLite file that is made from the notes, and made again when it is missing or broken.

mod find;
mod refresh;
mod vectors;

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode};
use yabby_core::Label;

pub(super) use find::{Found, Wanted, find};
pub(super) use refresh::{Limits, Refreshed, refresh};
pub(super) use vectors::{Missing, Vector, count_missing, forget_others, keep, missing};

/// Goes up with the schema, and with how notes are cut: an index of another version is made anew.
const VERSION: i64 = 1;

/// Words are kept as they are cut, and nothing of them but the index; FTS5 finds the stems of English ones
/// (<https://sqlite.org/fts5.html>).
const SCHEMA: &str = "
    CREATE TABLE notes (path TEXT PRIMARY KEY, hash BLOB NOT NULL, pieces INTEGER NOT NULL, label TEXT) STRICT;
    CREATE TABLE pieces (id INTEGER PRIMARY KEY, path TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                         headings TEXT NOT NULL, text TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
    CREATE INDEX pieces_by_path ON pieces (path);
    CREATE INDEX pieces_by_hash ON pieces (hash);
    CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1,
                                           tokenize = 'porter unicode61 remove_diacritics 2');
    CREATE TABLE vectors (model TEXT NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL,
                          PRIMARY KEY (model, hash)) STRICT, WITHOUT ROWID;
";

/// The index.
pub(super) struct Index {
    path: PathBuf,
    connection: Connection,
}

impl Index {
    /// Opens the index, or makes it.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let opened = connect(path);
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) if is_broken(&error) => {
                remove(path);
                connect(path)?
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    /// Does something with the index; again with a new one, when it turns out to be broken.
    pub(super) fn with<T>(&mut self, work: impl Fn(&mut Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        match work(&mut self.connection) {
            Err(error) if is_broken(&error) => {
                remove(&self.path);
                self.connection = connect(&self.path)?;
                work(&mut self.connection)
            }
            done => done,
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let cannot = |error: io::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    // What the owner noted is for the owner alone; what SQLite puts beside it follows.
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options.open(path).map_err(cannot)?;
    let mut connection = Connection::open(path)?;
    // It can be made again, so that nothing waits for the disk.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != VERSION {
        for table in ["words", "vectors", "pieces", "notes"] {
            transaction.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
        }
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(connection)
}

fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // What cannot be removed is met again when it is opened.
        let _ = fs::remove_file(PathBuf::from(name));
    }
}

/// The label that a note was stored with. What cannot be read is nobody's.
fn label(text: Option<String>) -> Option<Label> {
    text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| super::origin::label("memory", "<!-- label ")))
}

/// A number as SQLite keeps it.
fn kept(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was kept.
fn number(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<usize> {
    let number: i64 = row.get(at)?;
    usize::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, number))
}
