//! One load for all that wait for it, and how long loads took.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;
use yabby_core::ModelError;

/// A model that is loaded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How long the load took; `None` when the model was loaded already, or somebody else was loading it.
    pub took: Option<Duration>,
    /// The window that it serves, in tokens, where the server says so.
    pub window: Option<u32>,
}

/// A load that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadingNow {
    /// For how long it has been.
    pub since: Duration,
    /// How long loads of this model took before, where they were timed.
    pub usual: Option<Duration>,
}

/// What all that wait for a load get. The error is made again for each.
pub(crate) type Outcome = Result<Loaded, Arc<ModelError>>;

type Work = BoxFuture<'static, Outcome>;

/// Loads that are kept for their times.
const MOST_TIMES: usize = 5;

/// The loads of an endpoint, by model. Clones share them.
///
/// A load is a future that all its callers poll, and nobody else: it goes on as long as one of them waits, and ends with
/// the last. So it needs no task, and nobody is kept by what another one has given up.
#[derive(Clone, Default)]
pub(crate) struct Loads(Arc<Mutex<BTreeMap<String, Model>>>);

#[derive(Default)]
struct Model {
    /// The load that was begun last, and when.
    last: Option<(WeakShared<Work>, Instant)>,
    /// How long the last ones took, oldest first.
    times: VecDeque<Duration>,
}

// === impl Loads ===

impl Loads {
    /// The load of `model` that is under way, or else the one that `begin` makes.
    pub(crate) fn join(&self, model: &str, begin: impl FnOnce() -> Work) -> Shared<Work> {
        self.change(|models| {
            let entry = models.entry(model.to_owned()).or_default();
            if let Some((running, _)) = entry.under_way() {
                return running;
            }
            let load = begin().shared();
            entry.last = load.downgrade().map(|weak| (weak, Instant::now()));
            load
        })
    }

    /// The load of a model that is under way.
    pub(crate) fn loading(&self, model: &str) -> Option<LoadingNow> {
        self.change(|models| {
            let entry = models.get(model)?;
            let (_, begun) = entry.under_way()?;
            Some(LoadingNow {
                since: begun.elapsed(),
                usual: entry.usual(),
            })
        })
    }

    /// Remembers how long a load took.
    pub(crate) fn record(&self, model: &str, took: Duration) {
        self.change(|models| {
            let times = &mut models.entry(model.to_owned()).or_default().times;
            times.push_back(took);
            if times.len() > MOST_TIMES {
                times.pop_front();
            }
        });
    }

    /// The median of the last loads.
    pub(crate) fn usual(&self, model: &str) -> Option<Duration> {
        self.change(|models| models.get(model)?.usual())
    }

    /// The lock is held for this call alone.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Model>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Loads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loads").finish_non_exhaustive()
    }
}

// === impl Model ===

impl Model {
    fn under_way(&self) -> Option<(Shared<Work>, Instant)> {
        let (weak, begun) = self.last.as_ref()?;
        let load = weak.upgrade().filter(|load| load.peek().is_none())?;
        Some((load, *begun))
    }

    fn usual(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.times.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use yabby_core::{ErrorKind, Phase, text};

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A load of so many seconds that counts how often it is begun and ended.
    #[derive(Clone, Default)]
    struct Server {
        loads: Loads,
        begun: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
    }

    impl Server {
        fn load(&self, model: &str, time: u64, fails: bool) -> Shared<Work> {
            let (begun, ended) = (Arc::clone(&self.begun), Arc::clone(&self.ended));
            self.loads.join(model, || {
                async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(seconds(time)).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                    if fails {
                        let error = ModelError::new(ErrorKind::Server, Phase::Head, "e", text!("model"));
                        return Err(Arc::new(error));
                    }
                    Ok(Loaded {
                        took: Some(seconds(time)),
                        window: Some(4096),
                    })
                }
                .boxed()
            })
        }

        fn counts(&self) -> (usize, usize) {
            (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn fifty_callers_are_one_load() {
        let server = Server::default();
        let callers = (0..50).map(|number| {
            let server = server.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(number * 100)).await;
                server.load("m", 10, false).await
            }
        });
        let found = join_all(callers).await;
        let expected = Loaded {
            took: Some(seconds(10)),
            window: Some(4096),
        };
        assert!(
            found.iter().all(|outcome| outcome.as_ref().ok() == Some(&expected)),
            "{found:?}"
        );
        assert_eq!(server.counts(), (1, 1));
        // Each model has its own, and the next load is another one.
        let (other, next) = tokio::join!(server.load("other", 1, false), server.load("m", 1, false));
        assert!(other.is_ok() && next.is_ok());
        assert_eq!(server.counts(), (3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_leaves_takes_nothing_from_the_others() {
        let server = Server::default();
        let first = server.load("m", 10, false);
        let second = server.load("m", 10, false);
        // The first one polls it alone, and leaves in the middle.
        assert!(tokio::time::timeout(seconds(5), first).await.is_err());
        assert_eq!(server.counts(), (1, 0));
        assert!(second.await.is_ok());
        assert_eq!(server.counts(), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_that_leaves_ends_it() {
        let server = Server::default();
        let (first, second) = (server.load("m", 10, false), server.load("m", 10, false));
        let both = futures_util::future::join(first, second);
        assert!(tokio::time::timeout(seconds(5), both).await.is_err());
        assert_eq!(server.loads.loading("m"), None);
        tokio::time::sleep(seconds(60)).await;
        assert_eq!(server.counts(), (1, 0));
        assert!(server.load("m", 10, false).await.is_ok());
        assert_eq!(server.counts(), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn all_get_the_error_and_the_next_may_try() {
        let server = Server::default();
        let outcomes = join_all((0..3).map(|_| server.load("m", 1, true))).await;
        let kinds: Vec<ErrorKind> = outcomes
            .iter()
            .map(|outcome| outcome.as_ref().unwrap_err().kind)
            .collect();
        assert_eq!(kinds, [ErrorKind::Server; 3]);
        assert_eq!(server.counts(), (1, 1));
        assert!(server.load("m", 1, false).await.is_ok());
        assert_eq!(server.counts(), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn others_see_that_it_loads() {
        let server = Server::default();
        let loads = server.loads.clone();
        loads.record("m", seconds(8));
        let load = server.load("m", 10, false);
        let look = async {
            tokio::time::sleep(seconds(3)).await;
            loads.loading("m")
        };
        let (_, seen) = tokio::join!(load, look);
        let expected = LoadingNow {
            since: seconds(3),
            usual: Some(seconds(8)),
        };
        assert_eq!(seen, Some(expected));
        assert_eq!((loads.loading("m"), loads.loading("other")), (None, None));
    }

    #[test]
    fn the_usual_time_is_the_median_of_the_last() {
        let loads = Loads::default();
        assert_eq!(loads.usual("m"), None);
        let usual = [90, 4, 5, 6, 4, 7].map(|took| {
            loads.record("m", seconds(took));
            loads.usual("m").map_or(0, |time| time.as_secs())
        });
        // A first load from a cold disk is forgotten after five others.
        assert_eq!(usual, [90, 90, 5, 6, 5, 5]);
        assert_eq!(loads.usual("other"), None);
    }

    #[test]
    fn an_error_for_each() {
        let error = ModelError::new(ErrorKind::Refused, Phase::Connect, "e", text!("model"))
            .with_hint(text!("see {log}", log = "x"))
            .with_source("the cause");
        let copy = error.again();
        assert_eq!(format!("{copy:?}"), format!("{error:?}"));
    }
}
