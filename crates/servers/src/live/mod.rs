//! What is known of one endpoint right now, shared by everybody who uses it.
//!
//! Facts come from probes ([`Endpoint::refresh`]), which are shared: who asks while another asks gets the same answer.
//! What requests have shown stands beside them ([`Observed`]), because a probe cannot know it.

mod look;
mod observed;
mod window;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use yabby_core::ErrorKind;

pub use look::Doing;
pub use observed::{Observed, Speed, Timing};

use crate::{AdmissionQueue, Breaker, Endpoint, Http, ModelState, ServerFacts, probe};

/// The live state of one endpoint. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    now: Mutex<Now>,
    /// Held while the server is asked.
    asking: tokio::sync::Mutex<()>,
    breaker: Breaker,
    /// By model.
    queues: Mutex<BTreeMap<String, AdmissionQueue>>,
}

#[derive(Debug, Default)]
struct Now {
    /// The latest probe, whatever came of it.
    facts: Option<(Arc<ServerFacts>, Instant)>,
    /// The latest probe that was answered.
    answered: Option<Arc<ServerFacts>>,
    /// Whether something has happened that makes `facts` doubtful.
    expired: bool,
    /// When a model was asked for an answer.
    used: Option<Instant>,
    /// What requests have shown, by model.
    observed: BTreeMap<String, Observed>,
    /// Whether something was learned that is not written down yet.
    news: bool,
    /// The last error of a request, in words.
    trouble: Option<Trouble>,
}

/// The last error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        Some(Arc::clone(&self.live.lock().facts.as_ref()?.0))
    }

    /// What the latest probe found out, which is made now when it is older than `max_age`.
    ///
    /// The server is asked once, however many wait for it. It never loads or wakes a model. After `limit` this returns
    /// what is known by then.
    pub async fn refresh(&self, http: &Http, max_age: Duration, limit: Duration) -> Arc<ServerFacts> {
        let begun = Instant::now();
        if let Some(facts) = self.live.within(max_age) {
            return facts;
        }
        let asked = async {
            let _one = self.live.0.asking.lock().await;
            // Another may have asked while this one waited.
            if let Some(facts) = self.live.since(begun) {
                return facts;
            }
            let facts = Arc::new(probe(http, self, limit).await);
            self.take_in(&facts);
            facts
        };
        if let Ok(facts) = timeout(limit + limit / 4, asked).await {
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

    /// Takes over what a probe of this endpoint found out.
    pub(crate) fn take_in(&self, facts: &Arc<ServerFacts>) {
        if let Some(kind) = facts.kind {
            self.forget_other_versions(kind, facts.version.as_deref());
        }
        match &facts.error {
            None => self.succeeded(),
            Some(error) => self.live.breaker().failed(error.kind, Instant::now()),
        }
        let mut now = self.live.lock();
        now.facts = Some((Arc::clone(facts), Instant::now()));
        now.expired = false;
        if facts.error.is_none() {
            now.answered = Some(Arc::clone(facts));
        }
    }

    /// The state of a model, as far as it is known; nothing is asked.
    pub fn state_of(&self, model: &str) -> ModelState {
        let Some(facts) = self.known() else {
            return ModelState::Unknown;
        };
        facts.state_of(model)
    }

    /// Notes that a model answers, though the last probe found it cold.
    pub fn is_awake(&self, model: &str) {
        let mut now = self.live.lock();
        if let Some((facts, _)) = &mut now.facts {
            let facts = Arc::make_mut(facts);
            if let Some(found) = facts.models.iter_mut().find(|found| found.id == model) {
                found.state = ModelState::Ready;
            }
        }
        // Its window is known only now.
        now.expired = true;
    }

    /// Notes that a model is asked for an answer.
    pub fn used(&self) {
        self.live.lock().used = Some(Instant::now());
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

    /// The last error of a request of this process.
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

    /// The latest probe that was answered.
    pub(crate) fn answered(&self) -> Option<Arc<ServerFacts>> {
        self.lock().answered.clone()
    }

    /// The next one who wants fresh facts gets them.
    pub(crate) fn expire(&self) {
        self.lock().expired = true;
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
        let (facts, at) = now.facts.as_ref()?;
        (*at >= time && !now.expired).then(|| Arc::clone(facts))
    }
}
