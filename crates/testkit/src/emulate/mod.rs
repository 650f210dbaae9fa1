//! What servers say about themselves, and how those that load models by themselves take a call.
//!
//! Sources: llama.cpp, as one model and as a router, vLLM and LiteLLM as recorded in November 2026; LM Studio, Ollama,
//! SGLang, `OpenRouter` and Anthropic from documentation, source and issues, cited in each file, and not proved against
//! the real servers.

mod gateways;
mod llama_cpp;
mod lm_studio;
mod ollama;
mod vllm;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    http::{Answer, Request},
    kinds::ServerKind,
    state::State,
};

/// How a model call goes on.
pub(crate) enum Gate {
    /// It is answered after this silence, by a model that has this window where it is known.
    Open {
        wait: Duration,
        /// The window to which a longer prompt is cut without a word.
        cut: Option<u64>,
    },
    Refused(Answer),
}

impl Gate {
    const OPEN: Self = Self::Open {
        wait: Duration::ZERO,
        cut: None,
    };

    fn after(wait: Duration) -> Self {
        Self::Open { wait, cut: None }
    }
}

/// What comes before the answer to a model call for `asked`. `prompt` is its length in tokens.
pub(crate) fn gate(state: &mut State, request: &Request, asked: &str, prompt: u64) -> Gate {
    let now = Instant::now();
    state.memory.expire(now);
    match state.kind.clone() {
        ServerKind::LlamaCpp { .. } => Gate::after(llama_cpp::wake(state)),
        ServerKind::LlamaCppRouter { .. } => llama_cpp::route(state, request, asked, now),
        ServerKind::LmStudio { max, loaded } => lm_studio::call(state, request, asked, loaded.unwrap_or(max), now),
        ServerKind::Ollama { trained, .. } => ollama::call(state, request, asked, trained, prompt, now),
        _ => Gate::OPEN,
    }
}

/// The answer to anything that is not a model call, after a silence.
pub(crate) fn answer(state: &mut State, request: &Request) -> (Duration, Answer) {
    let now = Instant::now();
    state.memory.expire(now);
    let method = request.method.as_str();
    if method == "POST"
        && request.path.ends_with("/embeddings")
        && let Some(embedding) = &state.embedding
    {
        return refused(embedding.answer(&state.kind, request));
    }
    let found = match state.kind.clone() {
        ServerKind::LlamaCpp { window, slots } => llama_cpp::single(state, window, slots, request),
        ServerKind::LlamaCppRouter { slots, .. } => llama_cpp::router(state, slots, request, now),
        ServerKind::Vllm { max_model_len } => vllm::vllm(state, max_model_len, request),
        ServerKind::SgLang { window, slots } => vllm::sglang(state, window, slots, request),
        ServerKind::LmStudio { max, .. } => lm_studio::answer(state, max, request, now),
        ServerKind::Ollama { trained, .. } => ollama::answer(state, trained, request, now),
        ServerKind::OpenRouter { context_length } => gateways::openrouter(state, context_length, request),
        ServerKind::LiteLlm { window } => gateways::litellm(state, window, request),
        ServerKind::Anthropic => gateways::anthropic(state, request),
        ServerKind::OpenAi => gateways::openai(state, request),
        ServerKind::Plain => (method == "GET" && request.path.ends_with("/models"))
            .then(|| now_json(&json!({"object": "list", "data": list(state, "system", &json!({}))}))),
    };
    found.unwrap_or_else(|| (Duration::ZERO, state.kind.unknown_path(request)))
}

/// An answer at once.
fn now_json(body: &Value) -> (Duration, Answer) {
    (Duration::ZERO, Answer::json(200, body))
}

/// This at once.
fn refused(answer: Answer) -> (Duration, Answer) {
    (Duration::ZERO, answer)
}

/// The model list of `/v1/models`, each entry with the extra fields.
fn list(state: &State, owner: &str, extra: &Value) -> Vec<Value> {
    state.models.iter().map(|id| entry(id, owner, extra)).collect()
}

fn entry(id: &str, owner: &str, extra: &Value) -> Value {
    let mut entry = json!({"id": id, "object": "model", "created": crate::shape::CREATED, "owned_by": owner});
    if let (Value::Object(entry), Value::Object(extra)) = (&mut entry, extra) {
        entry.extend(extra.clone());
    }
    entry
}

/// The bytes of a model, as of the one that was recorded.
const SIZE: u64 = 96_576_768;
