//! What is known of one endpoint right now, shared by everybody who uses it.
//!
//! Facts come from probes ([`Endpoint::refresh`]), which are shared: who asks while another asks gets the same answer.
//! What requests have shown stands beside them ([`Observed`]), because a probe cannot know it.

mod look;
mod observed;
mod read;
mod window;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use yabby_core::ErrorKind;

pub use look::Doing;
pub use observed::{Observed, Speed, Timing};

use crate::{AdmissionQueue, AdmissionStatus, Breaker, Endpoint, Http, ModelState, ServerFacts, probe};

/// The live state of one endpoint. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Inner>);

/// A probe that all who wait for it drive, so that none stands still because another one has turned to something else.
type Probe = BoxFuture<'static, Arc<ServerFacts>>;

/// A server that says nothing for this long is taken for one that hangs. One that was given less may just be busy.
const SURELY_HUNG: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
struct Inner {
    now: Mutex<Now>,
    /// The probe that is under way.
    asking: Mutex<Option<WeakShared<Probe>>>,
    breaker: Breaker,
    /// Whether its name, which looks like one from anywhere, was found to have private addresses alone.
    is_private: AtomicBool,
    /// By model.
    queues: Mutex<BTreeMap<String, AdmissionQueue>>,
}

#[derive(Debug, Default)]
struct Now {
    /// The latest probe, whatever came of it.
    facts: Option<Taken>,
    /// The latest probe that was answered.
    answered: Option<Arc<ServerFacts>>,
    /// How often something has happened that makes earlier facts doubtful.
    expiries: u64,
    /// When a model was asked for an answer.
    used: Option<Instant>,
    /// What requests have shown, by model.
    observed: BTreeMap<String, Observed>,
    /// What the last requests had, by model, the newest first.
    read: BTreeMap<String, Vec<read::Read>>,
    /// Whether something was learned that is not written down yet.
    news: bool,
    /// The error of the last request, if it failed.
    trouble: Option<Trouble>,
}

/// What a probe has found out.
#[derive(Debug)]
struct Taken {
    facts: Arc<ServerFacts>,
    /// When it ended.
    at: Instant,
    /// The expiries before it began.
    expiries: u64,
}

/// The error of the last request, if it failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind.
    pub kind: ErrorKind,
    /// In words, English.
    pub message: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

impl Endpoint {
    /// What the latest probe of this process found out; nothing is asked.
    pub fn known(&self) -> Option<Arc<ServerFacts>> {
        Some(Arc::clone(&self.live.lock().facts.as_ref()?.facts))
    }

    /// What the latest probe found out, which is made now when it is older than `max_age`.
    ///
    /// The server is asked once, however many wait for it. It never loads or wakes a model. After `limit` this returns
    /// what is known by then.
    pub async fn refresh(&self, http: &Http, max_age: Duration, limit: Duration) -> Arc<ServerFacts> {
        let begun = Instant::now();
        if !max_age.is_zero()
            && let Some(facts) = self.live.within(max_age)
        {
            return facts;
        }
        if let Some(facts) = self.ask_now(http, limit).await {
            return facts;
        }
        self.known().unwrap_or_else(|| {
            Arc::new(ServerFacts {
                error: Some(Arc::new(self.hung(limit))),
                took: begun.elapsed(),
                ..ServerFacts::default()
            })
        })
    }

    /// What the probe finds out that is under way, or else one that begins now; `None` when there is nothing after
    /// `limit`.
    pub(crate) async fn ask_now(&self, http: &Http, limit: Duration) -> Option<Arc<ServerFacts>> {
        let asked = async {
            loop {
                let (probe, is_own) = self.live.join(|expiries| {
                    let (endpoint, http) = (self.clone(), http.clone());
                    let work = async move {
                        let facts = Arc::new(probe(&http, &endpoint, limit).await);
                        endpoint.take(&facts, expiries);
                        facts
                    };
                    work.boxed()
                });
                let facts = probe.await;
                // Whoever began it may have had less time.
                let gave_up = is_hung(&facts) && facts.took < limit;
                if is_own || !gave_up {
                    return facts;
                }
            }
        };
        timeout(limit + limit / 4, asked).await.ok()
    }

    /// Takes over what a probe of this endpoint found out.
    pub(crate) fn take_in(&self, facts: &Arc<ServerFacts>) {
        let expiries = self.live.lock().expiries;
        self.take(facts, expiries);
    }

    /// The same for a probe that began when there were so many expiries.
    fn take(&self, facts: &Arc<ServerFacts>, expiries: u64) {
        if let Some(kind) = facts.kind {
            self.forget_other_versions(kind, facts.version.as_deref());
        }
        match &facts.error {
            None => self.live.breaker().probe_answered(Instant::now()),
            // One that rests has to show that it is back.
            Some(_) if is_hung(facts) && facts.took < SURELY_HUNG && !self.is_resting() => {}
            Some(error) => self.live.breaker().probe_failed(error.kind, Instant::now()),
        }
        let mut now = self.live.lock();
        if now.facts.as_ref().is_some_and(|taken| taken.expiries > expiries) {
            // One that began later has ended already.
            return;
        }
        now.facts = Some(Taken {
            facts: Arc::clone(facts),
            at: Instant::now(),
            expiries,
        });
        if facts.error.is_none() {
            now.answered = Some(Arc::clone(facts));
            drop(now);
            self.widen_queues();
        }
    }

