//! vLLM (`wire-facts.md` §7.1) and SGLang (§7.5), which list their models in the same way.
//!
//! vLLM: `/version`, `/health` and `/metrics`. SGLang: `/model_info`, `/server_info` and `/metrics`; its `/health` makes
//! the model generate a token (`SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION`, on by default), so that it is never asked.

use futures_util::future::join3;
use serde_json::Value;
use yabby_config::Modality;

use super::{
    fetch::Asking,
    metrics::{samples, total, whole},
    plain,
    read::{counted, flag, said, text, text_and, usual},
};
use crate::{ModelState, ServerFacts, TokenCounter};

pub(super) async fn ask(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    facts.counter = Some(usual(TokenCounter::Tokenize));
    facts.stream_usage = Some(usual(true));
    facts.models = plain::models(list, ModelState::Ready);
    let (version, health, metrics) =
        join3(asking.json("/version"), asking.get("/health"), asking.text("/metrics")).await;
    facts.version = version.ok().and_then(|body| text(&body["version"]));
    // The engine is dead, and the process will be soon.
    if health.is_ok_and(|answer| answer.status == 503) {
        for model in &mut facts.models {
            model.state = ModelState::Failing;
        }
    }
    if let Some(metrics) = metrics {
        read_metrics(&metrics, facts);
    }
}

/// Reads `/metrics` of vLLM: one process runs one model, under all its names and with all its adapters.
pub(super) fn read_metrics(metrics: &str, facts: &mut ServerFacts) {
    let busy = total(metrics, "vllm:num_requests_running");
    let cache = samples(metrics, "vllm:cache_config_info").next();
    let label = |name| cache.and_then(|cache| cache.label(name));
    if label("enable_prefix_caching") == Some("False") {
        // Whether it reports cached tokens is a flag that it does not tell; without a cache there are none.
        facts.reports_cached = Some(said(false));
    }
    // Asleep it accepts requests and lets them wait, until somebody else wakes it.
    let asleep = samples(metrics, "vllm:engine_sleep_state")
        .any(|sample| sample.label("sleep_state") == Some("awake") && sample.value == 0.0);
    let number = |name| label(name).and_then(|text: &str| text.parse::<f64>().ok());
    for model in &mut facts.models {
        model.busy = busy.map(said);
        // As many requests that fill the whole window as the KV cache holds: vLLM's own number of what it can do at
        // once, which shorter requests exceed. Before it told, its number of blocks said the same.
        let blocks = || {
            let window = f64::from(model.window.as_ref()?.value);
            Some(number("num_gpu_blocks")? * number("block_size")? / window)
        };
        let fit = number("kv_cache_max_concurrency").or_else(blocks);
        model.slots = fit.and_then(whole).filter(|slots| *slots > 0).map(said);
        if asleep && model.state == ModelState::Ready {
            model.state = ModelState::Unloaded;
        }
    }
}

pub(super) async fn ask_sglang(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    facts.stream_usage = Some(usual(true));
    facts.models = plain::models(list, ModelState::Ready);
    let (model, server, metrics) = join3(
        asking.json("/model_info"),
        asking.json("/server_info"),
        asking.text("/metrics"),
    )
    .await;
    if let Ok(model) = &model {
        read_model_info(model, facts);
    }
    if let Ok(server) = &server {
        read_server_info(server, facts);
    }
    let running = metrics.and_then(|metrics| total(&metrics, "sglang:num_running_reqs"));
    for model in &mut facts.models {
        model.busy = running.map(said);
    }
}

/// Reads `/model_info` of SGLang (docs.sglang.ai, "SGLang Native APIs").
pub(super) fn read_model_info(info: &Value, facts: &mut ServerFacts) {
    for model in &mut facts.models {
        if let Some(generates) = info["is_generation"].as_bool() {
            model.chat = generates;
        }
        model.input = info["has_image_understanding"].as_bool().map(|images| {
            let audio = info["has_audio_understanding"] == true;
            text_and(&[(Modality::Image, images), (Modality::Audio, audio)])
        });
    }
}

/// Reads `/server_info` of SGLang: its command line and what became of it.
pub(super) fn read_server_info(info: &Value, facts: &mut ServerFacts) {
    facts.version = text(&info["version"]);
    facts.reports_cached = flag(&info["enable_cache_report"]);
    // What the engine made of `--max-running-requests` stands in its state.
    let effective = &info["internal_states"][0]["effective_max_running_requests_per_dp"];
    for model in &mut facts.models {
        model.slots = counted(effective).or_else(|| counted(&info["max_running_requests"]));
        // Without a parser calls come as text.
        model.tools = info.get("tool_call_parser").map(|parser| said(parser.is_string()));
    }
}
