//! All endpoints that there are right now.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use yabby_core::ModelRef;

use crate::{Endpoint, EndpointOrigin, Http, Reach, ServerFacts};

/// Configured, built-in, discovered and managed endpoints, replicas included.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Servers that are no providers, as they were asked for. Clones share them, and fleets that come after this one.
    pub(crate) beside: Arc<Mutex<Vec<Endpoint>>>,
}

/// Servers near by answer in milliseconds; hosted ones get longer.
const NEAR: Duration = Duration::from_millis(900);
const FAR: Duration = Duration::from_secs(5);
/// So many servers that are no providers are remembered: more than agents have at a time.
const BESIDE: usize = 32;

impl Fleet {
    /// A fleet of endpoints and their replicas.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        let mut fleet = Self::default();
        for endpoint in endpoints {
            fleet.add(endpoint);
        }
        fleet
    }

    /// Adds an endpoint and its replicas.
    pub fn add(&mut self, endpoint: Endpoint) {
        let replicas = endpoint.replicas().to_vec();
        self.endpoints.push(endpoint);
        self.endpoints.extend(replicas);
    }

    /// A server that is no provider, such as one that the config names for embeddings alone. Whoever asks for it shares its
    /// queue, its breaker and what else is known of it; another config of it goes on from what is known of the place.
    #[must_use]
    pub fn beside(&self, mut endpoint: Endpoint) -> Endpoint {
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = beside.iter().find(|known| known.is_same(&endpoint)) {
            return known.clone();
        }
        endpoint.succeeds(beside.iter());
        if beside.len() == BESIDE {
            beside.remove(0);
        }
        beside.push(endpoint.clone());
        endpoint
    }

    /// All endpoints, in order; a replica stands behind the endpoint that it belongs to.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter()
    }

    pub(crate) fn into_endpoints(self) -> Vec<Endpoint> {
        self.endpoints
    }

    /// All endpoints with what the last probe found out about them.
    pub fn members(&self) -> impl Iterator<Item = (&Endpoint, Option<Arc<ServerFacts>>)> {
        self.endpoints.iter().map(|endpoint| (endpoint, endpoint.known()))
    }

    /// The endpoint of a provider; ids are compared without regard to case.
    pub fn endpoint(&self, provider: &str) -> Option<&Endpoint> {
        self.endpoints()
            .find(|endpoint| endpoint.provider.eq_ignore_ascii_case(provider))
    }

    /// The one provider that is known to serve a model of this id, as a full reference.
    pub fn find_model(&self, id: &str) -> Option<ModelRef> {
        let serves = |endpoint: &&Endpoint| {
            endpoint.listed_model(id).is_some() || endpoint.known().is_some_and(|facts| facts.model(id).is_some())
        };
        let mut holders = self.endpoints.iter().filter(serves);
        let first = holders.next()?;
        if holders.any(|other| other.provider != first.provider) {
            return None;
        }
        ModelRef::new(&first.provider, id).ok()
    }

    /// Looks up the names that tell nothing: those that may have private addresses alone are in this network. No endpoint is
    /// contacted.
    pub async fn look_up_names(&self, http: &Http, limit: Duration) {
        join_all(self.endpoints.iter().map(|endpoint| endpoint.look_up(http, limit))).await;
    }

    /// Asks every endpoint at once that was not asked within `max_age`. What Yabby manages itself is not asked: it may
    /// not run, and its lease knows.
    pub async fn refresh(&self, http: &Http, max_age: Duration) {
        let asked = self
            .endpoints
            .iter()
            .filter(|endpoint| !matches!(endpoint.origin, EndpointOrigin::Managed(_)));
        join_all(asked.map(|endpoint| async move {
            let limit = if endpoint.reach == Reach::Hosted { FAR } else { NEAR };
            endpoint.refresh(http, max_age, limit).await
        }))
        .await;
    }
}
