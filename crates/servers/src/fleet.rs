//! All endpoints that there are right now.

use yabby_core::ModelRef;

use crate::{Endpoint, ServerFacts};

/// Configured, built-in, discovered and managed endpoints, and what is known about them.
#[derive(Debug, Default)]
pub struct Fleet {
    members: Vec<(Endpoint, Option<ServerFacts>)>,
}

impl Fleet {
    /// A fleet of endpoints about which nothing is known yet.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            members: endpoints.into_iter().map(|endpoint| (endpoint, None)).collect(),
        }
    }

    /// Adds an endpoint.
    pub fn add(&mut self, endpoint: Endpoint, facts: Option<ServerFacts>) {
        self.members.push((endpoint, facts));
    }

    /// All endpoints, in order.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.members.iter().map(|(endpoint, _)| endpoint)
    }

    /// All endpoints with what is known about them.
    pub fn members(&self) -> impl Iterator<Item = (&Endpoint, Option<&ServerFacts>)> {
        self.members.iter().map(|(endpoint, facts)| (endpoint, facts.as_ref()))
    }

    /// The endpoint of a provider; ids are compared without regard to case.
    pub fn endpoint(&self, provider: &str) -> Option<&Endpoint> {
        self.endpoints()
            .find(|endpoint| endpoint.provider.eq_ignore_ascii_case(provider))
    }

    /// The one endpoint that is known to serve a model of this id, as a full reference.
    pub fn find_model(&self, id: &str) -> Option<ModelRef> {
        let mut holders = self.members.iter().filter(|(endpoint, facts)| {
            endpoint.listed_model(id).is_some() || facts.as_ref().is_some_and(|facts| facts.model(id).is_some())
        });
        let (endpoint, _) = holders.next()?;
        if holders.next().is_some() {
            return None;
        }
        ModelRef::new(&endpoint.provider, id).ok()
    }
}
