//! What those hold who wait and those who run.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};
use yabby_core::Caller;

use super::{AdmissionQueue, state::News};

/// What happens to a request in the line.
#[derive(Debug)]
pub enum Admission {
    /// It has to wait.
    Queued {
        /// How many come before it, by the order of the queue; those that run are not among them.
        ahead: usize,
        /// How long it will probably wait from now; `None` when nothing was measured yet.
        expected: Option<Duration>,
    },
    /// It may run, as long as the permit is kept.
    Granted(Permit),
}

/// A request in the line. Dropping it leaves the line; a permit that was meant for it goes to the next.
pub struct Waiting {
    queue: AdmissionQueue,
    caller: Caller,
    /// The place in the line; the permit has it after the grant.
    ticket: Option<Ticket>,
    /// The place that was told last.
    told: Option<usize>,
}

/// The right to use one slot. Dropping it frees the slot for the next.
///
/// What was started with it ends before: a server's slot is free when the connection is closed.
#[must_use = "the slot is free again as soon as the permit is dropped"]
pub struct Permit {
    ticket: Ticket,
    caller: Caller,
}

/// A number in the queue, from entering the line to the end of the work. Dropping it gives back whatever it stands for.
pub(super) struct Ticket {
    queue: AdmissionQueue,
    id: u64,
    bell: Arc<Notify>,
    /// When the work ended, where somebody has said so.
    ended: Option<Instant>,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new(queue: AdmissionQueue, caller: Caller) -> Self {
        Self {
            ticket: Some(queue.line_up(&caller)),
            queue,
            caller,
            told: None,
        }
    }

    /// The permit, where there is a free slot: for those who have lined up a moment ago, and tell nobody of a wait. The time
    /// for which it is held counts from then on.
    pub fn granted(&mut self) -> Option<Permit> {
        let id = self.ticket.as_ref()?.id;
        if !self.queue.lock().take(id) {
            return None;
        }
        self.told = None;
        let (ticket, caller) = (self.ticket.take()?, self.caller.clone());
        Some(Permit { ticket, caller })
    }

    /// What happens next: a place at once when it has to wait and again whenever that changes, and the permit in the
    /// end. Only the latest place is told when several changed unseen. Without a wait, the permit is the first.
    ///
    /// The clock of a request starts at [`Admission::Granted`]: the time in the line is no part of its deadlines, and
    /// nothing in here times out. After the grant, the next call gets in line anew, behind all others of its session:
    /// for work that has yielded, after its permit was dropped.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time. The place in the line is kept, and no event is lost.
    pub async fn next(&mut self) -> Admission {
        loop {
            let ticket = self.ticket.take().unwrap_or_else(|| self.queue.line_up(&self.caller));
            let (id, bell) = (ticket.id, Arc::clone(&ticket.bell));
            // From here on it hears the bell, so that nothing is lost between the look and the wait.
            let rung = bell.notified();
            let news = self.queue.read(|state, now| state.news(id, self.told, now));
            if matches!(news, Some(News::Granted)) {
                self.told = None;
                let caller = self.caller.clone();
                return Admission::Granted(Permit { ticket, caller });
            }
            self.ticket = Some(ticket);
            if let Some(News::Queued { ahead, expected }) = news {
                self.told = Some(ahead);
                return Admission::Queued { ahead, expected };
            }
            rung.await;
        }
    }

    /// Its number, until the grant.
    #[cfg(test)]
    pub(super) fn id(&self) -> Option<u64> {
        self.ticket.as_ref().map(|ticket| ticket.id)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("caller", &self.caller)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

// === impl Permit ===

impl Permit {
    /// For whom it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The work has ended at this time, and the permit is dropped now.
    pub fn ended(&mut self, at: Instant) {
        self.ticket.ended = Some(at);
    }

    /// Whether it should be given back, so that somebody who waits for an answer can be served.
    pub fn is_preempted(&self) -> bool {
        self.ticket.queue.read(|state, _| state.is_yielding(self.ticket.id))
    }

    /// Waits until the permit should be given back; for ever, unless it is of background work.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped and made again at any time, also by several at once.
    pub async fn preempted(&self) {
        loop {
            let rung = self.ticket.bell.notified();
            if self.is_preempted() {
                return;
            }
            rung.await;
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(queue: AdmissionQueue, id: u64, bell: Arc<Notify>) -> Self {
        Self {
            queue,
            id,
            bell,
            ended: None,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = self.ended.unwrap_or_else(Instant::now);
        self.queue.change_at(now, |state, now| state.leave(self.id, now));
    }
}
