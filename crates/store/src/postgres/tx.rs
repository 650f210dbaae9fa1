//! A transaction of PostgreSQL.

use yabby_core::Time;

use super::{
    errors::{Failure, Then},
    session::Session,
};
use crate::{
    backend::Mode,
    error::{Result, StoreError},
    sql::{Flavor, Row, Tx, Value, params},
    wakes::Topic,
};

pub(super) struct PostgresTx<'a> {
    session: &'a mut Session,
    /// How it begins; it does so with its first statement.
    begin: Option<&'static str>,
    /// The first error of a statement: nothing can be committed after it.
    failed: Option<(StoreError, Then)>,
    /// Who is woken when it is committed.
    pub(super) wakes: Vec<Topic>,
}

impl<'a> PostgresTx<'a> {
    pub(super) fn new(session: &'a mut Session, mode: Mode) -> Self {
        let begin = match mode {
            Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Self {
            session,
            begin: Some(begin),
            failed: None,
            wakes: Vec::new(),
        }
    }

    /// In a transaction that has begun, or without one.
    pub(super) fn inside(session: &'a mut Session) -> Self {
        Self {
            session,
            begin: None,
            failed: None,
            wakes: Vec::new(),
        }
    }

    /// What the statements of a job have come to: an error of the server counts also when the job has not minded it.
    pub(super) fn outcome(&mut self, outcome: Result<()>) -> Result<(), Failure> {
        let then = match (&outcome, self.failed.take()) {
            (Ok(()), None) => return Ok(()),
            (Ok(()), Some((error, then))) => return Err(Failure { error, then }),
            (Err(_), failed) => failed.map_or(Then::Stop, |(_, then)| then),
        };
        outcome.map_err(|error| Failure { error, then })
    }

    /// Makes it last.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        if self.begin.is_some() {
            return Ok(());
        }
        self.session.batch("COMMIT")
    }

    /// Undoes it.
    pub(super) fn roll_back(&mut self) -> Result<(), Failure> {
        if self.begin.is_some() || !self.session.is_alive() {
            return Ok(());
        }
        self.session.batch("ROLLBACK")
    }

    fn noted<T>(&mut self, outcome: Result<T, Failure>) -> Result<T> {
        outcome.map_err(|Failure { error, then }| {
            if self.failed.is_none() {
                self.failed = Some((error.again(), then));
            }
            error
        })
    }
}

impl Tx for PostgresTx<'_> {
    fn flavor(&self) -> Flavor {
        Flavor::Postgres
    }

    /// The clock of the moment, not of the beginning of the transaction: it may have waited for a lock since.
    fn now(&mut self) -> Result<Time> {
        let sql = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";
        let row = self.query_one(sql, params![])?;
        row.map_or(Ok(Time(0)), |row| row.time(0))
    }

    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        let begin = self.begin.take();
        let outcome = self.session.execute(begin, sql, params);
        self.noted(outcome)
    }

    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let begin = self.begin.take();
        let outcome = self.session.query(begin, sql, params);
        self.noted(outcome)
    }

    fn wake(&mut self, topic: Topic) -> Result<()> {
        self.wakes.push(topic);
        Ok(())
    }
}
