//! A connection as every user of the database has it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{DATABASE, errors};
use crate::{error::Result, files};

/// How long a connection waits for another process: a reader, or a backup.
const BUSY_MS: u32 = 5000;
/// Statements that are kept ready.
const PREPARED: usize = 128;

/// A connection that may write. The database is made when it is not there.
pub(super) fn to_write(folder: &Path) -> Result<Connection> {
    let path = folder.join(DATABASE);
    // So that it belongs to its owner alone from the beginning; what SQLite puts beside it follows.
    files::open(&path).map_err(|error| errors::file(&path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(errors::sqlite)?;
    // FULL: a commit is on the disk when it returns; also where the disk has a cache of its own (macOS).
    set_up(
        &connection,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
    )?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn to_read(folder: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(DATABASE), flags).map_err(errors::sqlite)?;
    set_up(&connection, "")?;
    Ok(connection)
}

fn set_up(connection: &Connection, more: &str) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(PREPARED);
    let pragmas = format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; {more}"
    );
    connection.execute_batch(&pragmas).map_err(errors::sqlite)
}