    /// The state of a model, as far as it is known; nothing is asked.
    pub fn state_of(&self, model: &str) -> ModelState {
        let Some(facts) = self.known() else {
            return ModelState::Unknown;
        };
        match (facts.state_of(model), facts.only_model()) {
            // It answers to any name.
            (ModelState::Absent, Some(only)) => only.state,
            (state, _) => state,
        }
    }

    /// Notes that a model answers, though the last probe found it cold.
    pub fn is_awake(&self, model: &str) {
        if let Some(taken) = &mut self.live.lock().facts {
            let facts = &taken.facts;
            let id = facts.model(model).or(facts.only_model()).map(|found| found.id.clone());
            let facts = Arc::make_mut(&mut taken.facts);
            if let Some(found) = facts.models.iter_mut().find(|found| Some(&found.id) == id.as_ref()) {
                found.state = ModelState::Ready;
            }
        }
        // Its window is known only now.
        self.live.expire();
    }

    /// Notes that a model is asked for an answer.
    pub fn used(&self) {
        self.used_at(Instant::now());
    }

    pub(crate) fn used_at(&self, now: Instant) {
        self.live.lock().used = Some(now);
    }

    /// How long ago a model was asked for an answer by this process.
    pub fn idle(&self) -> Option<Duration> {
        Some(self.live.lock().used?.elapsed())
    }

    /// Notes that something was learned that is worth keeping.
    pub(crate) fn note(&self) {
        self.live.lock().news = true;
    }

    /// Whether something was learned since the last call.
    pub(crate) fn take_news(&self) -> bool {
        std::mem::take(&mut self.live.lock().news)
    }

    /// The error of the last request, if it failed; also one from before this process.
    pub fn trouble(&self) -> Option<Trouble> {
        self.live.lock().trouble.clone()
    }
}

// === impl Live ===

impl Live {
    pub(crate) fn breaker(&self) -> &Breaker {
        &self.0.breaker
    }

    /// The queue before a model; its limit is for the caller to set.
    pub(crate) fn queue(&self, model: &str) -> AdmissionQueue {
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(model.to_owned());
        queue.or_insert_with(|| AdmissionQueue::new(usize::MAX)).clone()
    }

    /// The queues before all models that were asked for, by model.
    pub(crate) fn each_queue(&self) -> Vec<(String, AdmissionQueue)> {
        let queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let both = |(model, queue): (&String, &AdmissionQueue)| (model.clone(), queue.clone());
        queues.iter().map(both).collect()
    }

    /// How it is in the queues before all models that were asked for.
    pub(crate) fn queues(&self) -> Vec<AdmissionStatus> {
        let queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.values().map(AdmissionQueue::status).collect()
    }

    /// Whether its name was found to have private addresses alone. That holds as long as the process: from then on it is
    /// never reached at another one.
    pub(crate) fn is_private(&self) -> bool {
        self.0.is_private.load(Ordering::Acquire)
    }

    pub(crate) fn found_private(&self) {
        self.0.is_private.store(true, Ordering::Release);
    }

    /// The latest probe that was answered.
    pub(crate) fn answered(&self) -> Option<Arc<ServerFacts>> {
        self.lock().answered.clone()
    }

    /// The next one who wants fresh facts gets them, of a probe that begins from now on.
    pub(crate) fn expire(&self) {
        self.lock().expiries += 1;
        *self.asking() = None;
    }

    /// The probe that is under way, or else the one that `begin` makes, and whether it is that.
    fn join(&self, begin: impl FnOnce(u64) -> Probe) -> (Shared<Probe>, bool) {
        let expiries = self.lock().expiries;
        let mut asking = self.asking();
        let running = asking.as_ref().and_then(WeakShared::upgrade);
        if let Some(running) = running.filter(|probe| probe.peek().is_none()) {
            return (running, false);
        }
        let probe = begin(expiries).shared();
        *asking = probe.downgrade();
        (probe, true)
    }

    fn asking(&self) -> MutexGuard<'_, Option<WeakShared<Probe>>> {
        self.0.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock is held for a moment, never across an await.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts that are not older than `age`.
    pub(crate) fn within(&self, age: Duration) -> Option<Arc<ServerFacts>> {
        let now = Instant::now();
        self.since(now.checked_sub(age).unwrap_or(now))
    }

    /// The facts that were found out at `time` or later.
    fn since(&self, time: Instant) -> Option<Arc<ServerFacts>> {
        let now = self.lock();
        let taken = now.facts.as_ref()?;
        (taken.at >= time && taken.expiries == now.expiries).then(|| Arc::clone(&taken.facts))
    }
}

fn is_hung(facts: &ServerFacts) -> bool {
    facts.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Hung)
}
