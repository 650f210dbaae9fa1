//! Leaves a broken server alone.
//!
//! A server that does not answer costs each turn the time to find that out. The breaker of an endpoint remembers it:
//!
//! - **Closed**: requests pass. It opens at once when the server cannot be reached, and after three failures in a row
//!   that say that it is broken. The table in the README of the room says which errors those are; what says
//!   something about a request, a model, a key or load is none of them, and loading is no failure at all.
//! - **Open**: requests are refused, with the time until the next try.
//! - **Half-open**: that time is over. One request or probe passes, and holds a [`ProbeTicket`]; others are refused.
//!   Its failure opens the breaker for longer, any answer of the server closes it.
//!
//! The `n`th time that it opens in a row, from zero, it stays so for
//!
//! ```text
//! min(2.5 s · 2ⁿ, 50 s) · (0.8 + 0.4 · jitter), with jitter from 0 to 1
//! ```
//!
//! that is 2–3 s, 4–6 s, 8–12 s, 16–24 s, 32–48 s, and 40–60 s from then on. The jitter keeps many Yabbys from asking
//! a server that comes back all at the same moment.
//!
//! A probe closes it only when the server could not be reached: what is broken otherwise shows in a request, so that it is a
//! request that is let through then.
//!
//! It has no task and no clock: whoever asks says what time it is. Only [`Breaker::probe_due`] waits.

mod table;

#[cfg(test)]
mod tests;

use std::{
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use yabby_core::ErrorKind;

use self::table::Says;

/// After how many failures in a row a server that answers is taken for broken.
const FAILURES: u32 = 3;
/// The first interval, before jitter.
const FIRST: Duration = Duration::from_millis(2500);
/// The longest interval, before jitter.
const LONGEST: Duration = Duration::from_secs(50);

/// Whether an endpoint is asked at all. Clones share it.
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

/// Where the randomness of the intervals comes from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Jitter {
    /// The system's random numbers.
    #[default]
    Random,
    /// Always the same, from zero for the shortest interval to the greatest number for the longest. For tests.
    Fixed(u32),
}

/// Whether a request may pass.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It may.
    Closed,
    /// It may, as the one that finds out whether the server is back. The ticket is kept until the outcome was told.
    HalfOpen(ProbeTicket),
    /// It may not.
    Open {
        /// How long until the next try; zero while one is under way.
        retry_in: Duration,
    },
}

/// The right to be the one that asks while the breaker is half-open.
///
/// The outcome is told to the breaker like that of any request: [`Breaker::succeeded`], [`Breaker::failed`]. A ticket
/// that is dropped without one lets the next try.
pub struct ProbeTicket {
    breaker: Breaker,
    number: u64,
}

/// What a breaker does at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Whether requests pass.
    pub state: BreakerState,
    /// Since when they pass, or do not; `None` when it never opened.
    pub since: Option<Instant>,
    /// The last failure that counted; it is kept when the breaker closes.
    pub last_error: Option<ErrorKind>,
}

/// Whether requests pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// All do.
    Closed,
    /// None do.
    Open {
        /// How long until the next try.
        retry_in: Duration,
    },
    /// One does, to find out whether the server is back.
    HalfOpen,
}

struct Shared {
    state: Mutex<State>,
    /// Rung whenever the time of the next probe may have changed.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    jitter: Jitter,
    position: Position,
    since: Option<Instant>,
    last_error: Option<ErrorKind>,
    /// The number of the ticket that is out.
    asking: Option<u64>,
    tickets: u64,
}

#[derive(Clone, Copy, Debug)]
enum Position {
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Half-open from `until` on.
    Open {
        /// How often it opened in a row before.
        before: u32,
        until: Instant,
    },
}

// === impl Breaker ===

