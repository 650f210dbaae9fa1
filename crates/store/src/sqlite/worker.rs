//! The threads that jobs run on.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
};

use rusqlite::Connection;

use super::{errors, opened::keep_damaged, tx::SqliteTx};
use crate::{
    backend::Job,
    error::{Result, StoreError},
    fail,
    wakes::{Topic, Wakes},
};

/// So many jobs are committed together at the most.
const TOGETHER: usize = 256;

/// Runs jobs on one connection until nobody can send any more.
pub(super) struct Runner {
    pub(super) connection: Connection,
    pub(super) folder: PathBuf,
    pub(super) wakes: Arc<Wakes>,
    /// Set when it was found to be damaged: nothing is done with it after that.
    pub(super) damaged: Option<StoreError>,
}

impl Runner {
    /// The thread of jobs that write.
    pub(super) fn write(mut self, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(job) = jobs.recv() {
            match &self.damaged {
                Some(error) => job.end(Err(error.again())),
                None => self.commit_together(job, jobs),
            }
        }
        // What lies in the log comes into the database, so that the folder can be copied.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// The thread of jobs that read.
    pub(super) fn read(mut self, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(mut job) = jobs.recv() {
            let outcome = self.run_read(job.as_mut());
            let outcome = self.noted(outcome);
            job.end(outcome);
        }
    }

    fn run_read(&mut self, job: &mut dyn Job) -> Result<()> {
        self.batch("BEGIN")?;
        let mut tx = self.tx();
        let outcome = job.run(&mut tx);
        drop(tx);
        let _ = self.batch("ROLLBACK");
        outcome
    }

    /// One job, and those that wait behind it, in one transaction.
    fn commit_together(&mut self, first: Box<dyn Job>, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        if let Err(error) = self.batch("BEGIN IMMEDIATE") {
            let outcome = self.noted(Err(error));
            return first.end(outcome);
        }
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let mut woken: Vec<Topic> = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next {
            match self.run_one(job.as_mut()) {
                Ok(topics) => {
                    woken.extend(topics);
                    done.push(job);
                }
                Err(error) => {
                    let error = self.noted(Err(error)).err();
                    let rolled_back = self.connection.is_autocommit();
                    if rolled_back {
                        // SQLite ends the whole transaction when the disk is full or fails.
                        for job in done {
                            job.end(error.as_ref().map_or(Ok(()), |error| Err(error.again())));
                        }
                        return job.end(error.map_or(Ok(()), Err));
                    }
                    job.end(error.map_or(Ok(()), Err));
                }
            }
            next = if done.len() < TOGETHER && self.damaged.is_none() {
                jobs.try_recv().ok()
            } else {
                None
            };
        }
        let outcome = self.batch("COMMIT");
        let outcome = self.noted(outcome);
        match outcome {
            Ok(()) => {
                for job in &done {
                    fail::point(job.name(), "committed");
                }
                woken.sort_unstable_by_key(|topic| *topic as usize);
                woken.dedup();
                for topic in woken {
                    self.wakes.wake(topic);
                }
                for job in done {
                    job.end(Ok(()));
                }
            }
            Err(error) => {
                let _ = self.batch("ROLLBACK");
                for job in done {
                    job.end(Err(error.again()));
                }
            }
        }
    }

    /// One job as a part of the transaction; undone when it fails.
    fn run_one(&mut self, job: &mut dyn Job) -> Result<Vec<Topic>> {
        self.batch("SAVEPOINT job")?;
        let mut tx = self.tx();
        let outcome = job.run(&mut tx);
        let topics = tx.wakes;
        match outcome {
            Ok(()) => {
                fail::point(job.name(), "ran");
                self.batch("RELEASE job")?;
                Ok(topics)
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    self.batch("ROLLBACK TO job; RELEASE job")?;
                }
                Err(error)
            }
        }
    }

    fn tx(&self) -> SqliteTx<'_> {
        SqliteTx {
            connection: &self.connection,
            wakes: Vec::new(),
        }
    }

    fn batch(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(errors::sqlite)
    }

    /// The first time that damage is seen, what is there is copied.
    fn noted(&mut self, outcome: Result<()>) -> Result<()> {
        let error = match outcome {
            // A row that Yabby cannot read is no damage of the database, which goes on.
            Err(error) if errors::is_damage(&error) && self.damaged.is_none() => keep_damaged(&self.folder, error),
            other => return other,
        };
        self.damaged = Some(error.again());
        Err(error)
    }
}
