//! Asking a server how many tokens a request has, without an answer.
//!
//! A counter sees the bytes of the request itself, so that tools, pictures and what a template adds are in its count;
//! only the fields that say nothing of the prompt are taken out, because Anthropic and `OpenAI` refuse those (the
//! parameters of `count_tokens` and `input_tokens` in their SDKs). llama.cpp ignores them (recordings `count_chat`,
//! `count_resp`, `count_msgs`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yabby_core::ModelRequest;

use crate::{
    dialect::{Dialect, Encoded, Target, encode},
    json::count,
};

/// A server's own way of counting the tokens of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCounter {
    /// `POST …/input_tokens` beside Chat and Responses, `…/count_tokens` beside Messages (llama.cpp).
    InputTokens,
    /// `POST /v1/messages/count_tokens` (Anthropic, vLLM, LiteLLM).
    CountTokens,
    /// `POST /tokenize` with the messages of a chat, and `…/count_tokens` beside Messages (vLLM).
    Tokenize,
}

/// A question to a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRequest {
    /// What is sent.
    pub encoded: Encoded,
    /// The dialect in which the conversation is written.
    pub dialect: Dialect,
    /// Whether the path begins at the root of the server instead of below `/v1`.
    pub at_root: bool,
    /// Whether the counter sees what the request would send. A counter of another dialect gets the same conversation in
    /// another form, of which the server may make another prompt.
    pub same_prompt: bool,
}

/// What a counter answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Tokens of the prompt.
    pub tokens: u32,
    /// Whether the model's own tokenizer counted them. A proxy may count with another one.
    pub exact: bool,
}

/// The fields of an answer that are read. vLLM's has all tokens too, of which none is kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    input_tokens: Value,
    count: Value,
    /// LiteLLM says who counted: `provider`, `token_count_model` or `local_estimate` (its `types/token_count.py`).
    litellm_count_source: Value,
}

/// The fields that may change the prompt, in any dialect. `provider` is `OpenRouter`'s limit of where a prompt may go.
const OF_THE_PROMPT: [&str; 19] = [
    "model",
    "messages",
    "input",
    "instructions",
    "system",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "text",
    "output_config",
    "reasoning",
    "reasoning_effort",
    "thinking",
    "chat_template",
    "chat_template_kwargs",
    "add_generation_prompt",
    "cache_control",
    "provider",
];

/// The fields of a chat that vLLM's `/tokenize` reads (`TokenizeChatRequest`).
const OF_TOKENIZE: [&str; 7] = [
    "model",
    "messages",
    "tools",
    "chat_template",
    "chat_template_kwargs",
    "mm_processor_kwargs",
    "add_generation_prompt",
];

/// The question how many tokens `request` has when it is sent to `target` in `dialect`; `None` where this counter has no
/// form for it.
pub fn encode_count(
    counter: TokenCounter,
    dialect: Dialect,
    request: &ModelRequest,
    target: &Target<'_>,
) -> Option<CountRequest> {
    use TokenCounter::{CountTokens, InputTokens, Tokenize};
    let (written, path) = match (counter, dialect) {
        (_, Dialect::Ollama) => return None,
        (InputTokens, Dialect::Chat) => (Dialect::Chat, "/chat/completions/input_tokens"),
        (InputTokens, Dialect::Responses) => (Dialect::Responses, "/responses/input_tokens"),
        (Tokenize, Dialect::Chat | Dialect::Responses) => (Dialect::Chat, "/tokenize"),
        (_, Dialect::Messages) | (CountTokens, _) => (Dialect::Messages, "/messages/count_tokens"),
    };
    let at_root = path == "/tokenize";
    let sent = encode(written, request, target);
    let mut fields: Map<String, Value> = serde_json::from_slice(&sent.body).ok()?;
    let read: &[&str] = if at_root { &OF_TOKENIZE } else { &OF_THE_PROMPT };
    fields.retain(|name, _| read.contains(&name.as_str()));
    if at_root {
        fields
            .entry("add_generation_prompt")
            .or_insert_with(|| Value::Bool(true));
    }
    Some(CountRequest {
        encoded: Encoded {
            path,
            body: Value::Object(fields).to_string().into_bytes(),
            headers: sent.headers,
        },
        dialect: written,
        at_root,
        same_prompt: written == dialect,
    })
}

/// Reads the answer of any counter; `None` when there is no count in it.
pub fn read_count(body: &[u8]) -> Option<Count> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let tokens = count(&answer.input_tokens, "").or_else(|| count(&answer.count, ""))?;
    let source = answer.litellm_count_source.as_str().unwrap_or_default();
    (tokens > 0).then(|| Count {
        tokens,
        exact: source.is_empty() || source == "provider",
    })
}
