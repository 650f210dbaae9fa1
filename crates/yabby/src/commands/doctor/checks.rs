//! What `doctor` looks at without asking a model for an answer.

use std::time::Duration;

use futures_util::future::join_all;
use yabby_core::{ErrorKind, FactSource, text};
use yabby_route::{Plan, plan};
use yabby_servers::{Endpoint, EndpointOrigin, Fleet, ModelState, ServerFacts, managed, probe};

use super::Finding;
use crate::{app::App, models::Here};

const LIMIT: Duration = Duration::from_secs(5);

/// The config file and its mistakes.
pub(super) fn config(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    match app.loaded.origin.path() {
        Some(path) => findings.push(Finding::good(text!("{path}", path = path.display()))),
        None => findings.push(Finding::good(text!(
            "none; servers on this machine are found without one ({path})",
            path = app.paths.own_config().display()
        ))),
    }
    if app.loaded.has_errors() {
        findings.push(Finding::bad(
            text!("the config has errors"),
            Some(text!("mend the places below; `yabby config check` shows them again")),
        ));
    }
    findings
}

/// Every endpoint: does it answer `GET /v1/models`, and does it have what the config says.
pub(super) async fn endpoints(app: &App, fleet: &Fleet) -> Vec<Finding> {
    let probes = fleet
        .members()
        .filter(|(endpoint, _)| !matches!(endpoint.origin, EndpointOrigin::Managed(_)))
        .map(|(endpoint, known)| async move {
            match known {
                Some(facts) => one_endpoint(app, endpoint, facts).await,
                None => one_endpoint(app, endpoint, &probe(&app.http, endpoint, LIMIT).await).await,
            }
        });
    let mut findings: Vec<Finding> = join_all(probes).await.into_iter().flatten().collect();
    if findings.is_empty() {
        findings.push(Finding::good(text!(
            "none is configured, and none runs on a well-known port"
        )));
    }
    findings
}

async fn one_endpoint(app: &App, endpoint: &Endpoint, facts: &ServerFacts) -> Vec<Finding> {
    let name = &endpoint.provider;
    if let Some(error) = &facts.error {
        if error.kind == ErrorKind::Refused && endpoint.is_managed() {
            return vec![Finding::good(text!(
                "{provider}: not running; the first question starts its server",
                provider = name
            ))];
        }
        let fix = match error.kind {
            ErrorKind::NotAnApi => missing_version(app, endpoint).await,
            _ => None,
        };
        let message = text!("{provider}: {error}", provider = name, error = error.message);
        return vec![Finding::bad(message, fix.or_else(|| error.hint.clone()))];
    }
    let kind = match (facts.kind, &facts.version) {
        (Some(kind), Some(version)) => format!("{} {version}", kind.name()),
        (Some(kind), None) => kind.name().to_owned(),
        (None, _) => "OpenAI API".to_owned(),
    };
    let mut findings = vec![Finding::good(text!(
        "{provider}: {url} answers in {milliseconds} ms ({kind}; models: {count})",
        provider = name,
        url = endpoint.base_url,
        kind = kind,
        count = facts.models.len(),
        milliseconds = facts.took.as_millis()
    ))];
    for entry in &endpoint.listed {
        let Some(served) = facts.model(&entry.id) else {
            let has: Vec<&str> = facts.models.iter().map(|model| model.id.as_str()).take(8).collect();
            findings.push(Finding::bad(
                text!(
                    "{provider}: there is no model {model}",
                    provider = name,
                    model = entry.id
                ),
                Some(text!(
                    "the server has: {models}; put one of these ids into models[].id",
                    models = has.join(", ")
                )),
            ));
            continue;
        };
        if served.state == ModelState::Unloaded {
            findings.push(Finding::note(
                text!("{provider}: {model} is not loaded", provider = name, model = entry.id),
                text!("the first question waits until the server has loaded it"),
            ));
        }
        if let (Some(window), Some(configured)) = (&served.window, entry.context_tokens.or(entry.context_window))
            && window.source == FactSource::Probe
            && window.value < configured
        {
            findings.push(Finding::note(
                text!(
                    "{provider}: {model} serves a window of {served} tokens, the config says {configured}",
                    provider = name,
                    model = entry.id,
                    served = window.value,
                    configured = configured
                ),
                text!(
                    "load the model with a larger context, or set contextWindow to {served}",
                    served = window.value
                ),
            ));
        }
    }
    findings
}

/// A base URL with a path but without a version: does the API live one step deeper?
async fn missing_version(app: &App, endpoint: &Endpoint) -> Option<yabby_core::Text> {
    let deeper = endpoint.with_version()?;
    let facts = probe(&app.http, &deeper, LIMIT).await;
    facts.error.is_none().then(|| {
        text!(
            "set models.providers.{provider}.baseUrl to {url}",
            provider = endpoint.provider,
            url = deeper.base_url
        )
    })
}

/// The embedded model, where it is installed: complete and unchanged?
pub(super) async fn embedded(app: &App, installed: bool) -> Vec<Finding> {
    if !installed {
        return vec![Finding::good(text!(
            "not installed; `yabby up` installs it when there is no other model"
        ))];
    }
    match managed::verify(&app.paths).await {
        Ok(()) => vec![Finding::good(text!("installed; the file is complete and unchanged"))],
        Err(error) => vec![Finding::bad(error.message, error.hint)],
    }
}

/// The models that a question would go to.
pub(super) fn chain(app: &App, here: &Here) -> (Option<Plan>, Vec<Finding>) {
    match plan(app.config(), &here.fleet, None, here.default.as_ref()) {
        Ok(plan) => {
            let mut findings: Vec<Finding> = plan
                .candidates
                .iter()
                .map(|candidate| Finding::good(text!("{model}", model = candidate.model)))
                .collect();
            findings.extend(
                plan.left_out
                    .iter()
                    .map(|left_out| Finding::note(left_out.text(), left_out.error.hint())),
            );
            (Some(plan), findings)
        }
        Err(error) => (None, vec![Finding::bad(error.reason(), Some(error.hint()))]),
    }
}
