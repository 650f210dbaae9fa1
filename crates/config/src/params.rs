//! Parameters of requests: the keys that Yabby knows, with their documentation and their mistakes. The object is free,
//! as OpenClaw's is: any other key is kept and not looked at, and a mistake turns nothing off but itself.
//!
//! OpenRouter's routing object is the exception: it says where a prompt may go, so that a model with a mistake in it
//! cannot be used until that is corrected ([`Params::routing_mistake`]).

use schemars::JsonSchema;
use serde_json::{Map, Value};
use yabby_core::{PromptCache, Text, Thinking, ToolMode, text};

use crate::{config::Params, known};

/// Parameters of requests to a model. Only the keys listed here are used.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands here for the schema; the values are read by name")]
pub(crate) struct RequestParams {
    /// Sampling temperature.
    temperature: Option<Value>,
    /// The longest answer, in tokens.
    #[schemars(rename = "maxTokens")]
    max_tokens: Option<Value>,
    /// Arguments of the chat template, such as `enable_thinking` (Chat Completions only).
    chat_template_kwargs: Option<Value>,
    /// The context window that Ollama gives the model (`api: "ollama"` only).
    num_ctx: Option<Value>,
    /// How long Ollama keeps the model loaded (`api: "ollama"` only).
    keep_alive: Option<Value>,
    /// Fields put into the body of every request as they are; null takes a field out.
    extra_body: Option<Value>,
    /// The same as `extra_body`.
    #[schemars(rename = "extraBody")]
    extra_body_too: Option<Value>,
    /// Whether Anthropic, also behind OpenRouter, keeps the prompt: none, short (five minutes, the default) or long (an
    /// hour).
    #[schemars(rename = "cacheRetention")]
    cache_retention: Option<Value>,
    /// How hard the model thinks where the conversation does not say: off, minimal, low, medium, high, xhigh, max or
    /// adaptive. It goes before `thinkingDefault`, and behind `enable_thinking` and its like in the keys above.
    thinking: Option<Value>,
    /// How tools are offered: native (in the server's own fields), text (described in the prompt), constrained
    /// (described in the prompt, the answer held to a JSON Schema) or none; unset lets Yabby find out.
    #[schemars(rename = "toolMode")]
    tool_mode: Option<Value>,
    /// Which providers OpenRouter may use: `order`, `only`, `ignore`, `allow_fallbacks`, `require_parameters`,
    /// `data_collection` (allow or deny), `zdr`, `quantizations`, `sort`, `max_price` and others (openrouter.ai,
    /// "Provider selection"). A model's keys are laid over the provider's; null undoes nothing.
    provider: Option<Value>,
    #[serde(flatten)]
    #[schemars(flatten)]
    other: Map<String, Value>,
}

/// The keys of OpenRouter's routing object and what their values are.
const ROUTING: [(&str, Kind); 13] = [
    ("order", Kind::Names),
    ("only", Kind::Names),
    ("ignore", Kind::Names),
    ("quantizations", Kind::Names),
    ("allow_fallbacks", Kind::Flag),
    ("require_parameters", Kind::Flag),
    ("zdr", Kind::Flag),
    ("enforce_distillable_text", Kind::Flag),
    ("data_collection", Kind::AllowOrDeny),
    ("sort", Kind::Any),
    ("max_price", Kind::Object),
    ("preferred_min_throughput", Kind::Any),
    ("preferred_max_latency", Kind::Any),
];

#[derive(Clone, Copy)]
enum Kind {
    Names,
    Flag,
    AllowOrDeny,
    Object,
    Any,
}

/// Something wrong in parameters.
pub(crate) struct Mistake {
    /// The keys that lead to it.
    pub(crate) at: Vec<String>,
    pub(crate) message: Text,
    pub(crate) help: Text,
    /// The model cannot be used because of it.
    pub(crate) is_error: bool,
}

