//! vLLM: `wire/vllm-0.32.0-cpu`, recorded. SGLang: docs.sglang.ai "SGLang Native APIs" and its
//! `srt/entrypoints/http_server.py`, not proved.

use std::time::Duration;

use serde_json::json;

use super::{list, now_json};
use crate::{
    http::{Answer, Request},
    state::State,
};

pub(super) fn vllm(state: &State, max_model_len: u64, request: &Request) -> Option<(Duration, Answer)> {
    let tokens = state.prompt_tokens(request);
    let model = state.models.first().map_or("test-model", String::as_str);
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => {
            let extra = json!({"root": model, "parent": null, "max_model_len": max_model_len});
            json!({"object": "list", "data": list(state, "vllm", &extra)})
        }
        // An empty 200.
        ("GET", "/health" | "/ping") => return Some((Duration::ZERO, Answer::new(200, "", ""))),
        ("GET", "/version") => json!({"version": "0.32.0"}),
        ("GET", "/load") => json!({"server_load": state.slots_in_use()}),
        ("GET", "/metrics") => return Some((Duration::ZERO, metrics(state, model, max_model_len))),
        ("POST", "/tokenize") => json!({
            "count": tokens, "max_model_len": max_model_len,
            "tokens": (0..tokens).collect::<Vec<_>>(), "token_strs": null,
        }),
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": tokens}),
        _ => return None,
    };
    Some(now_json(&body))
}

/// Room for four requests that fill the window.
fn metrics(state: &State, model: &str, window: u64) -> Answer {
    let labels = format!("engine=\"0\",model_name=\"{model}\"");
    let (running, awake) = (state.slots_in_use(), u8::from(!state.asleep));
    let text = format!(
        "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{{{labels}}} {running}.0\n\
         # TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting{{{labels}}} 0.0\n\
         # TYPE vllm:engine_sleep_state gauge\n\
         vllm:engine_sleep_state{{{labels},sleep_state=\"awake\"}} {awake}.0\n\
         # TYPE vllm:cache_config_info gauge\n\
         vllm:cache_config_info{{block_size=\"16\",enable_prefix_caching=\"True\",engine=\"0\",\
         kv_cache_max_concurrency=\"4.00\",num_gpu_blocks=\"{}\"}} 1.0\n",
        window / 4
    );
    Answer::new(200, "text/plain; version=1.0.0; charset=utf-8", text)
}

pub(super) fn sglang(state: &State, window: u64, slots: usize, request: &Request) -> Option<(Duration, Answer)> {
    let tokens = state.prompt_tokens(request);
    let model = state.models.first().map_or("test-model", String::as_str);
    let body = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => {
            let extra = json!({"root": model, "parent": null, "max_model_len": window});
            json!({"object": "list", "data": list(state, "sglang", &extra)})
        }
        // The first one makes the model generate a token, unless `SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION` is off.
        ("GET", "/health" | "/health_generate") => return Some((Duration::ZERO, Answer::new(200, "", ""))),
        ("GET", "/model_info" | "/get_model_info") => json!({
            "model_path": model, "tokenizer_path": model, "is_generation": true, "preferred_sampling_params": null,
            "weight_version": "default", "has_image_understanding": false, "has_audio_understanding": false,
            "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"],
        }),
        ("GET", "/server_info" | "/get_server_info") => json!({
            "model_path": model, "served_model_name": model, "context_length": null, "max_running_requests": slots,
            "enable_cache_report": false, "enable_metrics": true, "reasoning_parser": null,
            "tool_call_parser": "qwen25", "allow_auto_truncate": false, "status": "ready",
            "max_total_num_tokens": window * 4, "max_req_input_len": window.saturating_sub(6),
            "internal_states": [{"effective_max_running_requests_per_dp": slots}], "version": "0.5.23",
        }),
        ("GET", "/metrics") => {
            let running = state.slots_in_use();
            let text = format!(
                "# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs{{model_name=\"{model}\"}} {running}.0\n"
            );
            return Some((Duration::ZERO, Answer::new(200, "text/plain; version=0.0.4", text)));
        }
        ("POST", "/v1/messages/count_tokens") => json!({"input_tokens": tokens}),
        _ => return None,
    };
    Some(now_json(&body))
}
