//! A connection as every user of the database has it.

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use rusqlite::{Connection, OpenFlags, ffi::ErrorCode};

use super::{DATABASE, LOG, errors};
use crate::{error::Result, files, portable::hex};

/// How long a connection waits for another process: a reader, or a backup.
const BUSY_MS: u32 = 5000;
/// Statements that are kept ready.
const PREPARED: usize = 128;

/// A connection that may write. The database is made when it is not there.
pub(super) fn to_write(folder: &Path) -> Result<Connection> {
    let path = folder.join(DATABASE);
    // So that it belongs to its owner alone from the beginning; what SQLite puts beside it follows.
    files::open(&path).map_err(|error| files::failed(&path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(errors::sqlite)?;
    // FULL: a commit is on the disk when it returns; also where the disk has a cache of its own (macOS).
    set_up(
        &connection,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
    )?;
    Ok(connection)
}

/// A connection that only reads. It holds what it needs from the beginning, so that it can read also when no more files can
/// be opened.
pub(super) fn to_read(folder: &Path) -> Result<Connection> {
    let path = folder.join(DATABASE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags).and_then(in_use);
    let cannot_open = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::CannotOpen);
    let connection = match opened {
        // SQLite makes files beside a database in order to read it. Where nobody can make any, nobody writes either.
        Err(error) if cannot_open(&error) && !can_be_written(folder) && !has_log(folder) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(unchanging(&path), flags).and_then(in_use)
        }
        opened => opened,
    };
    let connection = connection.map_err(errors::sqlite)?;
    set_up(&connection, "")?;
    Ok(connection)
}

/// The URI of a database that nobody changes, so that nothing but its file is looked at.
pub(crate) fn unchanging(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push('%');
            uri.push_str(&hex(&[*byte]));
        }
    }
    uri + "?immutable=1"
}

/// With the log and the lock on it.
fn in_use(connection: Connection) -> rusqlite::Result<Connection> {
    connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn can_be_written(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

fn has_log(folder: &Path) -> bool {
    folder.join(LOG).exists()
}

fn set_up(connection: &Connection, more: &str) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(PREPARED);
    let pragmas = format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; {more}"
    );
    connection.execute_batch(&pragmas).map_err(errors::sqlite)
}
