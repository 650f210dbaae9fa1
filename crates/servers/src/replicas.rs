//! Several addresses that serve the same models.
//!
//! A session stays with the replica that answered it last, because the beginning of its prompt lies in that one's cache.
//! A session that nobody has answered yet is given to one by rendezvous hashing, so that sessions spread and every process
//! chooses alike. A replica that is off comes last, and one without a free slot after one that has some.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use yabby_core::Caller;

use crate::Endpoint;

/// More sessions than this are not remembered; the one that was answered longest ago goes first.
const MOST_SESSIONS: usize = 4096;

/// The other addresses of an endpoint, and who stays where. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replicas {
    /// None of these has replicas of its own; all share `homes`.
    others: Arc<Vec<Endpoint>>,
    homes: Homes,
}

/// Which replica has answered a session last, by base URL.
#[derive(Clone, Debug, Default)]
struct Homes(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    sessions: BTreeMap<String, (String, u64)>,
    answers: u64,
}

impl Endpoint {
    /// Adds the other addresses that serve the same models.
    pub(crate) fn with_replicas(mut self, others: Vec<Self>) -> Self {
        let homes = self.replicas.homes.clone();
        let shared = |mut other: Self| {
            other.replicas.homes = homes.clone();
            other
        };
        self.replicas.others = Arc::new(others.into_iter().map(shared).collect());
        self
    }

    /// Keeps the sessions where `other` has them.
    pub(crate) fn at_home_as(&mut self, other: &Self) {
        self.replicas.homes = other.replicas.homes.clone();
    }

    /// The other addresses that serve the same models.
    pub fn replicas(&self) -> &[Self] {
        &self.replicas.others
    }

    /// This endpoint and its replicas, the one to be asked first in front.
    pub fn in_order_for(&self, model: &str, caller: &Caller) -> Vec<Self> {
        let mut all: Vec<Self> = std::iter::once(self).chain(self.replicas()).cloned().collect();
        if all.len() == 1 {
            return all;
        }
        let home = self.replicas.homes.of(&caller.session);
        all.sort_by_cached_key(|replica| {
            let away = home.as_ref().is_none_or(|home| *home != replica.base_url);
            (
                replica.is_resting(),
                !replica.has_room(model),
                away,
                u64::MAX - weight(&caller.session, &replica.base_url),
            )
        });
        all
    }

    /// Notes that this replica has answered a session.
    pub fn answered(&self, caller: &Caller) {
        self.replicas.homes.set(&caller.session, &self.base_url);
    }
}

/// The weight of a replica for a session: the heaviest is its first home.
fn weight(session: &str, replica: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (session, replica).hash(&mut hasher);
    hasher.finish()
}

// === impl Homes ===

impl Homes {
    fn of(&self, session: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.sessions.get(session).map(|(home, _)| home.clone())
    }

    fn set(&self, session: &str, replica: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.answers += 1;
        let entry = (replica.to_owned(), known.answers);
        known.sessions.insert(session.to_owned(), entry);
        if known.sessions.len() > MOST_SESSIONS {
            let oldest = known.sessions.iter().min_by_key(|(_, (_, answer))| *answer);
            if let Some(oldest) = oldest.map(|(session, _)| session.clone()) {
                known.sessions.remove(&oldest);
            }
        }
    }
}
