//! From the written agents and the rules of routing to the typed ones.

use std::time::Duration;

use crate::{
    config::{Agent, AgentDefaults, Agents, ModelPolicy, ModelSettings, Params, Privacy, Route},
    raw,
};

pub(crate) fn agents(raw: raw::Agents) -> Agents {
    let settings = |(name, raw): (String, raw::ModelSettings)| ModelSettings {
        name,
        alias: raw.alias.filter(|alias| !alias.trim().is_empty()),
        params: Params(raw.params),
    };
    let by_id = raw.entries.0.into_iter().map(|(id, agent)| Agent {
        id,
        name: agent.name,
        model: agent.model.map(policy),
        privacy: Privacy::default(),
    });
    let listed = raw.list.into_iter().map(|agent| Agent {
        id: agent.id,
        name: agent.name,
        model: agent.model.map(policy),
        privacy: Privacy::default(),
    });
    let mut entries: Vec<Agent> = Vec::new();
    for agent in by_id.chain(listed) {
        if !entries.iter().any(|known| known.id == agent.id) {
            entries.push(agent);
        }
    }
    Agents {
        defaults: AgentDefaults {
            model: raw.defaults.model.map(policy),
            privacy: Privacy::default(),
            timeout: raw.defaults.timeout_seconds.map(seconds),
            params: Params(raw.defaults.params),
            models: raw.defaults.models.0.into_iter().map(settings).collect(),
        },
        entries,
    }
}

fn policy(raw: raw::ModelChoice) -> ModelPolicy {
    let (primary, fallbacks) = match raw {
        raw::ModelChoice::One(primary) => (Some(primary), Vec::new()),
        raw::ModelChoice::Chain(chain) => (chain.primary, chain.fallbacks),
    };
    ModelPolicy {
        primary: primary.filter(|name| !name.trim().is_empty()),
        fallbacks,
    }
}

pub(crate) fn route(raw: &raw::Route) -> Route {
    Route {
        hedge_after: raw.hedge_after.map(seconds),
        prefer_fast: raw.prefer_fast.unwrap_or_default(),
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}
