//! From the written agents and the rules of routing to the typed ones.

use std::time::Duration;

use crate::{
    config::{
        Agent, AgentDefaults, Agents, Budget, Cost, CostTier, Limit, ModelPolicy, ModelSettings, Params, Privacy, Route,
    },
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
        budget: Budget {
            per_day: limit(&raw.budget.per_day),
            per_session: limit(&raw.budget.per_session),
            in_doubt: false,
        },
    }
}

fn limit(raw: &raw::Limit) -> Limit {
    Limit {
        usd: raw.usd,
        tokens: raw.tokens,
    }
}

pub(crate) fn cost(raw: raw::Cost) -> Cost {
    let tier = |tier: raw::CostTier| CostTier {
        input: tier.input,
        output: tier.output,
        cache_read: tier.cache_read,
        cache_write: tier.cache_write,
        start: tier.range.first().copied().unwrap_or_default(),
        end: tier.range.get(1).copied(),
    };
    let mut tiers: Vec<CostTier> = raw.tiered_pricing.into_iter().map(tier).collect();
    tiers.sort_by_key(|tier| tier.start);
    Cost {
        input: raw.input,
        output: raw.output,
        cache_read: raw.cache_read,
        cache_write: raw.cache_write,
        tiers,
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}
