//! Which key a request is sent with, and which keys rest.
//!
//! No clock of its own and no requests: the caller says when, and what came of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use yabby_core::{ErrorDetails, ErrorKind};

use super::table::{LONG, Says, Wait, says};

/// After so much silence a model goes back to the preferred key: prompt caches are gone by then (Anthropic keeps them
/// for five minutes, OpenAI for five to ten).
const CACHE_GONE: Duration = Duration::from_mins(10);

/// The state of an endpoint's keys. Clones share it. An endpoint without a key has one place all the same: what limits
/// it, limits all its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rests: BTreeMap<Place, Rest>,
    /// By model.
    current: BTreeMap<String, Use>,
}

/// A key, for one model or for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: usize,
    model: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    key: usize,
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    why: ErrorKind,
    since: Instant,
    until: Instant,
    /// How often in a row.
    times: u32,
}

/// The key of one request: what its error or its answer is about, whatever others do meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Its place among the endpoint's keys.
    pub(crate) key: usize,
    /// When the request was sent.
    at: Instant,
}

/// That a key rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    pub(crate) key: usize,
    pub(crate) why: ErrorKind,
    pub(crate) left: Duration,
}

// === impl Pool ===

impl Pool {
    /// The key for a request: the one that the model has used, as its prompts are in the cache of that account, while it
    /// can be used; else the first that can; else the one that can be used first.
    pub(crate) fn lease(&self, keys: usize, model: &str, now: Instant) -> Lease {
        let mut state = self.lock();
        let used = state.current.get(model).filter(|used| now < used.at + CACHE_GONE);
        let order = used.map(|used| used.key).into_iter().chain(0..keys.max(1));
        let rested = order.min_by_key(|key| state.rest(*key, model, now).map(|rest| rest.until));
        let key = rested.unwrap_or_default();
        state.current.insert(model.to_owned(), Use { key, at: now });
        Lease { key, at: now }
    }

    /// A request with this key, whatever is known of it.
    pub(crate) fn of(&self, key: usize, now: Instant) -> Lease {
        Lease { key, at: now }
    }

    /// Notes what an error says about its key.
    pub(crate) fn failed(&self, lease: Lease, model: &str, kind: ErrorKind, details: &ErrorDetails, now: Instant) {
        let Says::Rest { one_model, wait } = says(kind, details) else {
            return;
        };
        let place = Place {
            key: lease.key,
            model: one_model.then(|| model.to_owned()),
        };
        let mut state = self.lock();
        let before = state.rests.get(&place).copied();
        let rest = match before {
            // It was sent before that became known: the same limit, told twice.
            Some(before) if lease.at < before.since => match wait {
                Wait::Told(time) => Rest {
                    until: before.until.max(now + time),
                    ..before
                },
                Wait::Long | Wait::Growing => before,
            },
            before => {
                let in_row = before.filter(|before| now < before.until + LONG);
                let times = in_row.map_or(1, |before| before.times.saturating_add(1));
                Rest {
                    why: kind,
                    since: now,
                    until: now + wait.time(times),
                    times,
                }
            }
        };
        state.rests.insert(place, rest);
    }

    /// Notes that a model has answered.
    pub(crate) fn succeeded(&self, lease: Lease, model: &str, now: Instant) {
        let mut state = self.lock();
        state
            .rests
            .retain(|place, rest| place.key != lease.key || !place.covers(model) || lease.at < rest.since);
        if let Some(used) = state.current.get_mut(model).filter(|used| used.key == lease.key) {
            used.at = now;
        }
    }

    /// Whether some key can be used for a model.
    pub(crate) fn has_usable(&self, keys: usize, model: &str, now: Instant) -> bool {
        self.all_rest(keys, model, now).is_none()
    }

    /// The rest that ends first, when all keys rest.
    pub(crate) fn all_rest(&self, keys: usize, model: &str, now: Instant) -> Option<Resting> {
        let state = self.lock();
        let rests: Option<Vec<(usize, Rest)>> = (0..keys.max(1))
            .map(|key| Some((key, state.rest(key, model, now)?)))
            .collect();
        let (key, rest) = rests?.into_iter().min_by_key(|(_, rest)| rest.until)?;
        Some(rest.of(key, now))
    }

    /// What is at rest of a key: for all models, or for the named ones.
    pub(crate) fn rests_of(&self, key: usize, now: Instant) -> Vec<(Option<String>, Resting)> {
        let state = self.lock();
        let rests = state
            .rests
            .iter()
            .filter(|(place, rest)| place.key == key && now < rest.until);
        rests
            .map(|(place, rest)| (place.model.clone(), rest.of(key, now)))
            .collect()
    }

    /// The lock is held for a moment, never across an await.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// The longest rest of a key that concerns a model.
    fn rest(&self, key: usize, model: &str, now: Instant) -> Option<Rest> {
        let rests = self.rests.iter();
        let concern = rests.filter(|(place, rest)| place.key == key && place.covers(model) && now < rest.until);
        concern.map(|(_, rest)| *rest).max_by_key(|rest| rest.until)
    }
}

// === impl Place ===

impl Place {
    fn covers(&self, model: &str) -> bool {
        self.model.as_deref().is_none_or(|own| own == model)
    }
}

// === impl Rest ===

impl Rest {
    fn of(self, key: usize, now: Instant) -> Resting {
        Resting {
            key,
            why: self.why,
            left: self.until.saturating_duration_since(now),
        }
    }
}

#[cfg(test)]
mod tests;
