//! The four ways to ask a model, and the one function that does it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use yabby_core::{Image, ModelRequest, Opaque, OutputSchema, PromptCache, Tool, ToolMode};

use crate::{chat, lower, messages, ollama, protocol, reshape, responses, thinking::ChatThinking};

/// A way of speaking to a model server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// OpenAI Chat Completions: spoken by everything.
    #[serde(rename = "openai-completions")]
    Chat,
    /// OpenAI Responses, used without server-side state.
    #[serde(rename = "openai-responses")]
    Responses,
    /// Anthropic Messages.
    #[serde(rename = "anthropic-messages")]
    Messages,
    /// Ollama's own API. Only there can a prompt that is too long be made an error (`wire-facts.md` §7.4).
    #[serde(rename = "ollama")]
    Ollama,
}

/// Whom the request is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The base URL, without credentials: with the model it decides which opaque parts may be sent back. Empty sends
    /// none.
    pub endpoint: &'a str,
    /// The model id as the server knows it.
    pub model: &'a str,
    /// What is known about the endpoint beyond its dialect.
    pub quirks: &'a Quirks,
}

/// What an endpoint is known to want or take. The default is the smallest request, which all servers take.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Quirks {
    /// The name of the field that limits the answer (Chat only).
    pub max_tokens_field: MaxTokensField,
    /// Ask for token counts on a stream: `stream_options.include_usage` (Chat only).
    pub include_usage: bool,
    /// Ask for progress while the prompt is read: llama.cpp's `return_progress` (Chat streams only).
    pub prefill_progress: bool,
    /// Fields added to the body, replacing those of the same name; `null` takes a field out, which is how a field
    /// that the endpoint refused is dropped. The conversation itself cannot be replaced.
    pub extra_body: Map<String, Value>,
    /// Mark function tools `strict`: vLLM holds arguments to the schema only then (`wire-facts.md` §7.1).
    pub strict_tools: bool,
    /// Never write `strict` at a tool: `compat.supportsStrictMode: false` (OpenClaw), for endpoints that refuse the
    /// field.
    pub no_strict: bool,
    /// How tools are offered. `compat.supportsTools: false` (OpenClaw) is [`ToolMode::None`].
    pub tool_mode: ToolMode,
    /// Write schemas in the subset that local servers take, see [`crate::lower_parameters`].
    pub portable_schemas: bool,
    /// Ask for prompt caching: Anthropic's own API, and its models behind OpenRouter (Messages and Chat only).
    pub prompt_cache: PromptCache,
    /// Ask for reasoning in a form that can be sent back: `include: ["reasoning.encrypted_content"]` (Responses only).
    /// OpenAI gives it; vLLM refuses it on the way back (`wire-facts.md` §7.1).
    pub encrypted_reasoning: bool,
    /// The system prompt goes into the conversation instead of `instructions`: `compat.supportsInstructions: false`
    /// (OpenClaw, Responses only).
    pub no_instructions: bool,
    /// Call ids are nine letters and digits, as Mistral's tokenizer insists: `compat.requiresMistralToolIds` (OpenClaw,
    /// Chat only).
    pub short_call_ids: bool,
    /// Reasoning goes back with the answer: `compat.requiresReasoningContentOnAssistantMessages` (OpenClaw, Chat only);
    /// see [`crate::Expectation::replays_reasoning`].
    pub replays_reasoning: bool,
    /// Message contents are always strings: `compat.requiresStringContent` (OpenClaw). Pictures are left out, and the
    /// model is told so.
    pub string_content: bool,
    /// Tool results carry the tool's name: `compat.requiresToolResultName` (OpenClaw, Chat only).
    pub tool_result_names: bool,
    /// After tool results comes an answer before the person speaks again:
    /// `compat.requiresAssistantAfterToolResult` (OpenClaw, Chat only).
    pub answer_after_results: bool,
    /// Keywords that are taken out of tool schemas: `compat.unsupportedToolSchemaKeywords` (OpenClaw).
    pub dropped_keywords: Vec<String>,
    /// Tool schemas are reduced to flat, typed properties.
    pub bare_schemas: bool,
    /// Tools that are not offered, each by its name and its schema: one that was changed is offered again.
    pub quarantined: Vec<(String, Value)>,
    /// The system prompt is the beginning of the first user message.
    pub fold_system: bool,
    /// Calls and results of the history are plain text, and roles alternate.
    pub tools_as_text: bool,
    /// A conversation that ends with the model's own words gets a user message behind them.
    pub end_with_user: bool,
    /// How the endpoint is told how hard to think: `compat.thinkingFormat` (OpenClaw, Chat only).
    pub chat_thinking: ChatThinking,
    /// Nothing is said of how hard to think: `compat.supportsReasoningEffort: false` (OpenClaw).
    pub no_thinking: bool,
    /// Of the words for how hard to think only those are said that every server knows which has words for it.
    pub common_efforts: bool,
    /// The model decides how long it thinks, and is told what effort to make; else it gets a budget of tokens (Messages
    /// only).
    pub adaptive_thinking: bool,
}

/// The name of the field that limits a Chat answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`: taken by all local servers; the only one that Ollama reads (`wire-facts.md` §7.4).
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: what OpenAI's own newer models insist on.
    MaxCompletionTokens,
}

