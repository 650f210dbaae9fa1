//! Parameters of requests: the keys that Yabby knows, for the schema and its documentation. Any other key is kept and
//! not looked at.

use schemars::JsonSchema;
use serde_json::{Map, Value};

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
    /// How tools are offered; unset lets Yabby find out what the server can do.
    #[schemars(rename = "toolMode")]
    tool_mode: Option<ToolMode>,
    /// Which providers OpenRouter may use.
    provider: Option<Routing>,
    #[serde(flatten)]
    #[schemars(flatten)]
    other: Map<String, Value>,
}

/// How tools are offered to a model.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "stands here for the schema")]
enum ToolMode {
    /// With the server's own fields.
    Native,
    /// Described in the prompt; calls are read from the text.
    Text,
    /// Described in the prompt; the server holds the answer to a JSON Schema.
    Constrained,
    /// Not at all.
    None,
}

/// OpenRouter's routing object (openrouter.ai, "Provider selection"). Settings of a model win over those of the
/// provider, key by key.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands here for the schema")]
struct Routing {
    /// Providers to try first, in this order.
    order: Option<Vec<String>>,
    /// The only providers that may be used.
    only: Option<Vec<String>>,
    /// Providers that may not be used.
    ignore: Option<Vec<String>>,
    /// Whether others may be used when the ones in `order` cannot answer.
    allow_fallbacks: Option<bool>,
    /// Whether a provider must know every field of the request.
    require_parameters: Option<bool>,
    /// Whether providers that store prompts may be used.
    data_collection: Option<DataCollection>,
    /// Whether only providers that keep nothing may be used.
    zdr: Option<bool>,
    /// Whether only models may be used whose texts may train others.
    enforce_distillable_text: Option<bool>,
    /// The quantisations that may be used.
    quantizations: Option<Vec<String>>,
    /// What to sort by: price, throughput or latency.
    sort: Option<Value>,
    /// The highest prices, in US dollars per million tokens.
    max_price: Option<Map<String, Value>>,
    /// The throughput to prefer, in tokens per second.
    preferred_min_throughput: Option<Value>,
    /// The latency to prefer, in seconds.
    preferred_max_latency: Option<Value>,
}

/// Whether providers that store prompts may be used.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "stands here for the schema")]
enum DataCollection {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

/// Lays `above` over `below`, key by key. The routing object is merged in itself, so that a model's own wish does not
/// undo a limit of the provider.
pub(crate) fn lay_over(below: &mut Map<String, Value>, above: &Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) if key == "provider" => under.extend(over.clone()),
            _ => drop(below.insert(key.clone(), value.clone())),
        }
    }
}
