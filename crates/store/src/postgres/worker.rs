//! The threads that jobs run on.

use std::{
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, sync::watch};

use super::{
    Limits, Queued,
    address::Address,
    closed,
    errors::{Failure, Then},
    notes::Notes,
    patience::Patience,
    session::Session,
    tx::PostgresTx,
    wait,
};
use crate::{
    backend::{Job, Mode},
    between::Between,
    error::{Result, StoreError, StoreErrorKind},
    fail,
    wakes::{Topic, Wakes},
};

/// The jobs of all workers.
pub(super) type Jobs = Arc<Mutex<mpsc::Receiver<Queued>>>;

/// So long after nobody was found at the address, a job whose time is over is not tried.
const STILL_DOWN: Duration = Duration::from_secs(5);

/// What a worker needs from the store.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) address: Address,
    /// The id of this process.
    pub(super) me: String,
    pub(super) wakes: Arc<Wakes>,
    pub(super) notes: Arc<Notes>,
    pub(super) between: Between,
    pub(super) closing: watch::Receiver<bool>,
    pub(super) limits: Limits,
}

/// Runs jobs on one connection.
pub(super) struct Worker {
    shared: Shared,
    runtime: Rc<Runtime>,
    address: Rc<Address>,
    /// Made when it is needed.
    session: Option<Session>,
    /// When it could not be made the last time, and why.
    down: Option<(Instant, StoreError)>,
}

impl Worker {
    /// On a thread of its own.
    pub(super) fn work(shared: Shared, jobs: &Jobs) {
        // Without it no job can be run; they end as those of a closed store.
        let Ok(runtime) = wait::runtime() else { return };
        let worker = Self {
            runtime,
            address: Rc::new(shared.address.clone()),
            shared,
            session: None,
            down: None,
        };
        worker.run_all(jobs);
    }

    /// Until nobody can send any more.
    fn run_all(mut self, jobs: &Jobs) {
        loop {
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Queued { mode, mut job, since }) = next else {
                break;
            };
            let mut woken = Vec::new();
            let outcome = self.run(mode, job.as_mut(), since, &mut woken);
            // Also after an error: it may be that it was committed.
            self.shared.notes.add(&woken);
            for topic in Topic::ALL.into_iter().filter(|topic| woken.contains(topic)) {
                self.shared.wakes.wake(topic);
            }
            job.end(outcome);
        }
        if let Some(session) = self.session {
            session.close();
        }
    }

    /// Runs a job until it is committed, or cannot be, or its time is over.
    fn run(&mut self, mode: Mode, job: &mut dyn Job, since: Instant, woken: &mut Vec<Topic>) -> Result<()> {
        let mut reconnect = Patience::RECONNECT;
        let mut again = Patience::AGAIN;
        let mut was_fresh = false;
        loop {
            let was_connected = self.session.is_some();
            let tried = match self.connect(since) {
                Ok(()) => self.once(mode, job, woken),
                Err(failure) => Err(failure),
            };
            let Failure { error, then } = match tried {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let wait = match then {
                Then::Stop => return Err(error),
                Then::Fresh if was_fresh => return Err(error),
                // It was the job itself that wanted to write.
                Then::Reconnect if mode == Mode::Read && error.kind == StoreErrorKind::ReadOnly => return Err(error),
                Then::Fresh => Duration::ZERO,
                // It may have broken off long ago, while nobody used it.
                Then::Reconnect if was_connected => Duration::ZERO,
                Then::Reconnect => reconnect.next(),
                Then::Again => again.next(),
            };
            was_fresh |= then == Then::Fresh;
            if self.is_over(since, wait) {
                return Err(error);
            }
        }
    }

    /// Waits before the next try; whether there is none.
    fn is_over(&mut self, since: Instant, wait: Duration) -> bool {
        let left = self.shared.limits.total.saturating_sub(since.elapsed());
        let is_closing = wait::pause(&self.runtime, &mut self.shared.closing, wait.min(left));
        wait >= left || is_closing && self.session.is_none()
    }

    /// Makes sure that there is a connection.
    fn connect(&mut self, since: Instant) -> Result<(), Failure> {
        if self.session.is_some() {
            return Ok(());
        }
        if let Some((at, error)) = &self.down {
            let is_late = since.elapsed() >= self.shared.limits.total && at.elapsed() < STILL_DOWN;
            if is_late || *self.shared.closing.borrow() {
                return Err(error.again().into());
            }
        }
        match Session::connect(&self.runtime, &self.address, self.shared.limits) {
            Ok(session) => {
                self.down = None;
                self.session = Some(session);
                Ok(())
            }
            Err(failure) => {
                self.down = Some((Instant::now(), failure.error.again()));
                Err(failure)
            }
        }
    }

    /// One try, in one transaction. The connection is kept only when it is known in which state it is.
    fn once(&mut self, mode: Mode, job: &mut dyn Job, woken: &mut Vec<Topic>) -> Result<(), Failure> {
        let Some(mut session) = self.session.take() else {
            return Err(closed().into());
        };
        let mut tx = PostgresTx::new(&mut session, mode);
        let ran = job.run(&mut tx);
        let outcome = tx.outcome(ran);
        if mode == Mode::Read || outcome.is_err() {
            let is_known = tx.roll_back().is_ok();
            let is_wanted = outcome
                .as_ref()
                .err()
                .is_none_or(|failure| !failure.then.ends_session());
            self.session = (is_known && is_wanted).then_some(session);
            return outcome;
        }
        fail::point(job.name(), "ran");
        woken.extend_from_slice(&tx.wakes);
        tx.commit()?;
        fail::point(job.name(), "committed");
        self.session = Some(session);
        Ok(())
    }
}
