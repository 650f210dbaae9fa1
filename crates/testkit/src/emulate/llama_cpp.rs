//! llama.cpp: `wire/llama-server-b11669-smollm2` (one model), `-auth-sleep` (asleep) and `-router`, all recorded. That a
//! model that is being loaded is listed so, and that `/slots` wakes a server that sleeps, is from its
//! `tools/server/README.md` ("Using multiple models", "Sleeping on Idle").

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Gate, SIZE, entry, list, now_json, refused};
use crate::{
    http::{Answer, Request},
    kinds::ServerKind,
    state::State,
};

/// With one model.
pub(super) fn single(state: &mut State, window: u64, slots: usize, request: &Request) -> Option<(Duration, Answer)> {
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/health" | "/v1/health") => json!({"status": "ok"}),
        ("GET", "/v1/models" | "/models") => {
            json!({"object": "list", "data": list(state, "llamacpp", &json!({"meta": meta(window)}))})
        }
        ("GET", "/props") => {
            let model = state.models.first().map_or("test-model", String::as_str);
            props(model, window, slots, state.asleep)
        }
        ("GET", "/slots") => {
            let wait = wake(state);
            return Some((wait, Answer::json(200, &slots_of(state, window, slots))));
        }
        _ => return count(state, request),
    };
    Some(now_json(&body))
}

/// What loading the model anew takes, for a server that sleeps; then it is awake.
pub(super) fn wake(state: &mut State) -> Duration {
    let asleep = std::mem::take(&mut state.asleep);
    if asleep { state.load_time } else { Duration::ZERO }
}

fn count(state: &State, request: &Request) -> Option<(Duration, Answer)> {
    let tokens = state.prompt_tokens(request);
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/chat/completions/input_tokens" | "/v1/responses/input_tokens") => {
            json!({"input_tokens": tokens, "object": "response.input_tokens"})
        }
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": tokens}),
        ("POST", "/tokenize") => json!({"tokens": (0..tokens).collect::<Vec<_>>()}),
        _ => return None,
    };
    Some(now_json(&body))
}

fn meta(window: u64) -> Value {
    json!({
        "vocab_type": 2, "n_ctx": window, "n_ctx_train": window * 2, "n_params": 134_515_008, "size": SIZE,
    })
}

fn props(model: &str, window: u64, slots: usize, asleep: bool) -> Value {
    json!({
        "default_generation_settings": {"params": {"n_predict": -1}, "n_ctx": window},
        "total_slots": slots,
        "model_alias": model,
        "model_path": format!("models/{model}.gguf"),
        "modalities": {"vision": false, "video": false, "audio": false},
        "endpoint_slots": true, "endpoint_props": true, "endpoint_metrics": false,
        "chat_template": "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        "chat_template_caps": {
            "supports_object_arguments": false, "supports_parallel_tool_calls": true,
            "supports_preserve_reasoning": false, "supports_reasoning_effort": false,
            "supports_string_content": true, "supports_system_role": true, "supports_tool_calls": true,
            "supports_tools": true, "supports_typed_content": false,
        },
        "build_info": "b11669", "is_sleeping": asleep,
    })
}

fn slots_of(state: &State, window: u64, slots: usize) -> Value {
    let busy = state.slots_in_use();
    let slot = |id: usize| json!({"id": id, "n_ctx": window, "speculative": false, "is_processing": id < busy});
    json!((0..slots).map(slot).collect::<Vec<_>>())
}

