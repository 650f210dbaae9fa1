//! Asking a server what it is and serves. Probes are cheap and never load or wake a model.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use yabby_core::{Fact, FactSource, ModelError, Phase, now};
use yabby_wire::{Dialect, ResponseHeaders, classify};

use crate::{Endpoint, Http, ModelFacts, ModelState, ServerFacts, ServerKind, answer::read_at_most};

/// Asks `endpoint` for its models and, where its kind has one, its side channel for the served window.
///
/// Every request is bounded by `limit`; two requests are made at the most.
pub async fn probe(http: &Http, endpoint: &Endpoint, limit: Duration) -> ServerFacts {
    let start = Instant::now();
    let mut facts = ServerFacts {
        at: now(),
        ..ServerFacts::default()
    };
    match get(http, endpoint, &endpoint.list_url(), limit).await {
        Ok(page) => {
            (facts.kind, facts.models) = match endpoint.dialect {
                Dialect::Ollama => tags(&page.body),
                Dialect::Chat | Dialect::Responses | Dialect::Messages => (fingerprint(&page), list(&page.body)),
            };
            if let Some(kind) = facts.kind {
                side_channel(http, endpoint, kind, limit, &mut facts).await;
            }
        }
        Err(error) => facts.error = Some(Arc::new(error)),
    }
    facts.took = start.elapsed();
    facts
}

/// OpenRouter's list of some hundred models has less than 1 MB.
const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// A JSON answer to a question beside the models' API.
pub(crate) struct Page {
    server: String,
    pub(crate) body: Value,
}

/// The list of models, which tells what the server is.
pub(crate) async fn models(http: &Http, endpoint: &Endpoint, limit: Duration) -> Result<Page, ModelError> {
    get(http, endpoint, &endpoint.list_url(), limit).await
}

async fn get(http: &Http, endpoint: &Endpoint, url: &str, limit: Duration) -> Result<Page, ModelError> {
    fetch(endpoint, http.client(endpoint)?.get(url), limit).await
}

/// A request with a limit and the endpoint's credentials; anything but JSON in a 2xx is an error.
pub(crate) async fn fetch(
    endpoint: &Endpoint,
    request: reqwest::RequestBuilder,
    limit: Duration,
) -> Result<Page, ModelError> {
    let mut request = endpoint.authorise(request, endpoint.dialect);
    if endpoint.dialect == Dialect::Messages {
        // https://docs.claude.com/en/api/versioning: refused without it.
        request = request.header("anthropic-version", "2023-06-01");
    }
    let exchange = async {
        let mut response = request
            .send()
            .await
            .map_err(|error| crate::transport::error(endpoint, Phase::Connect, error))?;
        let status = response.status();
        let headers = crate::answer::response_headers(&response);
        let server = header(&response, "server");
        let body = read_at_most(&mut response, LONGEST_LIST, limit).await;
        let parsed = status
            .is_success()
            .then(|| serde_json::from_slice(&body).ok())
            .flatten();
        match parsed {
            Some(body) => Ok(Page { server, body }),
            None => Err(refused(endpoint, status.as_u16(), &headers, &body)),
        }
    };
    tokio::time::timeout(limit, exchange)
        .await
        .unwrap_or_else(|_| Err(endpoint.hung(limit)))
}

fn refused(endpoint: &Endpoint, status: u16, headers: &ResponseHeaders, body: &[u8]) -> ModelError {
    crate::answer::from_wire(endpoint, Phase::Head, &classify(status, headers, body))
}

