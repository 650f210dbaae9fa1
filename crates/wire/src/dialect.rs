//! The four ways to ask a model, and the one function that does it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yabby_core::{ModelRequest, OutputSchema, Tool};

use crate::{chat, lower, messages, ollama, responses};

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
    /// Ollama's own API. Only there can a prompt that is too long be made an error (`model-servers.md` §7.4).
    #[serde(rename = "ollama")]
    Ollama,
}

/// Whom the request is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
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
    /// Mark function tools `strict`: vLLM holds arguments to the schema only then (`model-servers.md` §7.1).
    pub strict_tools: bool,
    /// Never write `strict` at a tool: `compat.supportsStrictMode: false` (OpenClaw), for endpoints that refuse the
    /// field.
    pub no_strict: bool,
    /// Send no tools: `compat.supportsTools: false` (OpenClaw).
    pub no_tools: bool,
    /// Write schemas in the subset that local servers take, see [`crate::lower_parameters`].
    pub portable_schemas: bool,
    /// Keywords that are taken out of tool schemas: `compat.unsupportedToolSchemaKeywords` (OpenClaw).
    pub dropped_keywords: Vec<String>,
}

/// The name of the field that limits a Chat answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// `max_tokens`: taken by all local servers; the only one that Ollama reads (`model-servers.md` §1.4).
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

/// Puts a request into a dialect. The same request always gives the same bytes.
pub fn encode(dialect: Dialect, request: &ModelRequest, target: &Target<'_>) -> Encoded {
    match dialect {
        Dialect::Chat => chat::encode(request, target),
        Dialect::Responses => responses::encode(request, target),
        Dialect::Messages => messages::encode(request, target),
        Dialect::Ollama => ollama::encode(request, target),
    }
}

/// Finishes a body: the extra fields, then the conversation under `key` as the last field.
pub(crate) fn seal(
    mut fields: Map<String, Value>,
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
    fields.insert(key.to_owned(), Value::Array(conversation));
    Value::Object(fields).to_string().into_bytes()
}

/// The tools as the dialect writes them, each from the tool and its schema as the endpoint takes it; `None` when there
/// are none, because an empty array is refused by some.
pub(crate) fn tools(tools: &[Tool], quirks: &Quirks, write: impl Fn(&Tool, &Value) -> Value) -> Option<Value> {
    let written = || tools.iter().map(|tool| write(tool, &quirks.parameters(tool)));
    (!tools.is_empty() && !quirks.no_tools).then(|| written().collect())
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

    /// Whether its paths begin at the root of the server instead of below `/v1`.
    pub fn is_at_root(self) -> bool {
        self == Self::Ollama
    }
}
