//! What SQLite does not do in a transaction, and so not on the threads of a store: on connections of their own.

use std::path::Path;

use super::{connection, errors, migrate};
use crate::error::Result;

/// Copies the database as it is at one moment into a file, while others write.
pub(crate) fn backup(folder: &Path, to: &Path) -> Result<()> {
    migrate::backup(&connection::to_read(folder)?, to)
}

/// Gives unused space back to the system, brings the log into the database and looks anew at what queries go by. The
/// process has the store.
pub(crate) fn compact(folder: &Path) -> Result<()> {
    let connection = connection::to_write(folder)?;
    let run = "VACUUM; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);";
    connection.execute_batch(run).map_err(errors::sqlite)
}
