//! LM Studio, after lmstudio.ai/docs/developer/rest (`list`, `load`, `unload`, `endpoints` for v0), its notes on
//! loading on demand (`core/ttl-and-auto-evict`) and issue threads: lms issue 107 (`No models loaded`),
//! lmstudio-bug-tracker issues 618 (unknown paths) and 1217 (any name is answered). Not proved.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Gate, SIZE, list, now_json, refused};
use crate::{
    http::{Answer, Request},
    memory::Loaded,
    state::State,
};

pub(super) fn answer(state: &mut State, max: u64, request: &Request, now: Instant) -> Option<(Duration, Answer)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        // With loading on demand all models, else those that are loaded.
        ("GET", "/v1/models") => {
            let data = list(state, "organization_owner", &json!({}));
            let listed = |entry: &Value| {
                let mut ready = state.memory.ready(now);
                state.on_demand || ready.any(|loaded| entry["id"] == loaded.model.as_str())
            };
            json!({"object": "list", "data": data.into_iter().filter(listed).collect::<Vec<_>>()})
        }
        ("GET", "/api/v0/models") => {
            let data: Vec<Value> = state.models.iter().map(|id| old(state, id, max, now)).collect();
            json!({"object": "list", "data": data})
        }
        ("GET", "/api/v1/models") => {
            let models: Vec<Value> = state.models.iter().map(|key| model(state, key, max, now)).collect();
            json!({ "models": models })
        }
        ("POST", "/api/v1/models/load") => return Some(load(state, max, request, now)),
        ("POST", "/api/v1/models/unload") => {
            let id = request.body["instance_id"].as_str().unwrap_or_default();
            if !state.memory.unload(|loaded| loaded.id == id) {
                return Some(refused(state.kind.model_not_found(id, &state.models)));
            }
            json!({"instance_id": id})
        }
        ("GET", path) => {
            let id = path.strip_prefix("/api/v0/models/")?;
            let known = state.models.iter().any(|model| model == id);
            if !known {
                return Some(refused(state.kind.model_not_found(id, &state.models)));
            }
            old(state, id, max, now)
        }
        _ => return None,
    };
    Some(now_json(&body))
}

fn is_embedding(id: &str) -> bool {
    id.contains("embed")
}

/// An entry of `/api/v1/models`.
fn model(state: &State, key: &str, max: u64, now: Instant) -> Value {
    let instance =
        |loaded: &Loaded| json!({"id": loaded.id, "config": {"context_length": loaded.window, "parallel": 4}});
    let loaded = state.memory.ready(now).filter(|loaded| loaded.model == key);
    let mut entry = json!({
        "type": "llm", "publisher": "lmstudio-community", "key": key, "display_name": key, "architecture": "llama",
        "quantization": {"name": "Q4_K_M", "bits_per_weight": 4}, "size_bytes": SIZE, "params_string": "135M",
        "loaded_instances": loaded.map(instance).collect::<Vec<_>>(), "max_context_length": max, "format": "gguf",
        "capabilities": {"vision": false, "trained_for_tool_use": true}, "description": null,
    });
    if is_embedding(key)
        && let Some(entry) = entry.as_object_mut()
    {
        entry.insert("type".to_owned(), json!("embedding"));
        for absent in ["architecture", "capabilities", "description"] {
            entry.remove(absent);
        }
    }
    entry
}

/// An entry of `/api/v0/models`.
fn old(state: &State, id: &str, max: u64, now: Instant) -> Value {
    let loaded = state.memory.ready(now).find(|loaded| loaded.model == id);
    let mut entry = json!({
        "id": id, "object": "model", "type": if is_embedding(id) { "embeddings" } else { "llm" },
        "publisher": "lmstudio-community", "arch": "llama", "compatibility_type": "gguf", "quantization": "Q4_K_M",
        "state": if loaded.is_some() { "loaded" } else { "not-loaded" }, "max_context_length": max,
        "capabilities": ["tool_use"],
    });
    if let Some(loaded) = loaded {
        entry["loaded_context_length"] = json!(loaded.window);
    }
    entry
}

/// Each load makes another instance. It answers when that is loaded.
fn load(state: &mut State, max: u64, request: &Request, now: Instant) -> (Duration, Answer) {
    let model = request.body["model"].as_str().unwrap_or_default();
    if !state.models.iter().any(|known| known == model) {
        return refused(state.kind.model_not_found(model, &state.models));
    }
    let window = request.body["context_length"].as_u64().unwrap_or(max).min(max);
    let loaded = state.memory.load(model, window, now + state.load_time, false);
    let mut body = json!({
        "type": if is_embedding(model) { "embedding" } else { "llm" }, "instance_id": loaded.id,
        "load_time_seconds": state.load_time.as_secs_f64(), "status": "loaded",
    });
    if request.body["echo_load_config"] == true {
        body["load_config"] = json!({"context_length": window});
    }
    (state.load_time, Answer::json(200, &body))
}

/// A model call: silence while a model is loaded on demand, which drives out the one that was loaded so before.
pub(super) fn call(state: &mut State, request: &Request, asked: &str, window: u64, now: Instant) -> Gate {
    if let Some(loaded) = state.memory.named(asked) {
        loaded.used = now;
        return Gate::after(loaded.wait(now));
    }
    if state.on_demand && state.models.iter().any(|model| model == asked) {
        state.memory.unload(|loaded| loaded.on_demand);
        // A time to live of an hour, unless the request says another.
        let ttl = request.body["ttl"].as_u64().unwrap_or(3600);
        let ready = now + state.load_time;
        let loaded = state.memory.load(asked, window, ready, true);
        loaded.expires = Some(ready + Duration::from_secs(ttl));
        return Gate::after(state.load_time);
    }
    // What is loaded answers to any name.
    if let Some(loaded) = state.memory.ready(now).next() {
        return Gate::after(loaded.wait(now));
    }
    let (words, status) = if state.on_demand {
        let words = format!("Invalid model identifier \"{asked}\". Please specify a valid downloaded model.");
        (words, 400)
    } else {
        let words = "No models loaded. Please load a model in the developer page or use the 'lms load' command.";
        // lmstudio-bug-tracker issue 1730: another status there.
        (
            words.to_owned(),
            if request.path.ends_with("/responses") { 400 } else { 404 },
        )
    };
    Gate::Refused(Answer::json(
        status,
        &json!({"error": {"message": words, "type": "invalid_request_error", "param": "model", "code": null}}),
    ))
}
