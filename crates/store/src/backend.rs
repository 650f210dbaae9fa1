//! What a database must do for a store.

use std::fmt::Debug;

use crate::{
    between::Between,
    error::{Result, StoreError},
    sql::{Flavor, Tx},
    wakes::Wakes,
};

/// How a job sees the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It may change it.
    Write,
    /// It sees one state of it, and changes nothing.
    Read,
}

/// One operation: one transaction.
pub(crate) trait Job: Send {
    /// For fail points and messages.
    fn name(&self) -> &'static str;

    /// Runs its statements. It may be called again after its transaction was rolled back.
    fn run(&mut self, tx: &mut dyn Tx) -> Result<()>;

    /// Tells who waits: it is committed, or it has not happened.
    fn end(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A database. It owns the threads that its jobs run on, and ends them when it is dropped, after the jobs that it has
/// taken.
pub(crate) trait Backend: Send + Sync + Debug {
    fn flavor(&self) -> Flavor;

    /// The id of this process in the store.
    fn me(&self) -> &str;

    /// Takes a job. Jobs that write run in the order in which they come where there is one writer.
    fn submit(&self, mode: Mode, job: Box<dyn Job>);

    fn wakes(&self) -> &Wakes;

    /// The way to other processes that use the database, where there may be any.
    fn between(&self) -> Option<&Between> {
        None
    }
}
