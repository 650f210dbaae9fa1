//! LM Studio (`wire-facts.md` §7.3): `/api/v1/models`, and for versions before 0.4 `/api/v0/models`.
//!
//! Neither tells of a model that is being loaded: it stays unloaded until it is there. Versions without the first path
//! answer it with 200 and an error.

use std::{collections::HashMap, iter};

use futures_util::future::join;
use serde_json::Value;
use yabby_config::Modality;

use super::{
    fetch::Asking,
    plain,
    read::{bytes, counted, flag, lists, said, text_and},
};
use crate::{Instance, ModelFacts, ModelState, Reasoning, ServerFacts};

pub(super) async fn ask(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    let (new, old) = join(asking.json("/api/v1/models"), asking.json("/api/v0/models")).await;
    let listed = plain::models(list, ModelState::Unknown);
    let told = new.ok().and_then(|body| models(&body));
    facts.models = match told.or_else(|| old.ok().and_then(|body| old_models(&body))) {
        Some(told) => merge(listed, told),
        None => listed,
    };
}

/// All models of the OpenAI-style list, in its order, then those that are downloaded and not in it. An id in that list
/// that is an instance of a model is that model.
fn merge(listed: Vec<ModelFacts>, told: Vec<ModelFacts>) -> Vec<ModelFacts> {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, model) in told.iter().enumerate() {
        let instances = model.instances.iter().map(|instance| &instance.id);
        for id in iter::once(&model.id).chain(instances) {
            places.entry(id.clone()).or_insert(place);
        }
    }
    let mut left: Vec<Option<ModelFacts>> = told.into_iter().map(Some).collect();
    let mut merged = Vec::new();
    for model in listed {
        if let Some(place) = places.get(&model.id) {
            merged.extend(left.get_mut(*place).and_then(Option::take));
        } else {
            places.insert(model.id.clone(), left.len());
            merged.push(model);
        }
    }
    merged.extend(left.into_iter().flatten());
    merged
}

/// Reads `GET /api/v1/models` (lmstudio.ai/docs/developer/rest/list).
pub(super) fn models(answer: &Value) -> Option<Vec<ModelFacts>> {
    let entries = answer["models"].as_array()?.iter();
    Some(entries.filter_map(model).collect())
}

fn model(entry: &Value) -> Option<ModelFacts> {
    let instances: Vec<Instance> = entry["loaded_instances"]
        .as_array()?
        .iter()
        .filter_map(instance)
        .collect();
    let capabilities = &entry["capabilities"];
    let state = if instances.is_empty() {
        ModelState::Unloaded
    } else {
        ModelState::Ready
    };
    let smallest = |of: fn(&Instance) -> Option<u32>| instances.iter().filter_map(of).min().map(said);
    Some(ModelFacts {
        chat: entry["type"] != "embedding",
        // Which instance answers to the model's name is the server's choice.
        window: smallest(|instance| Some(instance.window.as_ref()?.value)),
        slots: smallest(|instance| Some(instance.slots.as_ref()?.value)),
        max_window: counted(&entry["max_context_length"]),
        input: capabilities["vision"]
            .as_bool()
            .map(|vision| text_and(&[(Modality::Image, vision)])),
        tools: flag(&capabilities["trained_for_tool_use"]),
        reasoning: reasoning(&capabilities["reasoning"]),
        size: bytes(&entry["size_bytes"]),
        instances,
        ..ModelFacts::new(entry["key"].as_str()?, state)
    })
}

fn instance(entry: &Value) -> Option<Instance> {
    let config = &entry["config"];
    Some(Instance {
        id: entry["id"].as_str()?.to_owned(),
        window: counted(&config["context_length"]),
        slots: counted(&config["parallel"]),
    })
}

/// `{allowed_options, default}`; older versions do not have it, so that its absence says nothing.
fn reasoning(options: &Value) -> Option<yabby_core::Fact<Reasoning>> {
    let off = lists(&options["allowed_options"], "off")?;
    Some(said(if off { Reasoning::Switchable } else { Reasoning::Always }))
}

/// Reads `GET /api/v0/models` (lmstudio.ai/docs/developer/rest/endpoints).
pub(super) fn old_models(answer: &Value) -> Option<Vec<ModelFacts>> {
    let entries = answer["data"].as_array()?.iter();
    let model = |entry: &Value| {
        let kind = entry["type"].as_str();
        let state = match entry["state"].as_str() {
            Some("loaded") => ModelState::Ready,
            Some("not-loaded") => ModelState::Unloaded,
            Some("loading") => ModelState::Loading,
            _ => ModelState::Unknown,
        };
        Some(ModelFacts {
            chat: kind != Some("embeddings"),
            window: counted(&entry["loaded_context_length"]),
            max_window: counted(&entry["max_context_length"]),
            input: match kind {
                Some("vlm") => Some(text_and(&[(Modality::Image, true)])),
                Some("llm") => Some(text_and(&[])),
                _ => None,
            },
            tools: lists(&entry["capabilities"], "tool_use").map(said),
            ..ModelFacts::new(entry["id"].as_str()?, state)
        })
    };
    Some(entries.filter_map(model).collect())
}
