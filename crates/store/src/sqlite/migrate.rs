//! Bringing an older database up to date.

use std::path::Path;

use rusqlite::Connection;

use super::{BACKUPS, DATABASE, errors, tx::SqliteTx};
use crate::{
    error::Result,
    files,
    ids::new_id,
    schema,
    sql::{Flavor, Tx as _, params},
};

/// The version of a database; a file with nothing in it has 0.
pub(super) fn version(connection: &Connection) -> Result<usize> {
    let mut tx = tx(connection);
    let meta = tx.query_one("SELECT 1 FROM sqlite_schema WHERE name = 'meta'", params![])?;
    if meta.is_none() {
        return Ok(0);
    }
    schema::version(&mut tx)
}

/// Takes the steps that are missing, all or none. What was there is copied first.
pub(super) fn up_to_date(connection: &Connection, folder: &Path) -> Result<()> {
    take(connection, folder, schema::steps(Flavor::Sqlite))
}

fn take(connection: &Connection, folder: &Path, steps: &[&str]) -> Result<()> {
    let found = version(connection)?;
    if found > steps.len() {
        return Err(schema::newer(found));
    }
    if found == steps.len() {
        return Ok(());
    }
    if found > 0 {
        // A folder that is a store, as backups are. The attachments stay as they are.
        let name = format!("before-schema-{}-{}", steps.len(), new_id());
        backup(connection, &folder.join(BACKUPS).join(name).join(DATABASE))?;
    }
    let run = |sql: &str| connection.execute_batch(sql).map_err(errors::sqlite);
    run("BEGIN IMMEDIATE")?;
    let taken = steps.iter().skip(found).try_for_each(|step| run(step));
    let noted = taken.and_then(|()| schema::set_version(&mut tx(connection), steps.len()));
    let done = noted.and_then(|()| run("COMMIT"));
    if done.is_err() {
        let _ = run("ROLLBACK");
    }
    done
}

/// A copy of the database as it is now, in one file.
pub(super) fn backup(connection: &Connection, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        files::folder(folder).map_err(|error| files::failed(folder, error))?;
    }
    // So that it belongs to its owner alone; SQLite writes into an empty file.
    files::open(to).map_err(|error| files::failed(to, error))?;
    let to = to.display().to_string();
    connection.execute("VACUUM INTO ?1", [to]).map_err(errors::sqlite)?;
    Ok(())
}

fn tx(connection: &Connection) -> SqliteTx<'_> {
    SqliteTx {
        connection,
        wakes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{error::StoreErrorKind, sqlite::connection};

    /// The steps of today, and one that a later version might take.
    fn later(step: &'static str) -> Vec<&'static str> {
        let mut steps = schema::steps(Flavor::Sqlite).to_vec();
        steps.push(step);
        steps
    }

    const ADDS: &str = "CREATE TABLE later (id TEXT PRIMARY KEY) STRICT; \
                        ALTER TABLE sessions ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'; \
                        INSERT INTO later SELECT id FROM sessions;";

    fn opened(folder: &Path) -> Connection {
        let connection = connection::to_write(folder).unwrap();
        up_to_date(&connection, folder).unwrap();
        let session = "INSERT INTO sessions (id, conversation, agent, begun_at, active_at, label) \
                       VALUES ('s', 'c', 'main', 1, 2, '{}')";
        connection.execute_batch(session).unwrap();
        connection
    }

    fn backups(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(folder.join(BACKUPS));
        entries.map_or(Vec::new(), |entries| {
            entries.map(|entry| entry.unwrap().path()).collect()
        })
    }

    fn dump(connection: &Connection) -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
            .unwrap();
        let sql = statement.query_map([], |row| row.get(0)).unwrap();
        sql.map(Result::unwrap).collect()
    }

    #[test]
    fn an_older_store_becomes_a_newer_one_and_is_copied_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let connection = opened(folder);
        assert_eq!(backups(folder).len(), 0);
        let steps = later(ADDS);
        take(&connection, folder, &steps).unwrap();
        assert_eq!(version(&connection).unwrap(), steps.len());
        let row = connection.query_row("SELECT s.id, mood, l.id FROM sessions s, later l", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        });
        let row: (String, String, String) = row.unwrap();
        assert_eq!(row, ("s".to_owned(), "fine".to_owned(), "s".to_owned()));
        // Once, and the copy is what was there before.
        take(&connection, folder, &steps).unwrap();
        let copies = backups(folder);
        assert_eq!(copies.len(), 1);
        let copy = connection::to_read(&copies[0]).unwrap();
        assert_eq!(version(&copy).unwrap(), schema::VERSION);
        let count: i64 = copy
            .query_row("SELECT COUNT(*) FROM sessions", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 1);
        // The version of before does not touch it.
        let error = up_to_date(&connection, folder).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
    }

    #[test]
    fn a_step_that_fails_has_not_happened() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let connection = opened(folder);
        let before = dump(&connection);
        let steps = later("CREATE TABLE later (id TEXT); DROP TABLE timers; INSERT INTO nowhere VALUES (1);");
        take(&connection, folder, &steps).unwrap_err();
        assert_eq!(version(&connection).unwrap(), schema::VERSION);
        assert_eq!(dump(&connection), before);
        assert_eq!(backups(folder).len(), 1);
        up_to_date(&connection, folder).unwrap();
    }
}
