//! PostgreSQL, for any number of replicas.
//!
//! Each thread has a connection and runs one job at a time, in a transaction of its own; replicas meet in the database,
//! where a job locks what it changes. A job whose transaction met another one, or whose connection broke off, is run
//! again, also when nobody knows whether it was committed: jobs bear that. When the database cannot be reached for
//! [`Limits::total`], the job has not happened, or nobody knows, and its caller is told.
//!
//! Over one more connection, replicas tell each other of work and of what happens (`listener`), and see who has died
//! (`presence`).
//!
//! A replica that the network has cut off keeps no lock for long: the server ends its transaction (`session`).

mod address;
mod errors;
mod listener;
mod migrate;
mod notes;
mod opened;
mod patience;
mod presence;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod tx;
mod values;
mod wait;
mod worker;

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use yabby_core::text;

pub(crate) use opened::open;

use crate::{
    backend::{Backend, Job, Mode},
    between::Between,
    error::{StoreError, StoreErrorKind},
    open::Access,
    sql::Flavor,
    wakes::Wakes,
};

/// How many jobs run at once.
const WORKERS: usize = 8;

/// How long the database is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From when a job was asked for: after that it is not tried again.
    pub(crate) total: Duration,
    /// For a server that does not answer yet, when a store is opened.
    pub(crate) starting: Duration,
    /// For one answer. The server ends a statement after 30 s by itself; who waits longer waits for nobody.
    pub(crate) answer: Duration,
}

/// The backend.
#[derive(Debug)]
pub(crate) struct Postgres {
    me: String,
    access: Access,
    wakes: Arc<Wakes>,
    between: Between,
    /// Gone when it is being closed.
    jobs: Option<mpsc::Sender<Queued>>,
    /// Says that it is being closed.
    closing: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    listener: Option<Listener>,
}

/// The thread that tells other replicas of work, and hears of theirs.
#[derive(Debug)]
struct Listener {
    /// Says that there are no more jobs.
    closed: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// A job that waits for a connection.
struct Queued {
    mode: Mode,
    job: Box<dyn Job>,
    since: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(30),
            starting: Duration::from_secs(5),
            answer: Duration::from_secs(40),
        }
    }
}

impl Backend for Postgres {
    fn flavor(&self) -> Flavor {
        Flavor::Postgres
    }

    fn me(&self) -> &str {
        &self.me
    }

    fn submit(&self, mode: Mode, job: Box<dyn Job>) {
        if mode == Mode::Write && self.access == Access::Read {
            let message = text!("the store was opened only to be read");
            return job.end(Err(StoreError::new(StoreErrorKind::ReadOnly, message)));
        }
        let queued = Queued {
            mode,
            job,
            since: Instant::now(),
        };
        let Some(jobs) = &self.jobs else {
            return queued.job.end(Err(closed()));
        };
        if let Err(mpsc::SendError(queued)) = jobs.send(queued) {
            queued.job.end(Err(closed()));
        }
    }

    fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    fn between(&self) -> Option<&Between> {
        // Who only reads listens to nobody.
        (self.access == Access::Write).then_some(&self.between)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        drop(self.jobs.take());
        for thread in self.workers.drain(..) {
            let _ = thread.join();
        }
        // It tells what the last jobs have left.
        if let Some(Listener { closed, thread }) = self.listener.take() {
            closed.send_replace(true);
            let _ = thread.join();
        }
    }
}

fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, text!("the store is closed"))
}
