//! Asking a server what it is and serves.
//!
//! The list of models comes first: it tells what the server is (`fingerprint`). Then the side channels of its kind are
//! asked, all at the same time, one file a server. Everything ends at the same moment: the whole probe takes `limit` at
//! the most, with what is known by then. A side channel that fails or hangs costs its own values alone.
//!
//! Probes are cheap, and never load or wake a model: what could is not asked, or asked so that it cannot (the README of
//! this crate has the list).

mod fetch;
mod fingerprint;
mod litellm;
mod llama_cpp;
mod lm_studio;
mod metrics;
mod ollama;
mod openrouter;
mod plain;
mod read;
#[cfg(test)]
mod tests;
mod time;
mod vllm;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;
use yabby_core::{ErrorKind, now};
use yabby_wire::Dialect;

use crate::{Endpoint, Http, ServerFacts, ServerKind};
use fetch::Asking;

pub(crate) use fetch::{fetch, shown};
use fingerprint::fingerprint;

/// Asks `endpoint` for its models and for what its side channels tell, within `limit`.
pub async fn probe(http: &Http, endpoint: &Endpoint, limit: Duration) -> ServerFacts {
    let start = Instant::now();
    let mut facts = ask(&Asking::new(http, endpoint, limit)).await;
    facts.took = start.elapsed();
    facts.at = now();
    facts
}

async fn ask(asking: &Asking<'_>) -> ServerFacts {
    let mut facts = ServerFacts::default();
    let answer = match asking.list().await {
        Ok(answer) => answer,
        // It gives no sign of life, so that nothing else is asked.
        Err(error) => {
            facts.error = Some(Arc::new(error));
            return facts;
        }
    };
    match answer.page(asking.endpoint) {
        Ok(page) => {
            facts.kind = match fingerprint(asking.endpoint, &page) {
                None if plain::is_empty(&page.body) => fingerprint::elsewhere(asking).await,
                kind => kind,
            };
            // LM Studio answers a path that it does not have with 200: whatever it may say elsewhere, requests go there.
            if is_native_ollama(asking.endpoint) || page.body.get("data").is_some() {
                side_channels(asking, &page.body, &mut facts).await;
            }
        }
        Err(error) => {
            facts.kind = match fingerprint::of_header(&answer.server) {
                // A server that loads says nothing else on any path.
                None if error.kind != ErrorKind::Loading => fingerprint::elsewhere(asking).await,
                kind => kind,
            };
            facts.error = Some(Arc::new(error));
        }
    }
    facts
}

async fn side_channels(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    match facts.kind {
        Some(ServerKind::LlamaCpp) => llama_cpp::ask(asking, list, facts).await,
        Some(ServerKind::Ollama) => ollama::ask(asking, list, facts).await,
        Some(ServerKind::LmStudio) => lm_studio::ask(asking, list, facts).await,
        Some(ServerKind::Vllm) => vllm::ask(asking, list, facts).await,
        Some(ServerKind::SgLang) => vllm::ask_sglang(asking, list, facts).await,
        Some(ServerKind::LiteLlm) => litellm::ask(asking, list, facts).await,
        Some(ServerKind::OpenRouter) => openrouter::read(list, facts),
        None => plain::read(asking.endpoint, list, facts),
    }
}

/// Whether Ollama's own API is asked, which has a list of another form.
fn is_native_ollama(endpoint: &Endpoint) -> bool {
    endpoint.dialect == Dialect::Ollama
}
