//! One endpoint: does it answer, does it have what the config says, and does it serve it as its owner believes.

use std::time::Duration;

use futures_util::future::join_all;
use yabby_core::{ErrorKind, FactSource, Text, text};
use yabby_servers::managed::{ServerStatus, State};
use yabby_servers::{
    Endpoint, EndpointOrigin, Fleet, ModelFacts, ModelState, Reach, ServerFacts, ServerKind, WellKnown, probe,
};

use yabby_servers::capability::{Capability, Found, Outcome, Record, Tried};

use super::{Finding, keys};
use crate::app::App;

/// A server that is looked for at another place answers at once, or is not there.
const LIMIT: Duration = Duration::from_millis(900);

/// Every endpoint.
pub(super) async fn all(app: &App, fleet: &Fleet) -> Vec<Finding> {
    // What discovery has just asked is not asked again.
    fleet.refresh(&app.http, Duration::from_secs(5)).await;
    let checks = fleet
        .members()
        .filter(|(endpoint, _)| !matches!(endpoint.origin, EndpointOrigin::Managed(_)))
        .map(|(endpoint, facts)| async move {
            match facts {
                Some(facts) => {
                    let mut findings = one(app, endpoint, &facts).await;
                    findings.extend(keys::of(app, endpoint, &facts).await);
                    findings
                }
                None => Vec::new(),
            }
        });
    let mut findings: Vec<Finding> = join_all(checks).await.into_iter().flatten().collect();
    if findings.is_empty() {
        findings.push(Finding::good(text!(
            "none is configured, and none runs on a well-known port"
        )));
    }
    findings
}

async fn one(app: &App, endpoint: &Endpoint, facts: &ServerFacts) -> Vec<Finding> {
    let name = &endpoint.provider;
    if let Some(error) = &facts.error {
        if error.kind == ErrorKind::Loading {
            return vec![Finding::note(
                text!(
                    "{provider}: {url} is loading its model",
                    provider = name,
                    url = endpoint.base_url
                ),
                text!("wait until it is done; a question that is asked now waits too"),
            )];
        }
        if let Some(status) = endpoint.managed_status().filter(|_| error.kind == ErrorKind::Refused) {
            return vec![not_running(name, &status)];
        }
        let fix = match error.kind {
            ErrorKind::NotAnApi | ErrorKind::ModelNotFound => missing_version(app, endpoint).await,
            ErrorKind::Refused => other_port(app, endpoint).await,
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
    if let Some(trouble) = endpoint.trouble() {
        let minutes = yabby_core::now().saturating_sub(trouble.at) / 60;
        findings.push(Finding::note(
            text!(
                "{provider}: the last question failed {minutes} min ago: {error}",
                provider = name,
                minutes = minutes,
                error = trouble.message
            ),
            text!("`yabby doctor --deep` asks again"),
        ));
    }
    let tried = Tried::read(&app.paths.state_dir);
    for entry in &endpoint.listed {
        match facts.model(&entry.id) {
            Some(served) => {
                findings.extend(model(endpoint, facts, &entry.id, served));
                let no_tools = served.tools.as_ref().is_some_and(|tools| !tools.value);
                let tried = tried
                    .of(endpoint, &entry.id)
                    .filter(|record| record.version == facts.version);
                findings.extend(
                    tried
                        .into_iter()
                        .flat_map(|record| failed(endpoint, &entry.id, record, no_tools)),
                );
            }
            // OpenAI and others list what they like.
            None if endpoint.reach == Reach::Hosted && facts.models.is_empty() => {}
            None => findings.push(absent(endpoint, facts, &entry.id)),
        }
    }
    findings
}

/// What `yabby models probe` has found wanting, with the flag or setting that mends it.
fn failed(endpoint: &Endpoint, id: &str, record: &Record, no_tools: bool) -> Vec<Finding> {
    // That there are no native tool calls was told just before.
    let told = |found: &&Found| no_tools && found.capability == Capability::Tools;
    let wanting = record.findings.iter().filter(|found| found.outcome > Outcome::Works);
    let wanting = wanting.filter(|found| !told(found));
    let finding = |found: &Found| {
        let fix = found.fix.as_ref()?;
        let message = text!(
            "{provider}: {model}, {capability}: {words} (`yabby models probe`)",
            provider = endpoint.provider,
            model = id,
            capability = found.capability.name(),
            words = found.words.as_deref().unwrap_or("?")
        );
        Some(Finding::note(message, text!("{fix}", fix = fix)))
    };
    wanting.filter_map(finding).collect()
}

/// A server that Yabby starts when it is needed, and why the last one ended if it did.
fn not_running(provider: &str, status: &ServerStatus) -> Finding {
    let log = || text!("its log is {log}", log = status.log.display());
    match &status.state {
        State::Failed(words) => Finding::bad(
            text!(
                "{provider}: its server does not start: {words}",
                provider = provider,
                words = words
            ),
            Some(log()),
        ),
        State::Late => Finding::bad(
            text!(
                "{provider}: its server was not ready within readyTimeoutMs",
                provider = provider
            ),
            Some(log()),
        ),
        State::Starting => Finding::note(
            text!("{provider}: its server is being started", provider = provider),
            log(),
        ),
        State::Ready | State::Stopped => Finding::good(text!(
            "{provider}: not running; the first question starts its server",
            provider = provider
        )),
    }
}

fn absent(endpoint: &Endpoint, facts: &ServerFacts, id: &str) -> Finding {
    let has: Vec<&str> = facts.models.iter().map(|model| model.id.as_str()).take(8).collect();
    let message = text!(
        "{provider}: there is no model {model}",
        provider = endpoint.provider,
        model = id
    );
    let fix = if has.is_empty() {
        text!("the server has no model yet: load or pull one there")
    } else {
        text!(
            "the server has: {models}; put one of these ids into models[].id",
            models = has.join(", ")
        )
    };
    Finding::bad(message, Some(fix))
}

/// One model that the config lists and the server has.
fn model(endpoint: &Endpoint, facts: &ServerFacts, id: &str, served: &ModelFacts) -> Vec<Finding> {
    let provider = &endpoint.provider;
    let mut findings = Vec::new();
    match served.state {
        ModelState::Unloaded => findings.push(Finding::note(
            text!("{provider}: {model} is not loaded", provider = provider, model = id),
            text!("the first question waits until the server has loaded it; keepWarm keeps it loaded"),
        )),
        ModelState::Failing => findings.push(Finding::bad(
            text!(
                "{provider}: the server cannot run {model}",
                provider = provider,
                model = id
            ),
            Some(text!(
                "look into the server's log: the file may be broken, or too large for the memory"
            )),
        )),
        _ => {}
    }
    let configured = endpoint
        .listed_model(id)
        .and_then(|entry| entry.context_tokens.or(entry.context_window));
    if let (Some(window), Some(configured)) = (endpoint.served_window(id), configured)
        && matches!(window.source, FactSource::Probe | FactSource::Learned)
        && window.value < configured
    {
        findings.push(Finding::note(
            text!(
                "{provider}: {model} serves a window of {served} tokens, the config says {configured}",
                provider = provider,
                model = id,
                served = window.value,
                configured = configured
            ),
            larger_window(facts.kind, served, window.value),
        ));
    }
    let denied = endpoint
        .listed_model(id)
        .is_some_and(|entry| entry.compat.get("supportsTools").is_some());
    if served.tools.as_ref().is_some_and(|tools| !tools.value) && !denied {
        findings.push(Finding::note(
            text!(
                "{provider}: the server offers no native tool calls with {model}; Yabby holds its answers to a schema instead",
                provider = provider,
                model = id
            ),
            native_tools(facts.kind),
        ));
    }
    findings
}

/// How the window gets larger, in the server's own words.
fn larger_window(kind: Option<ServerKind>, served: &ModelFacts, window: u32) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => {
            let slots = served.slots.as_ref().map_or(1, |slots| slots.value.max(1));
            text!(
                "start llama-server with a larger --ctx-size (it is divided by --parallel {slots}), or set contextWindow to {served}",
                slots = slots,
                served = window
            )
        }
        Some(ServerKind::Vllm) => text!(
            "start vLLM with a larger --max-model-len, or set contextWindow to {served}",
            served = window
        ),
        Some(ServerKind::Ollama) => text!(
            "set OLLAMA_CONTEXT_LENGTH for the server, or params.num_ctx of the model, or set contextWindow to {served}",
            served = window
        ),
        Some(ServerKind::LmStudio) => text!(
            "load the model with a larger context length in LM Studio, or set contextWindow to {served}",
            served = window
        ),
        _ => text!(
            "load the model with a larger context, or set contextWindow to {served}",
            served = window
        ),
    }
}