fn header(response: &reqwest::Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Tells a server by its answer to `GET /v1/models` (recordings of November 2026; Ollama and LM Studio from their
/// documentation).
pub(crate) fn fingerprint(page: &Page) -> Option<ServerKind> {
    if page.server.eq_ignore_ascii_case("llama.cpp") {
        return Some(ServerKind::LlamaCpp);
    }
    let entries = page.body["data"].as_array()?;
    // Ollama names the namespace of each model: those of its library may stand behind others.
    if entries.iter().any(|entry| entry["owned_by"] == "library") {
        return Some(ServerKind::Ollama);
    }
    let first = entries.first()?;
    match first["owned_by"].as_str()? {
        "llamacpp" => Some(ServerKind::LlamaCpp),
        "vllm" => Some(ServerKind::Vllm),
        "sglang" => Some(ServerKind::SgLang),
        "organization_owner" => Some(ServerKind::LmStudio),
        // LiteLLM says "openai" for every model, as OpenAI's own list does for some; uvicorn tells them apart.
        "openai" if page.server == "uvicorn" => Some(ServerKind::LiteLlm),
        _ => None,
    }
}

/// Reads an OpenAI-style list of models, with the windows that llama.cpp (`meta.n_ctx`, per slot), vLLM and SGLang
/// (`max_model_len`), LiteLLM (`max_input_tokens`) and OpenRouter (`context_length`) put into it.
fn list(body: &Value) -> Vec<ModelFacts> {
    let Some(entries) = body["data"].as_array() else {
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let id = entry["id"].as_str()?.to_owned();
            let window = [
                &entry["meta"]["n_ctx"],
                &entry["max_model_len"],
                &entry["max_input_tokens"],
                &entry["context_length"],
            ]
            .into_iter()
            .find_map(tokens);
            let state = match entry["status"]["value"].as_str() {
                Some("loading") => ModelState::Loading,
                Some("unloaded" | "sleeping") => ModelState::Unloaded,
                _ => ModelState::Ready,
            };
            Some(ModelFacts {
                chat: is_chat(&id, entry),
                window: window.map(|tokens| Fact::new(tokens, FactSource::Probe)),
                ..ModelFacts::new(id, state)
            })
        })
        .collect()
}

/// Reads the answer to Ollama's `GET /api/tags` (`docs/api.md`, "List Local Models"): `models[].name`.
fn tags(body: &Value) -> (Option<ServerKind>, Vec<ModelFacts>) {
    let Some(entries) = body["models"].as_array() else {
        return (None, Vec::new());
    };
    let names = entries.iter().filter_map(|entry| entry["name"].as_str());
    let models = names.map(|name| ModelFacts {
        chat: is_chat(name, &Value::Null),
        ..ModelFacts::new(name, ModelState::Ready)
    });
    (Some(ServerKind::Ollama), models.collect())
}

fn tokens(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|tokens| u32::try_from(tokens).ok())
        .filter(|tokens| *tokens > 0)
}

fn is_chat(id: &str, entry: &Value) -> bool {
    let output = &entry["architecture"]["output_modalities"];
    let embeds = output
        .as_array()
        .is_some_and(|list| list.iter().any(|item| item == "embeddings"));
    let kind = entry["type"]
        .as_str()
        .or_else(|| entry["mode"].as_str())
        .unwrap_or_default();
    let name = id.to_ascii_lowercase();
    !(embeds || kind.starts_with("embedding") || name.contains("embed") || name.contains("rerank"))
}

/// The one further question that tells the served window.
async fn side_channel(http: &Http, endpoint: &Endpoint, kind: ServerKind, limit: Duration, facts: &mut ServerFacts) {
    let root = endpoint.root();
    match kind {
        ServerKind::LlamaCpp => {
            let Ok(page) = get(http, endpoint, &format!("{root}/props"), limit).await else {
                return;
            };
            facts.version = page.body["build_info"].as_str().map(str::to_owned);
            let window = tokens(&page.body["default_generation_settings"]["n_ctx"]);
            if let (Some(window), [model]) = (window, facts.models.as_mut_slice()) {
                model.window = Some(Fact::new(window, FactSource::Probe));
            }
        }
        ServerKind::LmStudio => {
            let Ok(page) = get(http, endpoint, &format!("{root}/api/v0/models"), limit).await else {
                return;
            };
            for entry in page.body["data"].as_array().into_iter().flatten() {
                let Some(model) = facts.models.iter_mut().find(|model| entry["id"] == model.id.as_str()) else {
                    continue;
                };
                model.chat = entry["type"] != "embeddings";
                model.window =
                    tokens(&entry["loaded_context_length"]).map(|tokens| Fact::new(tokens, FactSource::Probe));
                if entry["state"] == "not-loaded" {
                    model.state = ModelState::Unloaded;
                }
            }
        }
        ServerKind::Ollama => {
            let Ok(page) = get(http, endpoint, &format!("{root}/api/ps"), limit).await else {
                return;
            };
            let running = page.body["models"].as_array().cloned().unwrap_or_default();
            for model in &mut facts.models {
                match running.iter().find(|entry| entry["name"] == model.id.as_str()) {
                    Some(entry) => {
                        model.window =
                            tokens(&entry["context_length"]).map(|tokens| Fact::new(tokens, FactSource::Probe));
                    }
                    None => model.state = ModelState::Unloaded,
                }
            }
        }
        ServerKind::Vllm | ServerKind::SgLang | ServerKind::LiteLlm | ServerKind::OpenRouter => {}
    }
}
