//! Writes of many connections, made one after the other.
//!
//! A write wakes whoever reads at the other end, on another core, and that costs more than all else that is done with a
//! short request. While other requests are in flight, a short piece is put here instead of being written, and all of them
//! are written when every task that can go on has taken its step: then the other end is woken once and finds more to do,
//! and each request takes its step in one go. What is put here is written before the gateway waits for anything.

use std::{
    future::poll_fn,
    io::IoSlice,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

pub(crate) use connection::Batched;
use outlet::Outlet;

mod connection;
mod outlet;
#[cfg(test)]
mod tests;

/// Longer pieces are written at once: at 20 kB it is no slower that their requests wait for each other, and nothing is copied.
const LONGEST: usize = 8 << 10;
/// A head is no longer than this, as a rule.
const HEAD: usize = 1 << 10;
/// So many bytes are put aside at the most.
const FULL: usize = 64 << 10;

/// Where pieces are put aside. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    in_flight: AtomicUsize,
    pieces: Mutex<Pieces>,
}

#[derive(Debug, Default)]
struct Pieces {
    /// Of all of them.
    bytes: Vec<u8>,
    /// Where they go, and where the bytes of each end.
    to: Vec<(Arc<Outlet>, usize)>,
    /// Whoever writes them. Nothing is put aside without.
    writer: Option<Waker>,
}

/// A request that is in flight.
#[derive(Debug)]
pub(crate) struct Member(Batch);

/// Whoever writes what was put aside, until it is dropped.
struct Writer(Batch);

// === impl Batch ===

impl Batch {
    /// Writes what is put aside. Nothing is put aside before it runs, or once it is dropped.
    pub(crate) async fn write(self) {
        let writer = Writer(self);
        poll_fn(|cx| {
            let mut pieces = writer.0.pieces();
            if !pieces.writer.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                pieces.writer = Some(cx.waker().clone());
            }
            pieces.write();
            Poll::<()>::Pending
        })
        .await;
    }

    /// A request is in flight until what is returned is dropped.
    pub(crate) fn enter(&self) -> Member {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        Member(self.clone())
    }

    /// Lets other requests that can go on take their step first, where there are any, before a request whose body is too
    /// long to be put aside: a body of so many bytes.
    pub(crate) async fn after_others(&self, body: usize) {
        let mut waits = body > LONGEST - HEAD && self.has_others();
        poll_fn(|cx| {
            if mem::take(&mut waits) {
                // Behind all tasks that are ready, and before the system is asked which others are: that is another call.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Whether there are requests beside one that is in flight.
    fn has_others(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) > 1
    }

    /// Whether it is worth putting a piece of so many bytes aside.
    fn takes(&self, length: usize) -> bool {
        length <= LONGEST && self.has_others()
    }

    /// Puts a piece aside, where somebody is there who writes it.
    fn put(&self, to: &Arc<Outlet>, parts: &[IoSlice<'_>], length: usize) -> bool {
        let mut pieces = self.pieces();
        let Some(writer) = &pieces.writer else {
            return false;
        };
        if pieces.to.is_empty() {
            writer.wake_by_ref();
        }
        if pieces.bytes.len() + length > FULL {
            pieces.write();
        }
        for part in parts {
            pieces.bytes.extend_from_slice(part);
        }
        to.waits_for_one_more();
        let end = pieces.bytes.len();
        pieces.to.push((Arc::clone(to), end));
        true
    }

    /// Writes what is put aside now.
    fn write_now(&self) {
        self.pieces().write();
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.0.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pieces ===

impl Pieces {
    fn write(&mut self) {
        let mut start = 0;
        for (to, end) in self.to.drain(..) {
            to.write(&self.bytes[start..end]);
            start = end;
        }
        self.bytes.clear();
    }
}

// === impl Member ===

impl Drop for Member {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Writer ===

impl Drop for Writer {
    fn drop(&mut self) {
        let mut pieces = self.0.pieces();
        pieces.writer = None;
        pieces.write();
    }
}
