//! The tests of a model as a whole, against the scripted server.

mod limits;
mod verdicts;

use std::time::Duration;

use serde_json::{Map, Value, json};
use yabby_config::{Environment, load_text};
use yabby_testkit::{Fault, ModelServer, Refusal, ServerKind as Played, script};

use super::*;
use crate::{EndpointOrigin, ServerKind};

const MODEL: &str = "m1";

/// Long enough for a busy machine, and far from what the tests need.
const LONG: Duration = Duration::from_mins(2);

const CALL: &str = r#"{"city": "Paris"}"#;

fn near(server: &ModelServer) -> Endpoint {
    Endpoint::loopback("here", server.addr().port(), EndpointOrigin::Discovered)
}

fn configured(server: &ModelServer, api: &str, model: &str) -> Endpoint {
    let base = if api == "ollama" {
        server.url()
    } else {
        server.base_url()
    };
    let text = format!("{{models: {{providers: {{p: {{baseUrl: '{base}', api: '{api}', models: [{model}]}}}}}}}}");
    let loaded = load_text(&text, &Environment::default());
    Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
}

async fn played(kind: Played) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&[MODEL]);
    server
}

async fn tried(endpoint: &Endpoint, tests: &[Capability], limit: Duration) -> TryOut {
    let mut told = Vec::new();
    let mut tell = |finding: &Finding| told.push(finding.clone());
    let result = Box::pin(try_out(
        &Http::default(),
        endpoint,
        MODEL,
        &Map::new(),
        tests,
        limit,
        &mut tell,
    ))
    .await;
    assert_eq!(told, result.findings, "each is told as it comes");
    result
}

/// The outcomes with what is said and the fix, in English.
fn lines(result: &TryOut) -> Vec<String> {
    let line = |finding: &Finding| {
        let words = finding.words().map(|words| format!(": {}", words.english()));
        let fix = finding.fix.as_ref().map(|fix| format!(" -> {}", fix.english()));
        format!(
            "{:?} {:?}{}{}",
            finding.verdict.outcome(),
            finding.capability,
            words.unwrap_or_default(),
            fix.unwrap_or_default()
        )
    };
    result.findings.iter().map(line).collect()
}