/// A request ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The path below the base URL that ends in `/v1`, or below the root of the server
    /// ([`Dialect::is_at_root`]).
    pub path: &'static str,
    /// The JSON body. Its last field is the conversation, so that the next turn's body begins with the same bytes.
    pub body: Vec<u8>,
    /// Headers of the dialect, beside `content-type` and the credential.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// Puts a request into a dialect. The same request always gives the same bytes. A conversation in which calls lack
/// results, or results their calls, is repaired, because servers refuse it in every later turn.
pub fn encode(dialect: Dialect, request: &ModelRequest, target: &Target<'_>) -> Encoded {
    let request = prepared(request, target.quirks);
    match dialect {
        Dialect::Chat => chat::encode(&request, target),
        Dialect::Responses => responses::encode(&request, target),
        Dialect::Messages => messages::encode(&request, target),
        Dialect::Ollama => ollama::encode(&request, target),
    }
}

/// The request as a dialect gets it: repaired, reshaped, and with tools that are text where the server's fields for
/// them are not used.
pub fn prepared<'a>(request: &'a ModelRequest, quirks: &Quirks) -> Cow<'a, ModelRequest> {
    let request = reshape::tools(Cow::Borrowed(request), quirks);
    let request = protocol::rewritten(reshape::sound(request), quirks);
    reshape::conversation(request, quirks)
}

/// Finishes a body: the extra fields, then what is `said` of thinking, then the conversation under `key` as the last
/// field.
///
/// An extra field has the last word over everything but thinking, which a person asks for at the time; a `null` has it over
/// that too.
pub(crate) fn seal(
    (mut fields, said): (Map<String, Value>, Map<String, Value>),
    quirks: &Quirks,
    reserved: &[&str],
    key: &str,
    conversation: Vec<Value>,
) -> Vec<u8> {
    for (name, value) in &quirks.extra_body {
        if name == key || reserved.contains(&name.as_str()) {
            continue;
        }
        if value.is_null() {
            fields.shift_remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in said {
        if quirks.extra_body.get(&name).is_some_and(Value::is_null) {
            continue;
        }
        match (fields.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(value)) => there.extend(value),
            (_, value) => drop(fields.insert(name, value)),
        }
    }
    fields.insert(key.to_owned(), Value::Array(conversation));
    Value::Object(fields).to_string().into_bytes()
}

/// The tools as the dialect writes them, each from the tool and its schema as the endpoint takes it; `None` when there
/// are none, because an empty array is refused by some.
pub(crate) fn tools(tools: &[Tool], quirks: &Quirks, write: impl Fn(&Tool, &Value) -> Value) -> Option<Value> {
    let written = || tools.iter().map(|tool| write(tool, &quirks.parameters(tool)));
    (!tools.is_empty() && quirks.tool_mode == ToolMode::Native).then(|| written().collect())
}

/// The opaque parts of an answer that may go to this target: those that it made itself.
pub(crate) fn own<'a>(opaque: &'a [Opaque], target: &Target<'_>) -> impl Iterator<Item = &'a Value> {
    opaque
        .iter()
        .filter(|part| !target.endpoint.is_empty() && part.from.endpoint == target.endpoint)
        .filter(|part| part.from.model == target.model)
        .map(|part| &part.data)
}

/// What stands for a picture where the server takes only text.
pub(crate) const NO_PICTURE: &str = "[a picture that this server cannot take]";

/// A text without its pictures, with a word for each.
pub(crate) fn without_pictures(text: &str, images: &[Image]) -> String {
    let marks = images.iter().map(|_| NO_PICTURE);
    let parts: Vec<&str> = marks.chain((!text.is_empty()).then_some(text)).collect();
    parts.join("\n\n")
}

/// The value of `cache_control`, if caching is asked for (platform.claude.com, "Prompt caching").
pub(crate) fn cache_mark(cache: PromptCache) -> Option<Value> {
    match cache {
        PromptCache::None => None,
        PromptCache::Short => Some(json!({"type": "ephemeral"})),
        PromptCache::Long => Some(json!({"type": "ephemeral", "ttl": "1h"})),
    }
}

// === impl Quirks ===

impl Quirks {
    fn parameters(&self, tool: &Tool) -> Value {
        let parameters = if self.portable_schemas {
            lower::lower_parameters(&tool.parameters)
        } else {
            tool.parameters.clone()
        };
        if self.dropped_keywords.is_empty() {
            return parameters;
        }
        lower::without(&parameters, &self.dropped_keywords)
    }

    /// The schema of the answer as the endpoint takes it.
    pub(crate) fn output(&self, output: &OutputSchema) -> Value {
        if self.portable_schemas {
            lower::lower_output(&output.schema)
        } else {
            output.schema.clone()
        }
    }
}

// === impl Dialect ===

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Messages, Self::Ollama];

    /// The name as it stands in a provider's `api` setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "openai-completions",
            Self::Responses => "openai-responses",
            Self::Messages => "anthropic-messages",
            Self::Ollama => "ollama",
        }
    }

    /// The path of its requests, below the base URL or the root of the server ([`Dialect::is_at_root`]).
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
            Self::Ollama => "/api/chat",
        }
    }

    /// Whether its paths begin at the root of the server instead of below `/v1`.
    pub fn is_at_root(self) -> bool {
        self == Self::Ollama
    }
}
