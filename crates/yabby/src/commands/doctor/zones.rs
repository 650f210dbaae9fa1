//! Where data may go: endpoints whose zone is not what their address looks like, and agents whose rules leave no model.

use std::time::Duration;

use yabby_config::Privacy;
use yabby_core::text;
use yabby_route::{PlanError, Wanted, plan};
use yabby_servers::{Endpoint, EndpointOrigin, Fleet, Reach, ServerKind};

use super::Finding;
use crate::{app::App, models::Here};

/// A name is looked up in less, or it is taken for one from anywhere.
const LOOKUP: Duration = Duration::from_secs(1);

/// What is surprising about the zones of endpoints. A name near by that has public addresses was told before: such an
/// endpoint cannot be asked.
pub(super) async fn endpoints(app: &App, fleet: &Fleet) -> Vec<Finding> {
    fleet.look_up_names(&app.http, LOOKUP).await;
    let has_rules = has_rules(app);
    let mut findings = Vec::new();
    for endpoint in fleet.endpoints() {
        findings.extend(declared(endpoint));
        let is_plain = matches!(endpoint.origin, EndpointOrigin::Managed(_) | EndpointOrigin::BuiltIn);
        if endpoint.zone.is_none() && !is_plain {
            findings.extend(one(endpoint, has_rules));
        }
    }
    findings
}

fn one(endpoint: &Endpoint, has_rules: bool) -> Option<Finding> {
    let provider = &endpoint.provider;
    let near = match endpoint.reach {
        Reach::Loopback => "machine",
        Reach::Lan => "lan",
        Reach::Hosted if endpoint.zone_of("").is_own() => {
            return Some(Finding::note(
                text!(
                    "{provider}: {url} has private addresses alone, so it counts as lan where rules limit zones",
                    provider = provider,
                    url = endpoint.base_url
                ),
                text!(
                    "set models.providers.{provider}.zone to \"lan\" to have it there always, and never reached at another address",
                    provider = provider
                ),
            ));
        }
        Reach::Hosted => return None,
    };
    let facts = endpoint.known()?;
    let kind = facts.kind.map(ServerKind::name);
    let ids = endpoint.listed.iter().map(|entry| entry.id.as_str());
    let mut ids = ids.chain(facts.models.iter().map(|model| model.id.as_str()));
    if let Some(model) = ids.find(|id| endpoint.sends_on(id)) {
        if facts.kind == Some(ServerKind::Ollama) {
            return Some(Finding::note(
                text!(
                    "{provider}: {model} runs at Ollama's, so it counts as hosted; other models there do not",
                    provider = provider,
                    model = model
                ),
                text!(
                    "leave models.providers.{provider}.zone unset: it would hold for all of them",
                    provider = provider
                ),
            ));
        }
        return Some(Finding::note(
            text!(
                "{provider}: {model} is served by {kind} near by, which sends its prompts on, so it counts as hosted",
                provider = provider,
                model = model,
                kind = kind.unwrap_or("?")
            ),
            text!(
                "set models.providers.{provider}.zone to \"{zone}\" if all that it sends to is there too",
                provider = provider,
                zone = near
            ),
        ));
    }
    (kind.is_none() && facts.is_reachable() && has_rules).then(|| {
        Finding::note(
            text!(
                "{provider}: it is not known what runs at {url}; should it send prompts on, the rules for zones do not see that",
                provider = provider,
                url = endpoint.base_url
            ),
            text!(
                "set models.providers.{provider}.zone: \"{zone}\" if it answers by itself, \"hosted\" if it sends prompts on",
                provider = provider,
                zone = near
            ),
        )
    })
}

/// A zone of the config that a cloud model of Ollama makes untrue.
fn declared(endpoint: &Endpoint) -> Option<Finding> {
    let zone = endpoint.zone.as_ref().filter(|zone| zone.is_own())?;
    let facts = endpoint
        .known()
        .filter(|facts| facts.kind == Some(ServerKind::Ollama))?;
    let model = facts.models.iter().find(|model| endpoint.sends_on(&model.id))?;
    Some(Finding::note(
        text!(
            "{provider}: zone says {zone} of all its models, also of {model}, which runs at Ollama's",
            provider = endpoint.provider,
            zone = zone,
            model = model.id
        ),
        text!(
            "take models.providers.{provider}.zone out: its address tells of the others",
            provider = endpoint.provider
        ),
    ))
}

/// Whether the config limits where data may go.
fn has_rules(app: &App) -> bool {
    let agents = &app.config().agents;
    let mut own = agents.entries.iter().map(|agent| &agent.privacy);
    agents.defaults.privacy.zones.is_some() || own.any(|privacy| privacy.zones.is_some())
}

/// What hides the rules of the owner, and agents that have no model left. That of the defaults is told with the models in
/// use.
pub(super) fn agents(app: &App, here: &Here) -> Vec<Finding> {
    let agents = &app.config().agents;
    let mut findings = Vec::new();
    let hidden = |rule: String| {
        Finding::bad(
            text!(
                "{rule} cannot be read, so only models on this machine may be asked",
                rule = rule
            ),
            Some(text!("correct the mistake in the config that is shown above")),
        )
    };
    if agents.defaults.privacy.in_doubt {
        findings.push(hidden("agents.defaults.privacy".to_owned()));
    }
    let is_hidden = |privacy: &Privacy| privacy.in_doubt && !agents.defaults.privacy.in_doubt;
    for agent in &agents.entries {
        if is_hidden(&agent.privacy) {
            findings.push(hidden(format!("agents.entries.{}.privacy", agent.id)));
        }
        let wanted = Wanted {
            agent: Some(&agent.id),
            default: here.default.as_ref(),
            ..Wanted::default()
        };
        if let Err(error @ PlanError::OutOfZone { .. }) = plan(app.config(), &here.fleet, &wanted) {
            findings.push(Finding::bad(
                text!(
                    "agent {agent}: its rules leave no model: {reason}",
                    agent = agent.id,
                    reason = error.reason()
                ),
                Some(error.hint()),
            ));
        }
    }
    for id in &agents.off {
        findings.push(hidden(format!("agents.entries.{id}.privacy")));
    }
    findings
}
