//! llama.cpp's `llama-server` (`wire-facts.md` §6.1, §6.5): `/props`, `/health` and `/slots` of its model, or in router
//! mode those of each model that is loaded.
//!
//! `/slots` and `/metrics` wake a server that sleeps, and reset the clock after which it does; `/props`, `/health` and
//! the list do not (llama.cpp, `tools/server/README.md`, "Sleeping on Idle"). So `/slots` is asked only after `/props`
//! has said that the server is awake. In router mode a question for a model that is not loaded would load it, also a
//! GET: only loaded ones are asked, with `autoload=false` in case they are gone by then.

use futures_util::future::{join, join_all};
use reqwest::Url;
use serde_json::Value;
use yabby_config::Modality;
use yabby_core::{ErrorKind, ModelError};

use super::{
    fetch::Asking,
    plain,
    read::{bytes, counted, flag, modalities, said, text, text_and, usual},
};
use crate::{ModelFacts, ModelState, Reasoning, ServerFacts, TokenCounter};

/// How many models of a router are asked about: each is a connection or two, all at the same time.
pub(super) const MOST_ASKED: usize = 32;

pub(super) async fn ask(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    facts.counter = Some(usual(TokenCounter::InputTokens));
    facts.reports_cached = Some(usual(true));
    facts.stream_usage = Some(usual(true));
    facts.models = models(list);
    facts.router = is_router(list);
    if facts.router {
        let loaded = facts.models.iter_mut().filter(|model| model.state == ModelState::Ready);
        let asked = loaded.take(MOST_ASKED).map(|model| async move {
            let query = query(&model.id);
            one(asking, &query, model).await;
        });
        let (server, _) = join(asking.json("/props"), join_all(asked)).await;
        if let Ok(server) = server {
            facts.version = version(&server);
        }
        return;
    }
    // The list has one model, unless the build is one that Yabby does not know.
    let mut unnamed = ModelFacts::new("", ModelState::Ready);
    let model = match facts.models.as_mut_slice() {
        [model] => model,
        _ => &mut unnamed,
    };
    facts.version = one(asking, "", model).await;
}

/// Asks about one model, and returns the server's version.
async fn one(asking: &Asking<'_>, query: &str, model: &mut ModelFacts) -> Option<String> {
    let props = format!("/props{query}");
    let awake = async {
        let props = asking.json(&props).await;
        let asleep = props.as_ref().map_or(true, |props| props["is_sleeping"] == true);
        let slots = if asleep {
            None
        } else {
            asking.json(&format!("/slots{query}")).await.ok()
        };
        (props, slots)
    };
    // The router's own health says nothing of a model.
    let health = async {
        if query.is_empty() {
            asking.json("/health").await.err()
        } else {
            None
        }
    };
    let ((props, slots), health) = join(awake, health).await;
    let version = props.as_ref().ok().and_then(version);
    if props.as_ref().err().or(health.as_ref()).is_some_and(is_loading) {
        model.state = ModelState::Loading;
    }
    if let Ok(props) = props {
        read_props(&props, model);
    }
    if let Some(slots) = slots {
        read_slots(&slots, model);
    }
    version
}

/// The version out of `/props`. A build that was not made from llama.cpp's repository, such as the one in the Python
/// package, knows neither its number nor its commit and says `b0-unknown` (recordings of xllamacpp).
pub(super) fn version(props: &Value) -> Option<String> {
    text(&props["build_info"]).filter(|build| build != "b0-unknown")
}

/// `?model=…&autoload=false`.
fn query(model: &str) -> String {
    let asked = [("model", model), ("autoload", "false")];
    let url = Url::parse_with_params("http://router/", asked).ok();
    url.and_then(|url| url.query().map(|query| format!("?{query}")))
        .unwrap_or_default()
}

fn is_loading(error: &ModelError) -> bool {
    error.kind == ErrorKind::Loading
}

/// Whether a list is a router's: it says of each model whether it is loaded.
fn is_router(list: &Value) -> bool {
    let mut entries = list["data"].as_array().into_iter().flatten();
    entries.any(|entry| entry["status"]["value"].is_string())
}

/// Reads `/v1/models`: `meta` has the window of a slot, what the model was trained for and its size. A router lists
/// models that are not loaded too, and what they were trained for as `context_length`.
pub(super) fn models(list: &Value) -> Vec<ModelFacts> {
    let entries = list["data"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| {
            let id = entry["id"].as_str()?;
            let meta = &entry["meta"];
            let routed = &entry["status"];
            Some(ModelFacts {
                chat: plain::is_chat(id, entry),
                window: counted(&meta["n_ctx"]),
                max_window: counted(&meta["n_ctx_train"]).or_else(|| counted(&entry["context_length"])),
                input: modalities(&entry["architecture"]["input_modalities"]),
                size: bytes(&meta["size"]),
                ..ModelFacts::new(id, state(routed))
            })
        })
        .collect()
}

/// The state of a model in a router; without one it is the server's only model. `failed` is from the server's README
/// ("Using multiple models"); a model that is being downloaded is on its way, as one that is being loaded.
fn state(status: &Value) -> ModelState {
    match status["value"].as_str() {
        Some(_) if status["failed"] == true => ModelState::Failing,
        Some("loading" | "downloading") => ModelState::Loading,
        Some("unloaded" | "sleeping") => ModelState::Unloaded,
        _ => ModelState::Ready,
    }
}

/// Reads `/props`.
pub(super) fn read_props(props: &Value, model: &mut ModelFacts) {
    if props["is_sleeping"] == true {
        model.state = ModelState::Unloaded;
    }
    if let Some(window) = counted(&props["default_generation_settings"]["n_ctx"]) {
        model.window = Some(window);
    }
    model.slots = counted(&props["total_slots"]);
    let modalities = &props["modalities"];
    if let Some(vision) = modalities["vision"].as_bool() {
        model.input = Some(text_and(&[
            (Modality::Image, vision),
            (Modality::Audio, modalities["audio"] == true),
            (Modality::Video, modalities["video"] == true),
        ]));
    }
    let caps = &props["chat_template_caps"];
    model.tools = flag(&caps["supports_tools"]);
    // The templates of Qwen, GLM and others read `enable_thinking`. One without a switch may still think.
    let template = props["chat_template"].as_str().unwrap_or_default();
    let switch = caps["supports_reasoning_effort"] == true || template.contains("enable_thinking");
    model.reasoning = switch.then(|| said(Reasoning::Switchable));
}

/// Reads `/slots`.
pub(super) fn read_slots(slots: &Value, model: &mut ModelFacts) {
    let Some(slots) = slots.as_array() else {
        return;
    };
    let busy = slots.iter().filter(|slot| slot["is_processing"] == true).count();
    model.busy = u32::try_from(busy).ok().map(said);
    if model.slots.is_none() {
        model.slots = counted(&slots.len().into());
    }
    if model.window.is_none() {
        let smallest = slots.iter().filter_map(|slot| super::read::count(&slot["n_ctx"])).min();
        model.window = smallest.map(said);
    }
}
