//! Tells whether a connection has something to do.
//!
//! Who writes an answer to a client asks several times for its next piece, and each time the connection that it comes on
//! would look at everything that it waits for. What wakes the connection rings a bell instead: while it has not rung, the
//! connection is left alone. And what the connection does to itself wakes nobody.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Beside what it wakes.
#[derive(Debug)]
pub(crate) struct Bell {
    heard: Arc<Heard>,
    /// Rings.
    waker: Waker,
}

#[derive(Debug)]
struct Heard(Mutex<State>);

#[derive(Debug)]
struct State {
    rung: bool,
    /// Who waits for it.
    task: Option<Waker>,
}

// === impl Bell ===

impl Bell {
    /// Lets `step` go on, which is told what to wake, until it is ready or the bell is silent. Then `cx` is woken when the
    /// bell rings.
    pub(crate) fn drive<T>(&self, cx: &mut Context<'_>, mut step: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        while !self.heard.waits(cx) {
            let ready = step(&mut Context::from_waker(&self.waker));
            if ready.is_ready() {
                // What was taken makes room for more.
                self.heard.lock().rung = true;
                return ready;
            }
        }
        Poll::Pending
    }

    /// Lets `step` go on while nobody waits.
    pub(crate) fn rest(&self, step: impl FnOnce(&mut Context<'_>)) {
        let rung = {
            let mut state = self.heard.lock();
            state.task = None;
            mem::take(&mut state.rung)
        };
        if rung {
            step(&mut Context::from_waker(&self.waker));
        }
    }
}

impl Default for Bell {
    fn default() -> Self {
        // So that it is looked at once.
        let state = State { rung: true, task: None };
        let heard = Arc::new(Heard(Mutex::new(state)));
        Self {
            waker: Arc::clone(&heard).into(),
            heard,
        }
    }
}

// === impl Heard ===

impl Heard {
    /// Whether it is silent, and the task waits.
    fn waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if mem::take(&mut state.rung) {
            state.task = None;
            return false;
        }
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Heard {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        state.rung = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
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
        let bell = Bell::default();
        // After so many steps it has something; a step that goes on rings for the next one.
        let (steps, something_in) = (Cell::new(0), Cell::new(3));
        let poll = || {
            let ready = bell.drive(&mut Context::from_waker(&task), |own| {
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
        bell.waker.wake_by_ref();
        bell.waker.wake_by_ref();
        assert_eq!(poll(), (true, 1, 1));
        assert_eq!(poll(), (false, 1, 0));
        // Nobody waits for one that rests.
        bell.rest(|_| steps.set(9));
        bell.waker.wake_by_ref();
        bell.rest(|_| steps.set(steps.get() + 1));
        something_in.set(0);
        assert_eq!(poll(), (false, 1, 0));
    }
}
