//! Ollama (`wire-facts.md` §7.4): `/api/version`, `/api/tags`, `/api/ps`, and `/api/show` of each model. None of them
//! loads a model (`docs/api.md`).

use futures_util::future::{join_all, join4};
use serde_json::{Value, json};
use yabby_config::Modality;
use yabby_core::now;

use super::{
    fetch::Asking,
    is_native_ollama, plain,
    read::{bytes, counted, lists, said, text, text_and, usual},
    time::seconds,
};
use crate::{ModelFacts, ModelState, Reasoning, ServerFacts};

/// How many models are looked at in detail. Who has more uses few of them, and the list has the latest first.
const MOST_SHOWN: usize = 32;

pub(super) async fn ask(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    facts.reports_cached = Some(usual(false));
    facts.stream_usage = Some(usual(true));
    let native = is_native_ollama(asking.endpoint);
    let mut models = if native {
        tags(list)
    } else {
        plain::models(list, ModelState::Unknown)
    };
    let shows = models.iter().take(MOST_SHOWN).map(|model| {
        let body = json!({"model": model.id});
        async move { asking.post("/api/show", &body).await.ok() }
    });
    let tags = async {
        if native {
            None
        } else {
            asking.json("/api/tags").await.ok()
        }
    };
    let (version, tags, running, shows) = join4(
        asking.json("/api/version"),
        tags,
        asking.json("/api/ps"),
        join_all(shows),
    )
    .await;
    facts.version = version.ok().and_then(|body| text(&body["version"]));
    if let Some(tags) = &tags {
        read_tags(tags, &mut models);
    }
    if native {
        read_tags(list, &mut models);
    }
    if let Ok(running) = &running {
        read_running(running, now(), &mut models);
    }
    for (show, model) in shows.iter().zip(&mut models) {
        if let Some(show) = show {
            read_show(show, model);
        }
    }
    facts.models = models;
}

/// The models of `GET /api/tags` ("List Local Models"): `models[].name`.
fn tags(list: &Value) -> Vec<ModelFacts> {
    let entries = list["models"].as_array().into_iter().flatten();
    let names = entries.filter_map(|entry| entry["name"].as_str());
    names
        .map(|name| ModelFacts {
            chat: plain::is_chat(name, &Value::Null),
            ..ModelFacts::new(name, ModelState::Unknown)
        })
        .collect()
}

/// Sizes on disk, out of `/api/tags`.
pub(super) fn read_tags(tags: &Value, models: &mut [ModelFacts]) {
    for model in models {
        let Some(entry) = entry(tags, &model.id) else {
            continue;
        };
        model.size = bytes(&entry["size"]);
        // Versions without capabilities tell embedding models by their architecture alone.
        let families = &entry["details"]["families"];
        if ["bert", "nomic-bert"]
            .iter()
            .any(|family| lists(families, family) == Some(true))
        {
            model.chat = false;
        }
        // A cloud model runs at Ollama's, and nothing is loaded here (`ListModelResponse` in `api/types.go`).
        if text(&entry["remote_host"]).is_some() {
            (model.state, model.size, model.remote) = (ModelState::Ready, None, true);
        }
    }
}

/// What is loaded, out of `/api/ps` ("List Running Models"): `context_length` is the window that was allocated. With
/// several requests at a time it is open whether that is the window of each (`wire-facts.md` §7.4).
pub(super) fn read_running(running: &Value, now: u64, models: &mut [ModelFacts]) {
    if !running["models"].is_array() {
        return;
    }
    for model in models.iter_mut().filter(|model| model.state == ModelState::Unknown) {
        let Some(entry) = entry(running, &model.id) else {
            model.state = ModelState::Unloaded;
            continue;
        };
        let over = entry["expires_at"]
            .as_str()
            .and_then(seconds)
            .is_some_and(|at| at > 0 && at < now);
        model.state = if over { ModelState::Evicting } else { ModelState::Ready };
        model.window = counted(&entry["context_length"]);
        if model.size.is_none() {
            model.size = bytes(&entry["size"]);
        }
    }
}

/// What a model can, out of `POST /api/show` ("Show Model Information").
pub(super) fn read_show(show: &Value, model: &mut ModelFacts) {
    let info = &show["model_info"];
    if let Some(architecture) = info["general.architecture"].as_str() {
        model.max_window = counted(&info[format!("{architecture}.context_length")]);
    }
    // An alias of a cloud model says it here too (`ShowResponse` in `api/types.go`).
    model.remote |= text(&show["remote_host"]).is_some();
    let can = |what| lists(&show["capabilities"], what);
    if let Some(completes) = can("completion") {
        model.chat = completes;
    }
    model.tools = can("tools").map(said);
    model.input = can("vision")
        .map(|vision| text_and(&[(Modality::Image, vision), (Modality::Audio, can("audio") == Some(true))]));
    model.reasoning = can("thinking").map(|thinks| {
        said(if thinks {
            Reasoning::Switchable
        } else {
            Reasoning::Never
        })
    });
}

fn entry<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let mut entries = list["models"].as_array()?.iter();
    entries.find(|entry| entry["name"] == name || entry["model"] == name)
}
