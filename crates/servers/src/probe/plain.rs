//! Servers that nobody knows: their list of models is all there is. The readers of the others begin with it.

use serde_json::Value;

use super::read::{counted, modalities, usual};
use crate::{Endpoint, ModelFacts, ModelState, ServerFacts, TokenCounter, vendor::Vendor};

/// Whether an OpenAI-style list has no model. Ollama without models says `null` (source).
pub(super) fn is_empty(list: &Value) -> bool {
    list["data"].as_array().is_none_or(Vec::is_empty)
}

pub(super) fn read(endpoint: &Endpoint, list: &Value, facts: &mut ServerFacts) {
    facts.models = models(list, ModelState::Ready);
    // Anthropic, or who speaks as it does: https://docs.claude.com/en/api/models-list and `messages-count-tokens`.
    let speaks = list["has_more"].is_boolean() && list["data"][0]["type"] == "model";
    if speaks || endpoint.vendor == Some(Vendor::Anthropic) {
        facts.counter = Some(usual(TokenCounter::CountTokens));
    }
}

/// The models of an OpenAI-style list, in this state, with the windows that vLLM and SGLang (`max_model_len`), LiteLLM
/// (`max_input_tokens`) and OpenRouter (`context_length`) put into it, and others after their example.
pub(super) fn models(list: &Value, state: ModelState) -> Vec<ModelFacts> {
    let entries = list["data"].as_array().into_iter().flatten();
    entries.filter_map(|entry| model(entry, state)).collect()
}

fn model(entry: &Value, state: ModelState) -> Option<ModelFacts> {
    let id = entry["id"].as_str()?;
    let windows = ["max_model_len", "max_input_tokens", "context_length"];
    Some(ModelFacts {
        chat: is_chat(id, entry),
        window: windows.iter().find_map(|name| counted(&entry[*name])),
        input: modalities(&entry["architecture"]["input_modalities"]),
        ..ModelFacts::new(id, state)
    })
}

/// Whether a model chats, by what its entry says of it, else by its name.
pub(super) fn is_chat(id: &str, entry: &Value) -> bool {
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
