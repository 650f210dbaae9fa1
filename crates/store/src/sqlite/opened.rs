//! Opening.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use rusqlite::Connection;
use yabby_core::text;

use super::{BACKUPS, DATABASE, Sqlite, Worker, connection, errors, lock::Lock, migrate, worker::Runner};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    files,
    ids::new_id,
    open::{Access, Place},
    schema,
    store::Store,
    wakes::Wakes,
};

/// Opens the store of a folder.
pub(crate) async fn open(folder: &Path, access: Access) -> Result<Store> {
    let place = Place::Folder(folder.to_owned());
    let folder = folder.to_owned();
    let opening = tokio::task::spawn_blocking(move || match access {
        Access::Write => to_write(&folder),
        Access::Read => to_read(&folder),
    });
    let backend = opening
        .await
        .map_err(|error| StoreError::unusable(StoreErrorKind::Other, &error.to_string()))??;
    Ok(Store::of(Box::new(backend), place))
}

/// Opens the store of a folder to write beside whoever has it for itself: only what has to do with nothing that they keep
/// in mind, such as keys.
pub(crate) async fn open_beside(folder: &Path) -> Result<Store> {
    let place = Place::Folder(folder.to_owned());
    let folder = folder.to_owned();
    let backend = tokio::task::spawn_blocking(move || beside(&folder))
        .await
        .map_err(|error| StoreError::unusable(StoreErrorKind::Other, &error.to_string()))??;
    Ok(Store::of(Box::new(backend), place))
}

fn beside(folder: &Path) -> Result<Sqlite> {
    let version = || migrate::version(&connection::to_read(folder)?);
    if !folder.join(DATABASE).exists() || version()? < schema::VERSION {
        // Made, or brought up to date, by the one that has it for itself for a moment.
        drop(to_write(folder)?);
    }
    let found = version()?;
    if found > schema::VERSION {
        return Err(schema::newer(found));
    }
    threads(folder, connection::to_write(folder)?, None)
}

fn to_write(folder: &Path) -> Result<Sqlite> {
    files::folder(folder).map_err(|error| files::failed(folder, error))?;
    let lock = Lock::take(folder)?;
    let writer = connection::to_write(folder).map_err(|error| damaged_or(folder, error))?;
    if !lock.was_closed {
        check(&writer).map_err(|error| damaged_or(folder, error))?;
    }
    migrate::up_to_date(&writer, folder).map_err(|error| damaged_or(folder, error))?;
    // The process that owned them has ended: this one has the lock.
    let owned = "UPDATE lanes SET owner = NULL, until = 0 WHERE owner IS NOT NULL";
    let freed = writer.execute(owned, []).map_err(errors::sqlite);
    freed.map_err(|error| damaged_or(folder, error))?;
    threads(folder, writer, Some(lock))
}

/// The threads of a store that may be written.
fn threads(folder: &Path, writer: Connection, lock: Option<Lock>) -> Result<Sqlite> {
    let reader = connection::to_read(folder)?;
    let mut sqlite = Sqlite {
        me: new_id(),
        wakes: Arc::new(Wakes::default()),
        writer: None,
        reader: None,
        lock,
    };
    sqlite.writer = Some(start(&sqlite, folder, writer, "store", |runner, jobs| {
        runner.write(&jobs);
    })?);
    sqlite.reader = Some(start(&sqlite, folder, reader, "store-read", |runner, jobs| {
        runner.read(&jobs);
    })?);
    Ok(sqlite)
}

fn to_read(folder: &Path) -> Result<Sqlite> {
    let path = folder.join(DATABASE);
    if !path.exists() {
        let message = text!("there is no store in {folder} yet", folder = folder.display());
        return Err(StoreError::new(StoreErrorKind::Missing, message)
            .with_hint(text!("it is made by the first chat: yabby up")));
    }
    let reader = connection::to_read(folder)?;
    let found = migrate::version(&reader)?;
    if found > schema::VERSION {
        return Err(schema::newer(found));
    }
    if found < schema::VERSION {
        let message = text!("the store was written by an older version of Yabby");
        return Err(StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!(
            "bring it up to date with any command that writes: yabby store check"
        )));
    }
    let mut sqlite = Sqlite {
        me: new_id(),
        wakes: Arc::new(Wakes::default()),
        writer: None,
        reader: None,
        lock: None,
    };
    sqlite.reader = Some(start(&sqlite, folder, reader, "store-read", |runner, jobs| {
        runner.read(&jobs);
    })?);
    Ok(sqlite)
}

fn start(
    sqlite: &Sqlite,
    folder: &Path,
    connection: Connection,
    name: &str,
    run: fn(Runner, mpsc::Receiver<Box<dyn crate::backend::Job>>),
) -> Result<Worker> {
    let (jobs, received) = mpsc::channel();
    let runner = Runner {
        connection,
        folder: folder.to_owned(),
        wakes: Arc::clone(&sqlite.wakes),
        damaged: None,
    };
    let builder = thread::Builder::new().name(name.to_owned());
    let thread = builder
        .spawn(move || run(runner, received))
        .map_err(|error| files::failed(folder, error))?;
    Ok(Worker { jobs, thread })
}

/// Reads the whole database once: the last process was killed, or the machine lost its power.
fn check(connection: &Connection) -> Result<()> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(errors::sqlite)?;
    if found == "ok" {
        return Ok(());
    }
    let message = text!("the store is damaged: {problem}", problem = found);
    Err(StoreError::new(StoreErrorKind::Damaged, message))
}

fn damaged_or(folder: &Path, error: StoreError) -> StoreError {
    if error.kind == StoreErrorKind::Damaged {
        keep_damaged(folder, error)
    } else {
        error
    }
}

/// Copies what is there as it is, before anybody tries to mend it, and says where.
pub(super) fn keep_damaged(folder: &Path, error: StoreError) -> StoreError {
    let copy = folder.join(BACKUPS).join(format!("damaged-{}", new_id()));
    match copy_files(folder, &copy) {
        Ok(()) => {
            let message = text!(
                "{problem}; a copy of it is in {copy}",
                problem = error.message,
                copy = copy.display()
            );
            StoreError::new(StoreErrorKind::Damaged, message)
                .with_hint(text!(
                    "move its files yabby.db* out of {folder}, then bring a backup in: yabby store import BACKUP",
                    folder = folder.display()
                ))
                .with_source(error)
        }
        Err(_) => error,
    }
}

fn copy_files(folder: &Path, to: &Path) -> io::Result<()> {
    files::folder(to)?;
    for end in ["", "-wal"] {
        let name = format!("{DATABASE}{end}");
        let from = folder.join(&name);
        if from.exists() {
            let mut copy = files::open(&to.join(name))?;
            io::copy(&mut fs::File::open(from)?, &mut copy)?;
            copy.sync_all()?;
        }
    }
    Ok(())
}
