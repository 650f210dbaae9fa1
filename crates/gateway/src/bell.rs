//! Tells whether something has happened that is waited for beside other things.
//!
//! Who writes an answer to a client asks several times for its next piece, and each time the connection that it comes on
//! would look at everything that it waits for. What wakes the connection rings a bell instead: while it has not rung, the
//! connection is left alone. And what the connection does to itself wakes nobody. So it is with clocks, which seldom end.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Beside what it wakes.
#[derive(Debug)]
pub(crate) struct Bell {
    heard: Arc<Heard>,
    /// Rings.
    waker: Waker,
    /// Who is woken, so that it need not be looked up where it stays the same.
    task: Option<Waker>,
}

#[derive(Debug)]
struct Heard {
    /// One of those below.
    state: AtomicU8,
    task: Mutex<Option<Waker>>,
}

/// It has not rung, and nobody is to be woken.
const SILENT: u8 = 0;
/// It has not rung, and the task waits for it.
const AWAITED: u8 = 1;
const RUNG: u8 = 2;

// === impl Bell ===

impl Bell {
    /// Lets `step` go on, which is told what to wake, until it is ready or the bell is silent. Then `cx` is woken when the
    /// bell rings.
    pub(crate) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        while !self.waits(cx) {
            let ready = step(&mut Context::from_waker(&self.waker));
            if ready.is_ready() {
                // What was taken makes room for more.
                self.heard.state.store(RUNG, Ordering::Release);
                return ready;
            }
        }
        Poll::Pending
    }

    /// Lets `step` go on while nobody waits.
    pub(crate) fn rest(&mut self, step: impl FnOnce(&mut Context<'_>)) {
        if self.heard.state.swap(SILENT, Ordering::AcqRel) == RUNG {
            step(&mut Context::from_waker(&self.waker));
        }
        // What is not woken need not be kept for that.
        self.task = None;
        *self.heard.task() = None;
    }

    /// Whether it is silent, and the task waits.
    fn waits(&mut self, cx: &Context<'_>) -> bool {
        let state = &self.heard.state;
        if state.swap(SILENT, Ordering::AcqRel) == RUNG {
            return false;
        }
        let task = cx.waker();
        if !self.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            self.task = Some(task.clone());
            *self.heard.task() = Some(task.clone());
        }
        let waits = state.compare_exchange(SILENT, AWAITED, Ordering::AcqRel, Ordering::Acquire);
        // It may have rung meanwhile.
        waits.is_ok() || state.swap(SILENT, Ordering::AcqRel) != RUNG
    }
}

impl Default for Bell {
    fn default() -> Self {
        let heard = Arc::new(Heard {
            // So that it is looked at once.
            state: AtomicU8::new(RUNG),
            task: Mutex::default(),
        });
        Self {
            waker: Arc::clone(&heard).into(),
            heard,
            task: None,
        }
    }
}

// === impl Heard ===

impl Heard {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Heard {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == AWAITED
            && let Some(task) = &*self.task()
        {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_looked_at_only_when_it_has_rung() {
        let woken = Arc::new(Woken::default());
        let task = Waker::from(Arc::clone(&woken));
        let bell = RefCell::new(Bell::default());
        let waker = bell.borrow().waker.clone();
        // After so many steps it has something; a step that goes on rings for the next one.
        let (steps, something_in) = (Cell::new(0), Cell::new(3));
        let poll = || {
            let ready = bell.borrow_mut().drive(&mut Context::from_waker(&task), |own| {
                steps.set(steps.get() + 1);
                something_in.set(something_in.get() - 1);
                match something_in.get() {
                    0 => Poll::Ready(()),
                    1.. => {
                        own.waker().wake_by_ref();
                        Poll::Pending
                    }
                    _ => Poll::Pending,
                }
            });
            (ready.is_ready(), steps.take(), woken.0.swap(0, Ordering::Relaxed))
        };
        assert_eq!(poll(), (true, 3, 0));
        // There may be more.
        assert_eq!(poll(), (false, 1, 0));
        assert_eq!(poll(), (false, 0, 0));
        something_in.set(1);
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(poll(), (true, 1, 1));
        assert_eq!(poll(), (false, 1, 0));
        // Nobody waits for one that rests.
        bell.borrow_mut().rest(|_| steps.set(9));
        waker.wake_by_ref();
        bell.borrow_mut().rest(|_| steps.set(steps.get() + 1));
        something_in.set(0);
        assert_eq!(poll(), (false, 1, 0));
    }
}
