//! Who is served next, and who waits.
//!
//! A local server answers as many requests at a time as it has slots. It takes more, but lets them wait in silence and
//! in the order in which they came, so that a person would wait behind a night's worth of titles. Yabby therefore sends
//! no more than fit, and keeps the others here, where it can choose and tell each its place.
//!
//! There is one queue an endpoint, or one an endpoint and model where the slots belong to models; that is for its owner
//! to say. It knows no HTTP, has no task of its own and times nothing out: everything happens within the calls of those
//! who wait and those who leave.
//!
//! # Order
//!
//! 1. Priorities are strict: [`Priority`] says who goes first.
//! 2. Inside a priority, the session goes first that was served least recently, whatever its number of requests. A
//!    session that the last 64 grants of the priority did not serve counts as served just before them: otherwise new
//!    sessions without end would keep an old one waiting for ever. Who is equal goes in the order of arrival.
//! 3. Inside a session, first come, first served.
//!
//! So no session is served twice while another of the same priority waits, and the oldest request of a session is passed
//! only by sessions that waited before or that come within the next 64 grants of the priority.
//!
//! # Preemption
//!
//! When a request for which somebody waits ([`Priority::is_background`] is false) finds no free slot, a background
//! permit is told to yield: the least urgent one, and of these the youngest, which loses the least work. One is told
//! for each such request, nobody is told twice, and nobody is told in vain: not while foreground work fills the limit.
//! While more run than the limit allows, as after a shrink, those in excess are told along with them, since the
//! request could not start before. Background work never preempts background work, and what is told stays told: who
//! has begun to close a connection does not go on when the person has left meanwhile.
//!
//! # Expected wait
//!
//! With `hold`, the median of the last 32 times that a permit was held to its end, `limit` slots and `ahead` requests
//! before this one:
//!
//! ```text
//! expected = left[ahead mod limit] + (ahead div limit) · hold
//! ```
//!
//! where `left` are the times for which the running ones will still hold their slots, shortest first: `hold` less what
//! is over, zero for those that are overdue or told to yield; those in excess of the limit are left out, shortest
//! first. That is the exact answer if each permit is held for `hold`. Nothing is expected before anything was measured
//! or while the limit is zero. The median is used because a few very long answers say little about the next.
//!
//! # Cost
//!
//! With `n` requests waiting from `s` sessions, and `r` running, each change (enter, leave, end, another limit) costs
//! `O(n + s log s + r)`, as it finds the new place of everyone, and wakes only those whose place has changed. A wake-up
//! costs `O(r log r)` for the expected wait. The lock is held for that long and never across an await.

mod handles;
mod hold;
mod lane;
mod state;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use yabby_core::{Caller, Priority};

use self::{handles::Ticket, state::State};

pub use self::handles::{Admission, Permit, Waiting};

/// The queue in front of one server. Clones share it.
///
/// The order, the rule of preemption and the formula of the expected wait are those of this module's documentation, and
/// of the README of the room.
///
/// ```no_run
/// # use yabby_core::Caller;
/// # use yabby_servers::{Admission, AdmissionQueue};
/// # async fn answer() {}
/// # async fn example() {
/// let queue = AdmissionQueue::new(2);
/// let mut waiting = queue.enter(Caller::default());
/// let answer = loop {
///     match waiting.next().await {
///         Admission::Queued { ahead, expected } => drop((ahead, expected)), // Tell the person.
///         Admission::Granted(permit) => {
///             // The clock of the request starts here, not before.
///             tokio::select! {
///                 answer = answer() => break answer,
///                 // The future of the answer is dropped, which closes its socket; then the permit. Then ask again.
///                 () = permit.preempted() => {}
///             }
///         }
///     }
/// };
/// # }
/// ```
#[derive(Clone)]
pub struct AdmissionQueue(Arc<Mutex<State>>);

/// What a queue does at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionStatus {
    /// How many may run.
    pub limit: usize,
    /// How many run, by priority; priorities that have none are left out.
    pub running: BTreeMap<Priority, usize>,
    /// How many of them were told to yield.
    pub yielding: usize,
    /// How many wait, by priority; priorities that have none are left out.
    pub waiting: BTreeMap<Priority, usize>,
    /// The median of the times that the last permits were held; `None` before anything was measured.
    pub usual_hold: Option<Duration>,
}

// === impl AdmissionQueue ===

impl AdmissionQueue {
    /// An empty queue that lets `limit` run at a time.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State::new(limit))))
    }

    /// Gets in line, at once. Dropping what it gives leaves the line.
    pub fn enter(&self, caller: Caller) -> Waiting {
        Waiting::new(self.clone(), caller)
    }

    /// Changes how many may run. More are let in at once; what runs is never cancelled, so that after a shrink nobody
    /// is let in before enough have ended. Zero lets nobody in.
    pub fn set_limit(&self, limit: usize) {
        // Most often it is what it was.
        if self.lock().limit() != limit {
            self.change(|state, _| state.set_limit(limit));
        }
    }

    /// What it does now.
    pub fn status(&self) -> AdmissionStatus {
        self.read(|state, _| state.status())
    }

    /// Takes a place in the line.
    fn line_up(&self, caller: &Caller) -> Ticket {
        let (id, bell) = self.change(|state, now| state.enter(caller, now));
        Ticket::new(self.clone(), id, bell)
    }

    /// Changes the state, and lets follow what follows from it: whoever can start does, and whoever has to know is
    /// told. Every change goes this way, so that none can forget it.
    fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        self.change_at(Instant::now(), change)
    }

    fn change_at<T>(&self, now: Instant, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let (result, bells) = {
            let mut state = self.lock();
            let result = change(&mut state, now);
            (result, state.settle(now))
        };
        // After the lock is free: what a waker does is not known here.
        for bell in bells {
            bell.notify_waiters();
        }
        result
    }

    /// The lock is held for this call alone.
    fn read<T>(&self, read: impl FnOnce(&mut State, Instant) -> T) -> T {
        read(&mut self.lock(), Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AdmissionQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AdmissionQueue").field(&self.status()).finish()
    }
}