impl Breaker {
    /// A closed breaker.
    pub fn new(jitter: Jitter) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                jitter,
                position: Position::Closed { failures: 0 },
                since: None,
                last_error: None,
                asking: None,
                tickets: 0,
            }),
            changed: Notify::new(),
        }))
    }

    /// Whether a request may pass at `now`.
    pub fn check(&self, now: Instant) -> Verdict {
        let number = self.with(|state| {
            let retry_in = state.retry_in(now)?;
            if !retry_in.is_zero() || state.asking.is_some() {
                return Some(Err(retry_in));
            }
            state.tickets += 1;
            state.asking = Some(state.tickets);
            Some(Ok(state.tickets))
        });
        match number {
            None => Verdict::Closed,
            Some(Err(retry_in)) => Verdict::Open { retry_in },
            Some(Ok(number)) => Verdict::HalfOpen(ProbeTicket {
                breaker: self.clone(),
                number,
            }),
        }
    }

    /// Says that the server has answered a request.
    pub fn succeeded(&self, now: Instant) {
        self.change(|state| state.close(now));
    }

    /// Says that a request or a probe has failed. What the failure says about the server is in the table.
    ///
    /// What still fails while the breaker is open, as it was sent before, does not open it for longer.
    pub fn failed(&self, kind: ErrorKind, now: Instant) {
        match table::says(kind) {
            Says::Unreachable => self.change(|state| state.fail(kind, FAILURES, now)),
            Says::Broken => self.change(|state| state.fail(kind, 1, now)),
            Says::Alive => self.change(|state| state.close(now)),
            Says::Nothing => {}
        }
    }

    /// Says that a probe was answered. That closes it when the server could not be reached. What is broken otherwise shows
    /// only in a request: a list of models says nothing of a model that fails.
    pub fn probe_answered(&self, now: Instant) {
        self.change(|state| {
            if !state.wants_request() {
                state.reachable(now);
            }
        });
    }

    /// Says that a probe has failed.
    pub fn probe_failed(&self, kind: ErrorKind, now: Instant) {
        match table::says(kind) {
            Says::Alive => self.probe_answered(now),
            Says::Unreachable | Says::Broken | Says::Nothing => self.failed(kind, now),
        }
    }

    /// What it does at `now`.
    pub fn status(&self, now: Instant) -> BreakerStatus {
        self.with(|state| BreakerStatus {
            state: match state.retry_in(now) {
                None => BreakerState::Closed,
                Some(Duration::ZERO) => BreakerState::HalfOpen,
                Some(retry_in) => BreakerState::Open { retry_in },
            },
            since: state.since,
            last_error: state.last_error,
        })
    }

    /// How long after `now` the next probe is due; `None` when a probe has nothing to find out: it is closed, somebody with
    /// a ticket asks already, or only a request can tell.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.with(|state| {
            state
                .retry_in(now)
                .filter(|_| state.asking.is_none() && !state.wants_request())
        })
    }

    /// Waits until a probe is due, and takes the ticket for it; for ever while the breaker is closed.
    ///
    /// This is all that a background prober has to wait for: it hears when the breaker opens, closes, or when a ticket
    /// was dropped without an outcome.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn probe_due(&self) -> ProbeTicket {
        loop {
            // From here on it hears changes, so that none is lost between the look and the wait.
            let changed = self.0.changed.notified();
            match self.due(Instant::now()) {
                None => changed.await,
                Some(Duration::ZERO) => {
                    if let Verdict::HalfOpen(ticket) = self.check(Instant::now()) {
                        return ticket;
                    }
                }
                Some(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = changed => {}
                },
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let may_be_due = self.with(|state| {
            let was_open = state.is_open();
            change(state);
            was_open || state.is_open()
        });
        // Nobody is woken by each answer of a server that is well.
        if may_be_due {
            self.0.changed.notify_waiters();
        }
    }

    /// The lock is held for this call alone.
    fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(Jitter::default())
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|state| f.debug_tuple("Breaker").field(state).finish())
    }
}

// === impl State ===

impl State {
    /// How long until requests may try again; `None` when they pass.
    fn retry_in(&self, now: Instant) -> Option<Duration> {
        match self.position {
            Position::Closed { .. } => None,
            Position::Open { until, .. } => Some(until.saturating_duration_since(now)),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.position, Position::Open { .. })
    }

    /// Whether only a request can tell that the server is well again.
    fn wants_request(&self) -> bool {
        self.last_error.is_some_and(|kind| table::says(kind) == Says::Broken)
    }

    /// It answers again; failures that were counted before stay counted.
    fn reachable(&mut self, now: Instant) {
        if let Position::Open { .. } = self.position {
            self.close(now);
        }
    }

    fn close(&mut self, now: Instant) {
        let position = mem::replace(&mut self.position, Position::Closed { failures: 0 });
        if let Position::Open { .. } = position {
            self.since = Some(now);
            // Whoever still has it asks for an answer now, and no longer for the others.
            self.asking = None;
        }
    }

    /// Counts a failure as `weight` of those that open it.
    fn fail(&mut self, kind: ErrorKind, weight: u32, now: Instant) {
        self.last_error = Some(kind);
        let before = match &mut self.position {
            Position::Closed { failures } => {
                *failures += weight;
                if *failures < FAILURES {
                    return;
                }
                self.since = Some(now);
                0
            }
            Position::Open { until, .. } if now < *until => return,
            Position::Open { before, .. } => before.saturating_add(1),
        };
        let until = now + interval(before, self.jitter.next());
        self.position = Position::Open { before, until };
    }
}

/// How long it stays open after it has opened so often in a row before; the jitter is from 0 to 1.
fn interval(before: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(before));
    doubled.min(LONGEST).mul_f64(0.8 + 0.4 * jitter)
}

// === impl Jitter ===

impl Jitter {
    /// From 0 to 1.
    fn next(self) -> f64 {
        let number = match self {
            Self::Fixed(number) => number,
            // Without random numbers everybody is in the middle.
            Self::Random => getrandom::u32().unwrap_or(u32::MAX / 2),
        };
        f64::from(number) / f64::from(u32::MAX)
    }
}

// === impl ProbeTicket ===

impl Drop for ProbeTicket {
    fn drop(&mut self) {
        self.breaker.change(|state| {
            if state.asking == Some(self.number) {
                state.asking = None;
            }
        });
    }
}

impl fmt::Debug for ProbeTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProbeTicket").field(&self.number).finish()
    }
}
