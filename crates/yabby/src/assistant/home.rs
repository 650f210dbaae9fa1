//! What the agents of the config have.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use yabby_agent::{Frozen, Home, Rules, Served};
use yabby_config::Config;
use yabby_core::{ModelRef, ResetPolicy, ResetType, SessionKey, Time};
use yabby_route::resolve;
use yabby_servers::{EndpointOrigin, Fleet};
use yabby_tools::Registry;

use crate::local_time::LocalTime;

/// What the agents of the config have.
pub(crate) struct Household {
    pub(crate) config: Arc<Config>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) clock: LocalTime,
    /// Whether reasoning is shown, because the command line says so.
    pub(crate) reasoning: bool,
}

impl Household {
    /// Whether a model is the small one that comes along, which proves that everything works and calls no tools.
    fn is_embedded(&self, model: &ModelRef) -> bool {
        let endpoint = self.fleet.endpoint(model.provider());
        endpoint.is_some_and(|endpoint| match &endpoint.origin {
            EndpointOrigin::Managed(lease) => lease.embedded().is_some(),
            _ => false,
        })
    }
}

impl Home for Household {
    fn rules(&self, _agent: &str) -> Rules {
        let mut rules = Rules {
            reasoning: self.reasoning,
            ..Rules::default()
        };
        if let Some(time) = self.config.agents.defaults.timeout {
            rules.limits.time = time;
        }
        rules
    }

    fn reset(&self, conversation: &SessionKey) -> ResetPolicy {
        let resets = &self.config.session.resets;
        resets.policy(ResetType::from(conversation), conversation.channel())
    }

    fn offset(&self, at: Time) -> i32 {
        self.clock.offset(at)
    }

    fn tools<'a>(&'a self, _agent: &'a str, _served: Option<&'a Served>) -> BoxFuture<'a, Registry> {
        async move { Registry::default() }.boxed()
    }

    fn frozen<'a>(
        &'a self,
        _conversation: &'a SessionKey,
        served: &'a Served,
        _tools: &'a Registry,
    ) -> BoxFuture<'a, Frozen> {
        let _ = self.is_embedded(&served.model);
        async move {
            Frozen {
                system: String::new(),
                tools: Vec::new(),
            }
        }
        .boxed()
    }

    fn aside(&self, _agent: &str, _at: Time) -> Option<String> {
        None
    }

    fn models(&self) -> Vec<String> {
        let configured = self.config.models.providers.iter();
        let mut names: Vec<String> = configured
            .flat_map(|provider| {
                provider
                    .models
                    .iter()
                    .map(|model| format!("{}/{}", provider.id, model.id))
            })
            .collect();
        for (endpoint, facts) in self.fleet.members() {
            let found = facts.iter().flat_map(|facts| &facts.models).filter(|model| model.chat);
            for model in found {
                let name = format!("{}/{}", endpoint.provider, model.id);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn model(&self, name: &str) -> Option<String> {
        let model = resolve(&self.config, &self.fleet, name).ok()?;
        Some(model.to_string())
    }
}
