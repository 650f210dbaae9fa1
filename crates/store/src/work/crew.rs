//! The loop itself, the same for turns and deliveries.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use tokio::{
    task::{Id, JoinSet},
    time::{sleep, timeout},
};

use super::{Pace, backoff::Backoff};
use crate::{error::Result, inbox::Found, store::Store, wakes::Topic};

/// What a loop works on.
pub(super) trait Station: Send + Sync + 'static {
    /// A piece of work that was taken.
    type Work: Send + 'static;
    /// What remains to be given back when nobody works on it any more.
    type Held: Send + 'static;

    /// Who is told that there is work.
    const TOPIC: Topic;

    fn store(&self) -> &Store;

    fn pace(&self) -> &Pace;

    /// Takes as many pieces as there are, up to so many.
    fn take(&self, most: usize) -> impl Future<Output = Result<Found<Self::Work>>> + Send;

    fn held(&self, work: &Self::Work) -> Self::Held;

    /// Does a piece to its end.
    fn work(self: Arc<Self>, work: Self::Work) -> impl Future<Output = ()> + Send;

    /// The loop has stopped before the piece was done.
    fn give_back(&self, held: Self::Held) -> impl Future<Output = ()> + Send;

    /// The task of a piece has panicked.
    fn panicked(&self, held: Self::Held) -> impl Future<Output = ()> + Send;
}

/// The pieces in work, and whose they are.
struct Crew<S: Station> {
    station: Arc<S>,
    tasks: JoinSet<()>,
    held: HashMap<Id, S::Held>,
}

/// Works until `stop` is ready; then lets what was begun end within its limit, and gives the rest back.
pub(super) async fn run<S: Station>(station: S, stop: impl Future<Output = ()> + Send) {
    let mut crew = Crew {
        station: Arc::new(station),
        tasks: JoinSet::new(),
        held: HashMap::new(),
    };
    let mut stop = pin!(stop);
    crew.until(stop.as_mut()).await;
    crew.drain().await;
}

impl<S: Station> Crew<S> {
    async fn until(&mut self, mut stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>) {
        let station = Arc::clone(&self.station);
        let pace = station.pace();
        let mut wakes = station.store().wakes(S::TOPIC);
        let mut backoff = Backoff::default();
        loop {
            let room = pace.parallel.saturating_sub(self.tasks.len());
            let mut wait = pace.look;
            if room > 0 {
                // Before the look, so that nothing that comes after it is missed.
                wakes.mark_unchanged();
                let mut taking = pin!(station.take(room));
                let taken = tokio::select! {
                    taken = &mut taking => taken,
                    () = &mut stop => {
                        // It may have been taken already, and must be given back.
                        if let Ok(Ok(found)) = timeout(pace.drain, taking).await {
                            for work in found.work {
                                station.give_back(station.held(&work)).await;
                            }
                        }
                        return;
                    }
                };
                match taken {
                    Ok(found) => {
                        backoff.reset();
                        let more = found.work.len() == room;
                        wait = found.due.map_or(wait, |due| due.clamp(Duration::from_millis(1), wait));
                        for work in found.work {
                            self.begin(work);
                        }
                        if more {
                            wait = pace.look;
                        }
                    }
                    Err(_) => wait = backoff.next(),
                }
            }
            let room = self.tasks.len() < pace.parallel;
            tokio::select! {
                () = &mut stop => return,
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended).await,
                Ok(()) = wakes.changed(), if room => {}
                () = sleep(wait), if room => {}
            }
        }
    }

    fn begin(&mut self, work: S::Work) {
        let held = self.station.held(&work);
        let task = self.tasks.spawn(Arc::clone(&self.station).work(work));
        self.held.insert(task.id(), held);
    }

    async fn ended(&mut self, ended: std::result::Result<(Id, ()), tokio::task::JoinError>) {
        match ended {
            Ok((id, ())) => drop(self.held.remove(&id)),
            Err(error) => {
                if let Some(held) = self.held.remove(&error.id()) {
                    if error.is_panic() {
                        self.station.panicked(held).await;
                    } else {
                        self.station.give_back(held).await;
                    }
                }
            }
        }
    }

    async fn drain(mut self) {
        let limit = self.station.pace().drain;
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.ended(ended).await;
            }
        };
        if timeout(limit, all).await.is_ok() {
            return;
        }
        self.tasks.abort_all();
        // When even this does not end, the store is away: leases end by themselves then.
        let rest = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.ended(ended).await;
            }
        };
        let _ = timeout(limit.max(Duration::from_secs(1)), rest).await;
    }
}
