//! Ollama, after `docs/api.md`, docs.ollama.com/api, `api/types.go` and `server/sched.go` of August 2026: models are
//! loaded by a call, leave after their `keep_alive`, and a prompt that is too long is cut without a word. Not proved.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Gate, SIZE, list, now_json, refused};
use crate::{
    date::from_now,
    http::{Answer, Request},
    kinds::ServerKind,
    memory::Loaded,
    overflow::Dialect,
    shape::flat,
    state::State,
};

/// The window without any setting, below 24 GiB of VRAM.
const SMALLEST_TIER: u64 = 4096;

/// How long a model stays after its last call.
const KEEP_ALIVE: Duration = Duration::from_mins(5);

/// For ever: Go's longest time.
const FOR_EVER: Duration = Duration::from_secs(9_223_372_036);

pub(super) fn answer(state: &mut State, trained: u64, request: &Request, now: Instant) -> Option<(Duration, Answer)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => return Some((Duration::ZERO, Answer::new(200, "text/plain", "Ollama is running"))),
        ("GET", "/v1/models") => {
            // Go's empty list.
            let data = list(state, "library", &json!({}));
            json!({"object": "list", "data": if data.is_empty() { Value::Null } else { json!(data) }})
        }
        ("GET", "/api/version") => json!({"version": "0.13.5"}),
        ("GET", "/api/tags") => json!({"models": state.models.iter().map(|name| tag(name)).collect::<Vec<_>>()}),
        ("GET", "/api/ps") => {
            let running = state.memory.ready(now).map(|loaded| running(loaded, now));
            json!({"models": running.collect::<Vec<_>>()})
        }
        ("POST", "/api/show") => {
            let named = request.body["model"].as_str().unwrap_or_default();
            if !state.models.iter().any(|model| model == named) {
                return Some(refused(not_found(named)));
            }
            show(trained)
        }
        ("POST", "/api/generate") if request.body["prompt"].as_str().is_none_or(str::is_empty) => {
            return Some(preload(state, trained, request, now));
        }
        _ => return None,
    };
    Some(now_json(&body))
}

fn not_found(model: &str) -> Answer {
    Answer::json(404, &json!({"error": format!("model '{model}' not found")}))
}

fn tag(name: &str) -> Value {
    json!({
        "name": name, "model": name, "modified_at": "2026-11-22T13:00:00Z", "size": SIZE,
        "digest": "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1",
        "details": {
            "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
            "parameter_size": "134.52M", "quantization_level": "Q4_K_M",
        },
    })
}

/// An entry of `/api/ps`: the size in memory has the KV cache in it, here 23,040 bytes a token as SmolLM2's.
fn running(loaded: &Loaded, now: Instant) -> Value {
    let mut entry = tag(&loaded.model);
    let size = SIZE + loaded.window * 23_040;
    entry["size"] = json!(size);
    entry["size_vram"] = json!(size);
    entry["context_length"] = json!(loaded.window);
    entry["expires_at"] = json!(match loaded.expires {
        _ if loaded.leaving => from_now(Duration::ZERO, Duration::from_secs(10)),
        Some(at) => from_now(at.saturating_duration_since(now), Duration::ZERO),
        None => from_now(FOR_EVER, Duration::ZERO),
    });
    entry
}

/// The architecture of SmolLM2-135M with this window.
fn show(trained: u64) -> Value {
    json!({
        "parameters": "", "template": "{{ .Prompt }}", "details": tag("")["details"].clone(),
        "model_info": {
            "general.architecture": "llama", "general.parameter_count": 134_515_008,
            "llama.attention.head_count": 9, "llama.attention.head_count_kv": 3,
            "llama.attention.key_length": 64, "llama.attention.value_length": 64,
            "llama.block_count": 30, "llama.context_length": trained, "llama.embedding_length": 576,
        },
        "capabilities": ["completion", "tools"],
        "modified_at": "2026-11-22T13:00:00Z",
    })
}

/// A generate without a prompt loads the model, or with `keep_alive` 0 unloads it.
fn preload(state: &mut State, trained: u64, request: &Request, now: Instant) -> (Duration, Answer) {
    let model = request.body["model"].as_str().unwrap_or_default();
    if !state.models.iter().any(|known| known == model) {
        return refused(not_found(model));
    }
    let mut body = json!({
        "model": model, "created_at": "2026-11-22T13:28:20.000000000Z", "response": "", "done": true,
        "done_reason": "load",
    });
    if keep_alive(&request.body) == Some(Duration::ZERO) {
        state.memory.unload(|loaded| loaded.model == model);
        body["done_reason"] = json!("unload");
        return now_json(&body);
    }
    let loaded = loaded(state, trained, &request.body, model, now);
    (loaded.wait(now), Answer::json(200, &body))
}

/// The model in memory, loaded if it is not, and anew where the request wants another window.
fn loaded<'a>(state: &'a mut State, trained: u64, body: &Value, model: &str, now: Instant) -> &'a mut Loaded {
    let usual = match state.kind {
        ServerKind::Ollama {
            allocated: Some(window),
            ..
        } => window,
        _ => SMALLEST_TIER.min(trained),
    };
    let wanted = body["options"]["num_ctx"].as_u64().map(|window| window.min(trained));
    state
        .memory
        .unload(|loaded| loaded.model == model && wanted.is_some_and(|window| window != loaded.window));
    if state.memory.named(model).is_none() {
        let ready = now + state.load_time;
        state.memory.load(model, wanted.unwrap_or(usual), ready, true);
    }
    let keep_alive = keep_alive(body);
    let Some(loaded) = state.memory.named(model) else {
        unreachable!("it was loaded above");
    };
    loaded.used = now;
    loaded.leaving = false;
    let ready = loaded.ready.max(now);
    loaded.expires = match keep_alive {
        Some(FOR_EVER) => None,
        Some(time) => Some(ready + time),
        None => Some(ready + KEEP_ALIVE),
    };
    loaded
}

/// `keep_alive` as `api/types.go` reads it: seconds, or a text such as `30m`; negative is for ever.
fn keep_alive(body: &Value) -> Option<Duration> {
    let given = body.get("keep_alive")?;
    if let Some(seconds) = given.as_f64() {
        return Some(if seconds < 0.0 {
            FOR_EVER
        } else {
            Duration::from_secs_f64(seconds)
        });
    }
    let text = given.as_str()?;
    if text.starts_with('-') {
        return Some(FOR_EVER);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit {
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()? * unit))
}

/// A model call: silence while the model is loaded; then a prompt that is too long is cut, or with `truncate: false`
/// of its own API refused by the llama-server below.
pub(super) fn call(state: &mut State, request: &Request, asked: &str, trained: u64, prompt: u64, now: Instant) -> Gate {
    // Below `/v1` neither the window nor the time can be set.
    let own = request.path == "/api/chat";
    let body = if own { request.body.clone() } else { Value::Null };
    let loaded = loaded(state, trained, &body, asked, now);
    let (wait, window) = (loaded.wait(now), loaded.window);
    if own && prompt > window && request.body["truncate"] == false {
        let refusal = Dialect::LlamaCpp.body(prompt, window);
        return Gate::Refused(Answer::json(400, &flat(&refusal)));
    }
    Gate::Open {
        wait,
        cut: Some(window),
    }
}
