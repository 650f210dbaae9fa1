//! OpenRouter (openrouter.ai/docs/models, "API Response Schema"): everything is in its list. A model's window is that
//! of the largest provider; one that is chosen may have less.

use serde_json::Value;

use super::{
    plain,
    read::{lists, said, usual},
};
use crate::{ModelState, Reasoning, ServerFacts};

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
        if lists(&entry["architecture"]["output_modalities"], "text") == Some(false) {
            model.chat = false;
        }
    }
}