/// As a router.
pub(super) fn router(state: &mut State, slots: usize, request: &Request, now: Instant) -> Option<(Duration, Answer)> {
    let named = request.param("model");
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/health" | "/v1/health") => json!({"status": "ok"}),
        ("GET", "/v1/models" | "/models") => {
            let models: Vec<Value> = state.models.iter().map(|id| routed(state, id, now)).collect();
            json!({"data": models, "object": "list"})
        }
        ("GET", "/props") if named.is_none() => json!({
            "role": "router", "max_instances": most(state), "models_autoload": state.on_demand,
            "model_alias": "llama-server", "model_path": "none",
            "default_generation_settings": {"params": null, "n_ctx": 0}, "build_info": "b11669",
        }),
        // Also a question loads the model that it names.
        ("GET", path @ ("/props" | "/slots")) => {
            let model = named.unwrap_or_default();
            let wait = match route(state, request, &model, now) {
                Gate::Refused(answer) => return Some(refused(answer)),
                Gate::Open { wait, .. } => wait,
            };
            let window = state.memory.named(&model).map_or(0, |loaded| loaded.window);
            let body = if path == "/props" {
                props(&model, window, slots, false)
            } else {
                slots_of(state, window, slots)
            };
            return Some((wait, Answer::json(200, &body)));
        }
        ("POST", "/models/load") => {
            let model = request.body["model"].as_str().unwrap_or_default().to_owned();
            if let Some(answer) = unknown(state, &model) {
                return Some(refused(answer));
            }
            if state.memory.named(&model).is_none() {
                if state.memory.all().len() >= most(state) {
                    let words = "model limit reached, try again later";
                    return Some(refused(error(500, "server_error", words)));
                }
                let ready = now + state.load_time;
                state.memory.load(&model, window(state), ready, false);
            }
            json!({"success": true})
        }
        ("POST", "/models/unload") => {
            let model = request.body["model"].as_str().unwrap_or_default();
            state.memory.unload(|loaded| loaded.model == model);
            json!({"success": true})
        }
        _ => return count(state, request),
    };
    Some(now_json(&body))
}

/// One entry of a router's list.
fn routed(state: &State, id: &str, now: Instant) -> Value {
    let loaded = state.memory.all().iter().find(|loaded| loaded.model == id);
    let value = match loaded {
        None => "unloaded",
        Some(loaded) if !loaded.is_ready(now) => "loading",
        Some(_) if state.asleep => "sleeping",
        Some(_) => "loaded",
    };
    let mut extra = json!({
        "aliases": [], "tags": [],
        "status": {"value": value, "args": ["llama-server", "--alias", id]},
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "source": "models_dir", "can_remove": false, "context_length": window(state) * 2,
    });
    if let Some(loaded) = loaded.filter(|loaded| loaded.is_ready(now)) {
        extra["meta"] = meta(loaded.window);
    }
    entry(id, "llamacpp", &extra)
}

/// A call of a model through a router, or a question about one: both load it, unless they say not to.
pub(super) fn route(state: &mut State, request: &Request, asked: &str, now: Instant) -> Gate {
    if asked.is_empty() {
        let words = "model name is missing from the request";
        return Gate::Refused(error(400, "invalid_request_error", words));
    }
    if let Some(answer) = unknown(state, asked) {
        return Gate::Refused(answer);
    }
    if let Some(loaded) = state.memory.named(asked) {
        loaded.used = now;
        let wait = loaded.wait(now);
        return Gate::after(wait + wake(state));
    }
    if !state.on_demand || request.param("autoload").is_some_and(|value| value == "false") {
        return Gate::Refused(error(400, "invalid_request_error", "model is not loaded"));
    }
    if state.memory.all().len() >= most(state)
        && let Some(oldest) = state.memory.oldest().map(|loaded| loaded.id.clone())
    {
        state.memory.unload(|loaded| loaded.id == oldest);
    }
    let (ready, window) = (now + state.load_time, window(state));
    state.memory.load(asked, window, ready, true);
    Gate::after(state.load_time)
}

fn unknown(state: &State, asked: &str) -> Option<Answer> {
    let known = state.models.iter().any(|model| model == asked);
    (!known).then(|| error(400, "invalid_request_error", &format!("model '{asked}' not found")))
}

fn error(status: u16, kind: &str, words: &str) -> Answer {
    Answer::json(
        status,
        &json!({"error": {"code": status, "message": words, "type": kind}}),
    )
}

fn window(state: &State) -> u64 {
    state.kind.window().unwrap_or(4096)
}

/// `--models-max`.
fn most(state: &State) -> usize {
    match state.kind {
        ServerKind::LlamaCppRouter { most, .. } => most,
        _ => usize::MAX,
    }
}