/// What is wrong in parameters as they are written at one place; `routed` where they may be OpenRouter's.
pub(crate) fn mistakes(params: &Map<String, Value>, routed: bool) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = Vec::new();
    let mut wrong = |key: &str, is_right: bool, expected: Text| {
        if !is_right {
            found.push(Mistake {
                at: vec![key.to_owned()],
                message: text!(
                    "{key} has no effect: expected {expected}",
                    key = key,
                    expected = expected
                ),
                help: text!("correct it, or remove it"),
                is_error: false,
            });
        }
    };
    for (key, value) in params {
        match key.as_str() {
            "temperature" => wrong(key, value.is_null() || value.is_number(), text!("a number")),
            "maxTokens" => wrong(key, value.is_null() || value.is_u64(), text!("a whole number")),
            "cacheRetention" => wrong(key, is::<PromptCache>(value), text!("none, short or long")),
            "thinking" if value.is_string() => wrong(
                key,
                is::<Thinking>(value),
                text!("off, minimal, low, medium, high, xhigh, max or adaptive"),
            ),
            "toolMode" => wrong(key, is::<ToolMode>(value), text!("native, text, constrained or none")),
            _ => {}
        }
    }
    let routing = params.get("provider").filter(|_| routed);
    found.extend(routing.into_iter().flat_map(routing_mistakes));
    found
}

fn is<T: serde::de::DeserializeOwned>(value: &Value) -> bool {
    value.is_null() || serde_json::from_value::<T>(value.clone()).is_ok()
}

fn routing_mistakes(value: &Value) -> Vec<Mistake> {
    let help = || text!("models of OpenRouter cannot be used with it until it is corrected");
    let mistake = |at: &[&str], message: Text, help: Text, is_error: bool| Mistake {
        at: at.iter().map(|key| (*key).to_owned()).collect(),
        message,
        help,
        is_error,
    };
    let Some(object) = value.as_object() else {
        // Other servers may have a parameter of this name.
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in object {
        match ROUTING.iter().find(|(known, _)| known == key) {
            None => {
                let guess = known::similar(key, ROUTING.iter().map(|(known, _)| *known));
                found.push(mistake(
                    &["provider", key],
                    text!("unknown key {key}", key = key),
                    guess.map_or_else(help, crate::check::did_you_mean),
                    true,
                ));
            }
            Some((_, kind)) if !kind.fits(value) => found.push(mistake(
                &["provider", key],
                text!("{key} must be {expected}", key = key, expected = kind.words()),
                help(),
                true,
            )),
            Some(_) => {}
        }
    }
    found
}

/// Lays `above` over `below`, key by key. The routing object is merged in itself, also inside `extra_body`, so that a
/// model's own wish does not undo a limit of the provider; nor does a null.
pub(crate) fn lay_over(below: &mut Map<String, Value>, above: &Map<String, Value>) {
    for (key, value) in above {
        match (key.as_str(), below.get_mut(key)) {
            ("provider", Some(under)) => limit(under, value),
            ("extra_body" | "extraBody", Some(under)) => {
                let kept = under.get("provider").cloned();
                *under = value.clone();
                if let (Some(mut kept), Some(object)) = (kept, under.as_object_mut()) {
                    limit(&mut kept, object.get("provider").unwrap_or(&Value::Null));
                    object.insert("provider".to_owned(), kept);
                }
            }
            _ => drop(below.insert(key.clone(), value.clone())),
        }
    }
}

/// Lays one routing object over another.
fn limit(under: &mut Value, over: &Value) {
    match (under, over) {
        (_, Value::Null) => {}
        (Value::Object(under), Value::Object(over)) => {
            let stated = over.iter().filter(|(_, value)| !value.is_null());
            under.extend(stated.map(|(key, value)| (key.clone(), value.clone())));
        }
        (under, over) => *under = over.clone(),
    }
}

// === impl Kind ===

impl Kind {
    fn fits(self, value: &Value) -> bool {
        let is_name = |name: &Value| name.is_string();
        value.is_null()
            || match self {
                Self::Names => value.as_array().is_some_and(|names| names.iter().all(is_name)),
                Self::Flag => value.is_boolean(),
                Self::AllowOrDeny => matches!(value.as_str(), Some("allow" | "deny")),
                Self::Object => value.is_object(),
                Self::Any => true,
            }
    }

    fn words(self) -> Text {
        match self {
            Self::Names => text!("a list of names"),
            Self::Flag => text!("true or false"),
            Self::AllowOrDeny => text!("allow or deny"),
            Self::Object | Self::Any => text!("an object"),
        }
    }
}

// === impl Params ===

impl Params {
    /// The key of the routing object that OpenRouter would not understand, if there is one: a prompt could then go
    /// where its owner does not want it.
    pub fn routing_mistake(&self) -> Option<String> {
        let value = self.0.get("provider").filter(|value| !value.is_null())?;
        if !value.is_object() {
            return Some("params.provider".to_owned());
        }
        let first = routing_mistakes(value).into_iter().find(|mistake| mistake.is_error)?;
        Some(format!("params.{}", first.at.join(".")))
    }
}