/// What gives native tool calls.
fn native_tools(kind: Option<ServerKind>) -> Text {
    match kind {
        Some(ServerKind::LlamaCpp) => text!(
            "start llama-server with --jinja and a model whose chat template knows tools (or one from --chat-template-file)"
        ),
        Some(ServerKind::Vllm) => {
            text!("start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model's family")
        }
        Some(ServerKind::Ollama) => text!("pull a model with the capability tools (`ollama show MODEL` lists it)"),
        Some(ServerKind::LmStudio) => text!("load a model that LM Studio marks as trained for tool use"),
        _ => text!("choose a model that was trained for tool use"),
    }
}

/// A base URL with a path but without a version: does the API live one step deeper?
async fn missing_version(app: &App, endpoint: &Endpoint) -> Option<Text> {
    let deeper = endpoint.with_version()?;
    let facts = probe(&app.http, &deeper, LIMIT).await;
    facts.error.is_none().then(|| set_url(&deeper, None))
}

/// Nothing listens at the port: does a model server listen at a well-known port of the same host?
async fn other_port(app: &App, endpoint: &Endpoint) -> Option<Text> {
    if endpoint.reach == Reach::Hosted {
        return None;
    }
    let places = WellKnown::here(&app.env);
    let others = places.iter().filter_map(|place| endpoint.with_port(place.port));
    let found = join_all(others.map(|other| async move {
        let facts = probe(&app.http, &other, LIMIT).await;
        facts.error.is_none().then_some((other, facts.kind))
    }))
    .await;
    let (other, kind) = found.into_iter().flatten().next()?;
    Some(set_url(&other, kind))
}

fn set_url(endpoint: &Endpoint, kind: Option<ServerKind>) -> Text {
    match kind {
        Some(kind) => text!(
            "{server} answers at {url}: set models.providers.{provider}.baseUrl to it, or start the server that is meant",
            server = kind.name(),
            url = endpoint.base_url,
            provider = endpoint.provider
        ),
        None => text!(
            "set models.providers.{provider}.baseUrl to {url}",
            provider = endpoint.provider,
            url = endpoint.base_url
        ),
    }
}
