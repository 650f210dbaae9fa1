//! What a model is asked: one request type for every dialect.

use serde::{Deserialize, Serialize};

use crate::{Message, Thinking};

/// A request to a model, before it is put into a dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelRequest {
    /// Instructions that come before the conversation.
    pub system: Option<String>,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// Function tools that the model may call, in a stable order.
    pub tools: Vec<Tool>,
    /// Whether the model may, must or must not call a tool.
    pub tool_choice: ToolChoice,
    /// What the answer must look like; unset leaves it free. Where there are tools too, llama.cpp answers by the schema
    /// and calls none (`wire-facts.md` §6.2).
    pub output_schema: Option<OutputSchema>,
    /// The most tokens that the answer may have, reasoning included.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature; unset leaves the server's default.
    pub temperature: Option<f64>,
    /// How hard the model shall think; unset says nothing of it. It is sent to whoever is asked, because only who wants it
    /// sets it.
    pub thinking: Option<Thinking>,
    /// How the tools are offered; unset leaves it to what is known of the model and its server.
    pub tool_mode: Option<ToolMode>,
    /// Whether the provider keeps the prompt; unset leaves it to what is known of the endpoint.
    pub prompt_cache: Option<PromptCache>,
    /// Fields that are put into the body as they are, from the config; null takes a field out.
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// Whether the answer comes in pieces.
    pub delivery: Delivery,
    /// Whether a text that is nothing but a call is one, whatever tool it names and however its arguments look: an assistant
    /// tells its model what is wrong with it. A program that knows its own tools gets the text.
    pub any_call: bool,
    /// Whether an answer of which nobody says how long it may be gets a limit made of the window, where the server is near:
    /// there a model that rambles goes on until its window is full.
    pub bounded: bool,
}

/// A JSON answer that the server holds to a schema.
///
/// OpenAI takes it as strict: an object at the root, every property required, `additionalProperties: false` on every
/// object. Anthropic wants the last too, and no limits of numbers or lengths. LM Studio and llama.cpp obey it only in Chat, so that
/// the answer is to be checked whoever gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// The name, `[A-Za-z0-9_-]{1,64}`. Anthropic has no place for it.
    pub name: String,
    /// JSON Schema of the answer.
    pub schema: serde_json::Value,
}

/// How the answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As it is generated. The default: llama.cpp goes on generating after a client has left a whole
    /// request, and stops within a quarter of a second on a stream (measured, build 11669).
    #[default]
    Stream,
    /// In one piece at the end.
    Whole,
}

/// A function tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The name, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What the tool does, for the model.
    pub description: String,
    /// JSON Schema of the arguments; its type is `object`.
    pub parameters: serde_json::Value,
}

/// Whether the model may call a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// The model must not call one.
    None,
    /// The model must call one.
    Required,
    /// The model must call this one.
    Named(String),
}

/// How tools are offered to a model, and how its calls are told from its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolMode {
    /// With the server's own fields for tools.
    #[default]
    Native,
    /// Described in the system prompt; the model writes its calls as text.
    Text,
    /// Described in the system prompt; the server holds the whole answer to one JSON Schema, a union of an answer and
    /// a call of each tool.
    Constrained,
    /// Not at all.
    None,
}

/// Whether a provider that sells prompt caching is asked for it, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptCache {
    /// It is not asked for.
    #[default]
    None,
    /// Five minutes, renewed by each use.
    Short,
    /// An hour; writing costs more.
    Long,
}
