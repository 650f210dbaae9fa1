//! Telling a server by what it answers.

use futures_util::future::join4;

use super::{
    fetch::{Asking, Page},
    is_native_ollama,
};
use crate::{Endpoint, Reach, ServerKind, vendor::Vendor};

/// What LiteLLM says of every model's age (`DEFAULT_MODEL_CREATED_AT_TIME` in its `constants.py`; recorded).
const LITELLM_CREATED: u64 = 1_677_610_602;

/// Tells a server by its answer to `GET /v1/models`, or to `/api/tags` where Ollama's own API is asked (recordings of
/// November 2026; Ollama, LM Studio, SGLang and OpenRouter from their documentation and source).
pub(crate) fn fingerprint(endpoint: &Endpoint, page: &Page) -> Option<ServerKind> {
    if is_native_ollama(endpoint) {
        return page.body["models"].is_array().then_some(ServerKind::Ollama);
    }
    if endpoint.vendor == Some(Vendor::OpenRouter) {
        return Some(ServerKind::OpenRouter);
    }
    if let Some(kind) = of_header(&page.server) {
        return Some(kind);
    }
    let entries = page.body["data"].as_array()?;
    // Ollama names the namespace of each model: those of its library may stand behind others.
    if entries.iter().any(|entry| entry["owned_by"] == "library") {
        return Some(ServerKind::Ollama);
    }
    let first = entries.first()?;
    // Other catalogues have its parameters and prices; these two fields are its own.
    if first["canonical_slug"].is_string() && first["top_provider"].is_object() {
        return Some(ServerKind::OpenRouter);
    }
    match first["owned_by"].as_str()? {
        "llamacpp" => Some(ServerKind::LlamaCpp),
        "vllm" => Some(ServerKind::Vllm),
        "sglang" => Some(ServerKind::SgLang),
        "organization_owner" => Some(ServerKind::LmStudio),
        // LiteLLM says "openai" for every model, as OpenAI's own list does for some. No model of OpenAI's but one has
        // that age. Behind uvicorn's own header it is LiteLLM too; 1.106 sends none.
        "openai" => {
            let aged = |entry: &serde_json::Value| entry["created"] == LITELLM_CREATED;
            (entries.iter().all(aged) || page.server == "uvicorn").then_some(ServerKind::LiteLlm)
        }
        _ => None,
    }
}

/// Tells a server by its header `Server`, which llama.cpp sends with refusals too.
pub(super) fn of_header(server: &str) -> Option<ServerKind> {
    server.eq_ignore_ascii_case("llama.cpp").then_some(ServerKind::LlamaCpp)
}

/// Tells a server that refused its list, or has no model in it, by paths that only its kind has. Only near by, where a
/// question costs nothing.
///
/// vLLM, LiteLLM and Ollama leave these paths open without a key (source).
pub(super) async fn elsewhere(asking: &Asking<'_>) -> Option<ServerKind> {
    if asking.endpoint.reach == Reach::Hosted {
        return None;
    }
    if is_native_ollama(asking.endpoint) {
        return None;
    }
    let (ollama, vllm, litellm, lm_studio) = join4(
        asking.json("/api/version"),
        asking.get("/version"),
        asking.json("/health/readiness"),
        asking.json("/api/v0/models"),
    )
    .await;
    let vllm = vllm.is_ok_and(|answer| {
        let uvicorn = answer.server == "uvicorn";
        uvicorn
            && answer
                .page(asking.endpoint)
                .is_ok_and(|page| page.body["version"].is_string())
    });
    if ollama.is_ok_and(|body| body["version"].is_string()) {
        Some(ServerKind::Ollama)
    } else if vllm {
        Some(ServerKind::Vllm)
    } else if litellm.is_ok_and(|body| body["status"].is_string() && body["db"].is_string()) {
        Some(ServerKind::LiteLlm)
    } else if lm_studio.is_ok_and(|body| body["data"][0]["state"].is_string()) {
        Some(ServerKind::LmStudio)
    } else {
        None
    }
}
