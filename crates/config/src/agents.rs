//! From the written agents and the rules of routing to the typed ones.

use std::time::Duration;

use crate::{
    config::{Agent, AgentDefaults, Agents, Budget, Limit, ModelPolicy, ModelSettings, Params, Privacy, Route},
    path::at,
    privacy, raw,
    resolve::Resolver,
    source::Span,
    tree::{Node, Value},
};

pub(crate) fn agents(raw: raw::Agents, resolver: &mut Resolver<'_>) -> Agents {
    let defaults = resolver.privacy(raw.defaults.privacy.as_ref(), &at!["agents", "defaults", "privacy"]);
    let may_ask = raw.defaults.privacy.and_then(|privacy| privacy.on_violation) != Some(raw::OnViolation::Fail);
    let settings = |(name, raw): (String, raw::ModelSettings)| ModelSettings {
        name,
        alias: raw.alias.filter(|alias| !alias.trim().is_empty()),
        params: Params(raw.params),
    };
    let mut entries: Vec<Agent> = Vec::new();
    let mut add = |id: String, name: Option<String>, model: Option<raw::ModelChoice>, own: Privacy| {
        let own = Privacy {
            ask: own.ask && may_ask && !defaults.in_doubt,
            ..own
        };
        match entries.iter_mut().find(|known| known.id == id) {
            // The first one counts, and a rule of the other holds too.
            Some(known) => known.privacy = privacy::both(&known.privacy, &own),
            None => entries.push(Agent {
                id,
                name,
                model: model.map(policy),
                privacy: own,
            }),
        }
    };
    for (id, agent) in raw.entries.0 {
        let own = resolver.privacy(
            agent.privacy.as_ref(),
            &at!["agents", "entries", id.as_str(), "privacy"],
        );
        add(id, agent.name, agent.model, own);
    }
    let mut off: Vec<String> = Vec::new();
    let mut usable = raw.list.into_iter();
    let kept: Vec<Span> = items(resolver.tree).iter().map(|item| item.span).collect();
    for (index, item) in items(resolver.written).iter().enumerate() {
        if !kept.contains(&item.span) {
            off.extend(item.member("id").and_then(|id| id.value.as_str()).map(str::to_owned));
        } else if let Some(agent) = usable.next() {
            let own = resolver.privacy(agent.privacy.as_ref(), &at!["agents", "list", index, "privacy"]);
            add(agent.id, agent.name, agent.model, own);
        }
    }
    let entries_at = at!["agents", "entries"];
    let members = |tree: &Node| tree.find(&entries_at).map_or(Vec::new(), keys);
    let used = members(resolver.tree);
    off.extend(members(resolver.written).into_iter().filter(|id| !used.contains(id)));
    Agents {
        defaults: AgentDefaults {
            model: raw.defaults.model.map(policy),
            privacy: defaults,
            timeout: raw.defaults.timeout_seconds.map(seconds),
            params: Params(raw.defaults.params),
            models: raw.defaults.models.0.into_iter().map(settings).collect(),
        },
        off,
        in_doubt: resolver.doubts.may_hide_agents(),
        entries,
    }
}

/// The agents of `agents.list`, as the tree has them.
fn items(tree: &Node) -> &[Node] {
    match tree.find(&at!["agents", "list"]).map(|node| &node.value) {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

fn keys(node: &Node) -> Vec<String> {
    node.members().iter().map(|member| member.key.clone()).collect()
}

pub(crate) fn policy(raw: raw::ModelChoice) -> ModelPolicy {
    let (primary, fallbacks) = match raw {
        raw::ModelChoice::One(primary) => (Some(primary), Vec::new()),
        raw::ModelChoice::Chain(chain) => (chain.primary, chain.fallbacks),
    };
    ModelPolicy {
        primary: primary.filter(|name| !name.trim().is_empty()),
        fallbacks,
    }
}

pub(crate) fn route(raw: &raw::Route, budget_in_doubt: bool) -> Route {
    Route {
        hedge_after: raw.hedge_after.map(seconds),
        prefer_fast: raw.prefer_fast.unwrap_or_default(),
        budget: Budget {
            per_day: limit(&raw.budget.per_day),
            per_session: limit(&raw.budget.per_session),
            in_doubt: budget_in_doubt,
        },
    }
}

fn limit(raw: &raw::Limit) -> Limit {
    Limit {
        usd: raw.usd,
        tokens: raw.tokens,
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}
