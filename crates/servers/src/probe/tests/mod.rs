//! Recorded and documented answers in, whole facts out.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_config::Modality;
use yabby_core::{Fact, FactSource};
use yabby_testkit::{Fault, ModelServer, ServerKind as Played, dead_port};
use yabby_wire::Dialect;

use super::{
    read::{said, usual},
    *,
};
use crate::{EndpointOrigin, Instance, ModelFacts, ModelState, Reasoning, TokenCounter};

/// Long: the machine may be busy, and what is asked answers at once.
const LIMIT: Duration = Duration::from_secs(20);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/probe/", $name))
    };
}

mod desktop;
mod engines;
mod llama;
mod properties;
mod silence;

fn endpoint(server: &ModelServer) -> Endpoint {
    Endpoint::loopback("p", server.addr().port(), EndpointOrigin::Discovered)
}

fn native(server: &ModelServer) -> Endpoint {
    let mut endpoint = endpoint(server);
    endpoint.dialect = Dialect::Ollama;
    endpoint
}

async fn probed(endpoint: &Endpoint) -> ServerFacts {
    probe(&Http::default(), endpoint, LIMIT).await
}

/// A server with the headers of a kind that gives these answers.
async fn answering(kind: Played, answers: &[(&str, &'static str)]) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    for (path, body) in answers {
        let content = if body.starts_with('#') {
            "text/plain"
        } else {
            "application/json"
        };
        server.route(path, 200, content, *body);
    }
    server
}

/// All but the time that it took.
#[track_caller]
fn assert_facts(found: &ServerFacts, expected: &ServerFacts) {
    let all = |facts: &ServerFacts| {
        let ServerFacts {
            kind,
            version,
            router,
            counter,
            reports_cached,
            stream_usage,
            models,
            error,
            took: _,
            at: _,
        } = facts.clone();
        let error = error.map(|error| error.kind);
        (
            kind,
            version,
            router,
            counter,
            reports_cached,
            stream_usage,
            models,
            error,
        )
    };
    assert_eq!(all(found), all(expected));
}

fn llama_cpp() -> Played {
    Played::LlamaCpp { window: 4096, slots: 2 }
}

fn text_only() -> Fact<Vec<Modality>> {
    said(vec![Modality::Text])
}
