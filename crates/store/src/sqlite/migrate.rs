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
    let found = version(connection)?;
    if found > schema::VERSION {
        return Err(schema::newer(found));
    }
    if found == schema::VERSION {
        return Ok(());
    }
    if found > 0 {
        let name = format!("before-schema-{}-{}.db", schema::VERSION, new_id());
        backup(connection, &folder.join(BACKUPS).join(name))?;
    }
    let run = |sql: &str| connection.execute_batch(sql).map_err(errors::sqlite);
    run("BEGIN IMMEDIATE")?;
    let steps = schema::steps(Flavor::Sqlite).iter().skip(found);
    let taken = steps.map(|step| run(step)).collect::<Result<()>>();
    let noted = taken.and_then(|()| schema::set_version(&mut tx(connection), schema::VERSION));
    let done = noted.and_then(|()| run("COMMIT"));
    if done.is_err() {
        let _ = run("ROLLBACK");
    }
    done
}

/// A copy of the database as it is now, in one file.
pub(super) fn backup(connection: &Connection, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        files::folder(folder).map_err(|error| errors::file(folder, error))?;
    }
    // So that it belongs to its owner alone; SQLite writes into an empty file.
    files::open(to).map_err(|error| errors::file(to, error))?;
    let to = to.display().to_string();
    connection.execute("VACUUM INTO ?1", [to]).map_err(errors::sqlite)?;
    Ok(())
}

fn tx(connection: &Connection) -> SqliteTx<'_> {
    SqliteTx {
        connection,
        me: DATABASE,
        wakes: Vec::new(),
    }
}
