//! OpenRouter (openrouter.ai/docs/models, "API Response Schema"): everything is in its list. A model's window is that
//! of the largest provider; one that is chosen may have less.

use serde_json::Value;
use yabby_config::Cost;

use super::{
    plain,
    read::{lists, said, usual},
};
use crate::{ModelState, Reasoning, ServerFacts};

const MILLION: f64 = 1_000_000.0;

pub(super) fn read(list: &Value, facts: &mut ServerFacts) {
    facts.stream_usage = Some(usual(true));
    facts.models = plain::models(list, ModelState::Ready);
    let entries = list["data"].as_array().into_iter().flatten();
    for entry in entries {
        let Some(model) = facts.models.iter_mut().find(|model| entry["id"] == model.id.as_str()) else {
            continue;
        };
        let takes = |parameter| lists(&entry["supported_parameters"], parameter);
        model.tools = takes("tools").map(said);
        model.reasoning = takes("reasoning").map(|reasons| {
            said(if reasons {
                Reasoning::Switchable
            } else {
                Reasoning::Never
            })
        });
        model.price = price(&entry["pricing"]).map(said);
        if lists(&entry["architecture"]["output_modalities"], "text") == Some(false) {
            model.chat = false;
        }
    }
}

/// US dollars for one token, as text (openrouter.ai/docs/models, "Pricing Object"). What stands below zero is not a price: it
/// depends on the model that the router chooses.
fn price(pricing: &Value) -> Option<Cost> {
    let rate = |key: &str| {
        let rate: f64 = pricing[key].as_str()?.parse().ok()?;
        (rate >= 0.0).then_some(rate * MILLION)
    };
    let input = rate("prompt")?;
    Some(Cost {
        input,
        output: rate("completion")?,
        // Without a price of its own, a cache makes nothing cheaper.
        cache_read: rate("input_cache_read").unwrap_or(input),
        cache_write: rate("input_cache_write").unwrap_or(input),
        tiers: Vec::new(),
    })
}
