//! Counts of attempts and turns since the start of this process, for `status` and `/metrics`.
//!
//! Counting an attempt takes no lock once its place is known, so that a relay may do it for each request.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use serde::Serialize;
use yabby_core::{Attempt, ErrorKind, ModelRef, Outcome};

use crate::{TurnEnd, TurnRecord};

/// Counts of attempts and turns. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    places: Mutex<BTreeMap<(String, ModelRef), Arc<Place>>>,
    answered: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicU64,
    fallbacks: AtomicU64,
}

/// The counts of one model at one endpoint.
#[derive(Debug, Default)]
pub struct Place {
    answered: AtomicU64,
    outrun: AtomicU64,
    failed: Mutex<Vec<(ErrorKind, u64)>>,
    queued_ms: Sum,
    sent_ms: Sum,
    head_ms: Sum,
    first_token_ms: Sum,
    total_ms: Sum,
}

/// A sum of milliseconds and of how many they are.
#[derive(Debug, Default)]
struct Sum {
    sum: AtomicU64,
    count: AtomicU64,
}

/// All counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tallied {
    /// Turns that were answered.
    pub answered: u64,
    /// Turns that nobody answered.
    pub failed: u64,
    /// Turns that the person left.
    pub stopped: u64,
    /// Turns that another model answered than the first of the chain.
    pub fallbacks: u64,
    /// The counts of each model at each endpoint.
    pub places: Vec<PlaceTallied>,
}

/// The counts of one model at one endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceTallied {
    /// The endpoint, without credentials.
    pub endpoint: String,
    /// The model.
    pub model: ModelRef,
    /// How many attempts ended how: `answered`, `outrun`, or a kind of error.
    pub outcomes: BTreeMap<String, u64>,
    /// How long attempts waited for a slot.
    pub queued: Total,
    /// How long it took from there until the request was sent.
    pub sent: Total,
    /// Until the head of the response.
    pub head: Total,
    /// Until the first token.
    pub first_token: Total,
    /// Until the end.
    pub total: Total,
}

/// Times added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Their sum in milliseconds.
    pub ms: u64,
    /// How many they are.
    pub count: u64,
}

// === impl Tally ===

impl Tally {
    /// The counts of a model at an endpoint; whoever sends many requests keeps them.
    pub fn place(&self, endpoint: &str, model: &ModelRef) -> Arc<Place> {
        let key = (endpoint.to_owned(), model.clone());
        Arc::clone(lock(&self.0.places).entry(key).or_default())
    }

    /// Counts an attempt.
    pub fn attempt(&self, attempt: &Attempt) {
        self.place(&attempt.endpoint, &attempt.model).attempt(attempt);
    }

    /// Counts a turn and its attempts.
    pub fn turn(&self, turn: &TurnRecord) {
        for attempt in &turn.attempts {
            self.attempt(attempt);
        }
        let count = match turn.end {
            TurnEnd::Answered { .. } => &self.0.answered,
            TurnEnd::Failed | TurnEnd::Unplanned { .. } => &self.0.failed,
            TurnEnd::Stopped { .. } => &self.0.stopped,
        };
        count.fetch_add(1, Relaxed);
        if turn.is_fallback() {
            self.0.fallbacks.fetch_add(1, Relaxed);
        }
    }

    /// All counts now.
    pub fn now(&self) -> Tallied {
        let places = lock(&self.0.places);
        let places = places
            .iter()
            .map(|((endpoint, model), place)| place.now(endpoint, model));
        Tallied {
            answered: self.0.answered.load(Relaxed),
            failed: self.0.failed.load(Relaxed),
            stopped: self.0.stopped.load(Relaxed),
            fallbacks: self.0.fallbacks.load(Relaxed),
            places: places.collect(),
        }
    }
}

// === impl Place ===

impl Place {
    /// Counts an attempt here.
    pub fn attempt(&self, attempt: &Attempt) {
        match &attempt.outcome {
            Outcome::Answered => _ = self.answered.fetch_add(1, Relaxed),
            Outcome::Outrun => _ = self.outrun.fetch_add(1, Relaxed),
            Outcome::Failed { error, .. } => {
                let mut failed = lock(&self.failed);
                match failed.iter_mut().find(|(kind, _)| kind == error) {
                    Some((_, count)) => *count += 1,
                    None => failed.push((*error, 1)),
                }
            }
        }
        self.queued_ms.add(Some(attempt.queued_ms));
        self.sent_ms.add(attempt.sent_ms);
        self.head_ms.add(attempt.head_ms);
        self.first_token_ms.add(attempt.first_token_ms);
        self.total_ms.add(Some(attempt.total_ms));
    }

    fn now(&self, endpoint: &str, model: &ModelRef) -> PlaceTallied {
        let failed = lock(&self.failed);
        let failed = failed.iter().map(|(kind, count)| (word(*kind), *count));
        let others = [("answered", &self.answered), ("outrun", &self.outrun)];
        let others = others.map(|(name, count)| (name.to_owned(), count.load(Relaxed)));
        PlaceTallied {
            endpoint: endpoint.to_owned(),
            model: model.clone(),
            outcomes: failed.chain(others).filter(|(_, count)| *count > 0).collect(),
            queued: self.queued_ms.now(),
            sent: self.sent_ms.now(),
            head: self.head_ms.now(),
            first_token: self.first_token_ms.now(),
            total: self.total_ms.now(),
        }
    }
}

impl Sum {
    fn add(&self, milliseconds: Option<u64>) {
        if let Some(milliseconds) = milliseconds {
            self.sum.fetch_add(milliseconds, Relaxed);
            self.count.fetch_add(1, Relaxed);
        }
    }

    fn now(&self) -> Total {
        Total {
            ms: self.sum.load(Relaxed),
            count: self.count.load(Relaxed),
        }
    }
}

/// The word for programs.
fn word(kind: ErrorKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

/// The lock is held for a moment, never across an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn turns_and_attempts_are_counted() {
        let tally = Tally::default();
        tally.turn(&samples::fallback());
        tally.turn(&samples::fallback());
        tally.turn(&samples::failed());
        let counts = tally.now();
        assert_eq!(
            (counts.answered, counts.failed, counts.stopped, counts.fallbacks),
            (2, 1, 0, 2)
        );
        let outcomes: Vec<(String, Vec<(&str, u64)>)> = counts
            .places
            .iter()
            .map(|place| {
                let outcomes = place.outcomes.iter().map(|(name, count)| (name.as_str(), *count));
                (place.model.to_string(), outcomes.collect())
            })
            .collect();
        assert_eq!(
            outcomes,
            [
                ("near/m1".to_owned(), vec![("refused", 3)]),
                ("far/m2".to_owned(), vec![("answered", 2), ("auth", 1)]),
            ]
        );
        let far = counts.places.last().map(|place| (place.first_token, place.total));
        assert_eq!(far, Some((Total { ms: 1000, count: 2 }, Total { ms: 4020, count: 3 })));
    }
}
