//! The handle.

use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use yabby_core::text;

use crate::{
    attachments::{Attached, Kept, Limits},
    backend::{Backend, Job, Mode},
    error::{Result, StoreError, StoreErrorKind},
    fail,
    open::Place,
    sql::{Flavor, Tx},
    wakes::Topic,
};

/// So many operations may wait for the database at once; more wait here, in order.
const MOST_WAITING: usize = 1024;

/// Durable state. Clones are the same store; it is closed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    backend: Box<dyn Backend>,
    place: Place,
    room: Arc<Semaphore>,
    limits: OnceLock<Limits>,
}

/// An operation that was asked for, and who waits for it.
struct Asked<F, T> {
    name: &'static str,
    operation: F,
    result: Option<T>,
    told: oneshot::Sender<Result<T>>,
    /// Its room, also when nobody waits for it any more; one that nobody waits for from its beginning has none.
    _room: Option<OwnedSemaphorePermit>,
}

impl Store {
    pub(crate) fn of(backend: Box<dyn Backend>, place: Place) -> Self {
        Self {
            shared: Arc::new(Shared {
                backend,
                place,
                room: Arc::new(Semaphore::new(MOST_WAITING)),
                limits: OnceLock::new(),
            }),
        }
    }

    /// With other limits than the usual ones. They are set once.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let _ = self.shared.limits.set(limits);
        self
    }

    /// Where attachments are kept, and how large they may be.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            attached: Attached::of(self.place().folder()),
            limits: self.shared.limits.get().copied().unwrap_or_default(),
        }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// The id of this process in the store.
    pub fn me(&self) -> &str {
        self.shared.backend.me()
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.shared.backend.as_ref()
    }

    pub(crate) fn flavor(&self) -> Flavor {
        self.shared.backend.flavor()
    }

    /// A counter that changes whenever there may be new work, in any process that uses the store.
    pub fn wakes(&self, topic: Topic) -> watch::Receiver<u64> {
        self.shared.backend.wakes().subscribe(topic)
    }

    /// Runs an operation that may change the store. It may run several times, and counts once. When the future is
    /// dropped, the operation happens all the same, or not at all.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let result = self.run(Mode::Write, name, operation).await;
        fail::point(name, "told");
        result
    }

    /// Runs an operation that sees one state of the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(Mode::Read, name, operation).await
    }

    async fn run<T: Send + 'static>(
        &self,
        mode: Mode,
        name: &'static str,
        operation: impl FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let room = Arc::clone(&self.shared.room);
        let room = room.acquire_owned().await.map_err(|_| gone())?;
        let answer = self.submit(mode, name, operation, Some(room));
        answer.await.map_err(|_| gone())?
    }

    /// Has something written that nobody waits for; it finds room when there is none for others.
    pub(crate) fn leave<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
    ) {
        drop(self.submit(Mode::Write, name, operation, None));
    }

    fn submit<T: Send + 'static>(
        &self,
        mode: Mode,
        name: &'static str,
        operation: impl FnMut(&mut dyn Tx) -> Result<T> + Send + 'static,
        room: Option<OwnedSemaphorePermit>,
    ) -> oneshot::Receiver<Result<T>> {
        let (told, answer) = oneshot::channel();
        self.shared.backend.submit(
            mode,
            Box::new(Asked {
                name,
                operation,
                result: None,
                told,
                _room: room,
            }),
        );
        answer
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, text!("the store is closed"))
}

// === impl Asked ===

impl<F, T> Job for Asked<F, T>
where
    F: FnMut(&mut dyn Tx) -> Result<T> + Send,
    T: Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, tx: &mut dyn Tx) -> Result<()> {
        self.result = Some((self.operation)(tx)?);
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, told, .. } = *self;
        let _ = told.send(outcome.and_then(|()| result.ok_or_else(gone)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use futures_util::FutureExt as _;

    use super::MOST_WAITING;
    use crate::{
        open::{Access, Place},
        store::Store,
    };

    #[tokio::test]
    async fn who_goes_away_makes_no_room_for_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("store"));
        let store = Store::open(&place, Access::Write).await.expect("a store");
        let (go_on, waiting) = mpsc::channel::<()>();
        let ran = Arc::new(AtomicUsize::new(0));
        let first = store
            .write("first", move |_| {
                let _ = waiting.recv();
                Ok(())
            })
            .now_or_never();
        assert!(first.is_none());
        for _ in 0..2 * MOST_WAITING {
            let ran = Arc::clone(&ran);
            let asked = store.write("asked", move |_| {
                ran.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            // The runtime would let it wait for others.
            let asked = tokio::task::unconstrained(asked).now_or_never();
            assert!(asked.is_none());
        }
        drop(go_on);
        store.write("last", |_| Ok(())).await.expect("written");
        assert_eq!(ran.load(Ordering::SeqCst), MOST_WAITING - 1);
    }
}
