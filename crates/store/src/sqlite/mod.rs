//! SQLite in a folder, for one process that writes.
//!
//! ```text
//! FOLDER/yabby.db, yabby.db-wal, yabby.db-shm   the database
//! FOLDER/lock                                   held by the process that writes; says which one
//! FOLDER/attachments/                           files by their hash
//! FOLDER/backups/                               copies made before something risky
//! ```
//!
//! Jobs that write run on one thread, which commits what waits together: a commit waits for the disk once for all of
//! them. Jobs that read run on another, and wait for nobody.

mod apart;
mod connection;
mod errors;
mod lock;
mod migrate;
mod opened;
mod tx;
mod worker;

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use yabby_core::text;

pub(crate) use apart::{backup, compact};
pub(crate) use connection::unchanging;
pub(crate) use opened::{open, open_beside};

use self::lock::Lock;
use crate::{
    backend::{Backend, Job, Mode},
    error::{StoreError, StoreErrorKind},
    sql::Flavor,
    wakes::Wakes,
};

/// The file of the database.
pub(crate) const DATABASE: &str = "yabby.db";
/// What was written lately.
pub(crate) const LOG: &str = "yabby.db-wal";
/// The folder for copies.
pub(crate) const BACKUPS: &str = "backups";

/// The backend.
#[derive(Debug)]
pub(crate) struct Sqlite {
    me: String,
    wakes: Arc<Wakes>,
    /// Gone when it is being closed.
    writer: Option<Worker>,
    reader: Option<Worker>,
    /// Released at the end of all threads.
    lock: Option<Lock>,
}

/// A thread, and how to give it work.
#[derive(Debug)]
struct Worker {
    jobs: mpsc::Sender<Box<dyn Job>>,
    thread: JoinHandle<()>,
}

impl Backend for Sqlite {
    fn flavor(&self) -> Flavor {
        Flavor::Sqlite
    }

    fn me(&self) -> &str {
        &self.me
    }

    fn submit(&self, mode: Mode, job: Box<dyn Job>) {
        let worker = match mode {
            Mode::Write => &self.writer,
            Mode::Read => &self.reader,
        };
        let Some(worker) = worker else {
            let message = text!("the store was opened only to be read");
            return job.end(Err(StoreError::new(StoreErrorKind::ReadOnly, message)));
        };
        if let Err(mpsc::SendError(job)) = worker.jobs.send(job) {
            job.end(Err(StoreError::new(
                StoreErrorKind::Unavailable,
                text!("the store is closed"),
            )));
        }
    }

    fn wakes(&self) -> &Wakes {
        &self.wakes
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        for worker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            drop(worker.jobs);
            let _ = worker.thread.join();
        }
        if let Some(lock) = self.lock.take() {
            lock.release();
        }
    }
}
