//! The LiteLLM proxy (`wire-facts.md` §7.2): `/model/info` and `/health/readiness`. `/health` is never asked: it calls
//! every model for real.
//!
//! What it says of models is out of its price list or its owner's config. No server behind it was asked, so that its
//! facts have the source [`FactSource::Catalogue`].

use futures_util::future::join;
use serde_json::Value;
use yabby_config::Modality;
use yabby_core::{Fact, FactSource};

use super::{
    fetch::Asking,
    plain,
    read::{count, text, usual},
};
use crate::{ModelFacts, ModelState, ServerFacts, TokenCounter};

pub(super) async fn ask(asking: &Asking<'_>, list: &Value, facts: &mut ServerFacts) {
    facts.counter = Some(usual(TokenCounter::CountTokens));
    facts.stream_usage = Some(usual(true));
    facts.models = models(list);
    let (info, readiness) = join(asking.json("/model/info"), asking.json("/health/readiness")).await;
    if let Ok(info) = &info {
        read_info(info, &mut facts.models);
    }
    // Older versions tell their own here (source).
    facts.version = readiness.ok().and_then(|body| text(&body["litellm_version"]));
}

fn models(list: &Value) -> Vec<ModelFacts> {
    let mut models = plain::models(list, ModelState::Ready);
    for model in &mut models {
        model.window = model.window.take().map(|window| usual(window.value));
    }
    models
}

/// Reads `/model/info`. Several deployments may have one name; the smallest window holds for all of them.
pub(super) fn read_info(info: &Value, models: &mut [ModelFacts]) {
    let entries: Vec<&Value> = info["data"].as_array().into_iter().flatten().collect();
    for model in models {
        let named = entries.iter().filter(|entry| entry["model_name"] == model.id.as_str());
        let said: Vec<&Value> = named.map(|entry| &entry["model_info"]).collect();
        let windows = said.iter().filter_map(|info| count(&info["max_input_tokens"]));
        if let Some(smallest) = windows.min() {
            model.window = Some(usual(smallest));
        }
        let all = |name: &str| all(&said, name);
        model.tools = all("supports_function_calling");
        model.input = all("supports_vision").map(|vision| {
            let mut input = vec![Modality::Text];
            input.extend(vision.value.then_some(Modality::Image));
            Fact::new(input, FactSource::Catalogue)
        });
        if said.iter().any(|info| {
            info["mode"]
                .as_str()
                .is_some_and(|mode| mode != "chat" && mode != "responses")
        }) {
            model.chat = false;
        }
    }
}

/// Whether all deployments can; `None` when one does not say.
fn all(said: &[&Value], name: &str) -> Option<Fact<bool>> {
    let each: Option<Vec<bool>> = said.iter().map(|info| info[name].as_bool()).collect();
    let each = each.filter(|each| !each.is_empty())?;
    Some(usual(each.into_iter().all(|can| can)))
}
