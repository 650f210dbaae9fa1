//! One transaction.

use yabby_core::Time;

use super::{Row, Value};
use crate::{error::Result, wakes::Topic};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    Sqlite,
    Postgres,
}

impl Flavor {
    /// What follows a `SELECT` of rows that will be changed.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// What follows a `SELECT` of rows of which each is for one taker.
    pub(crate) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// One transaction of one of the databases.
pub(crate) trait Tx {
    /// Which database it is.
    fn flavor(&self) -> Flavor;

    /// The time by the clock that leases are measured with: that of the database, where several processes share it.
    fn now(&mut self) -> Result<Time>;

    /// Runs a statement; the number of rows that it has changed.
    fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64>;

    /// Runs a statement that returns rows.
    fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>>;

    /// Runs a statement that returns one row at the most.
    fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// When this is committed, whoever waits for the topic is told, in every process.
    fn wake(&mut self, topic: Topic) -> Result<()>;
}
