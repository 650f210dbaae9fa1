//! Steps put into the words of an API, as the server kind at hand says them.

mod chat;
mod messages;
mod ollama;
mod responses;

use serde_json::Value;

pub(crate) use ollama::flat;

use crate::{
    kinds::ServerKind,
    reply::{Step, ToolCall, Usage},
};

/// The ways to call a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Chat,
    Responses,
    Messages,
    /// Ollama's own.
    Ollama,
}

impl Api {
    /// The API behind a path of this kind of server.
    pub(crate) fn of(kind: &ServerKind, path: &str) -> Option<Self> {
        if let (ServerKind::Ollama { .. }, "/api/chat") = (kind, path) {
            return Some(Self::Ollama);
        }
        let (prefix, api) = [
            ("/chat/completions", Self::Chat),
            ("/responses", Self::Responses),
            ("/messages", Self::Messages),
        ]
        .into_iter()
        .find_map(|(suffix, api)| path.strip_suffix(suffix).map(|prefix| (prefix, api)))?;
        let served = match kind {
            ServerKind::Plain => true,
            ServerKind::LlamaCpp { .. } | ServerKind::LlamaCppRouter { .. } | ServerKind::LiteLlm { .. } => {
                prefix == "/v1" || prefix.is_empty()
            }
            ServerKind::Anthropic => prefix == "/v1" && api == Self::Messages,
            ServerKind::OpenRouter { .. } => prefix == "/api/v1",
            ServerKind::OpenAi => prefix == "/v1" && api != Self::Messages,
            ServerKind::Vllm { .. }
            | ServerKind::SgLang { .. }
            | ServerKind::LmStudio { .. }
            | ServerKind::Ollama { .. } => prefix == "/v1",
        };
        served.then_some(api)
    }
}

/// What a shape must know beside the steps.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) kind: ServerKind,
    /// The model that the answer names.
    pub(crate) model: String,
    /// Makes ids differ between answers, and be the same in every run.
    pub(crate) serial: u64,
    pub(crate) usage: Option<Usage>,
    /// `stream_options.include_usage` was asked.
    pub(crate) include_usage: bool,
    /// `return_progress` was asked.
    pub(crate) progress: bool,
    /// Reasoning is to be given encrypted (`OpenAI`).
    pub(crate) sealed: bool,
}

impl Context {
    pub(crate) fn is_llama_cpp(&self) -> bool {
        matches!(
            self.kind,
            ServerKind::LlamaCpp { .. } | ServerKind::LlamaCppRouter { .. }
        )
    }

    pub(crate) fn is_openrouter(&self) -> bool {
        matches!(self.kind, ServerKind::OpenRouter { .. })
    }

    pub(crate) fn is_openai(&self) -> bool {
        matches!(self.kind, ServerKind::OpenAi)
    }

    /// The field of Chat Completions that carries reasoning.
    fn reasoning_field(&self) -> &'static str {
        match self.kind {
            ServerKind::Vllm { .. } | ServerKind::Ollama { .. } | ServerKind::OpenRouter { .. } => "reasoning",
            _ => "reasoning_content",
        }
    }
}

/// The moment at which all answers are made: the recordings' month, and always the same.
pub(crate) const CREATED: u64 = 1_795_348_100;

/// A stream in the words of one API. Every method gives the bytes to send.
pub(crate) trait Shape: Send {
    fn text(&mut self, piece: &str) -> String;
    fn reasoning(&mut self, piece: &str) -> String;
    fn tool_call(&mut self, call: &ToolCall) -> String;
    fn prefill(&mut self, done: u64, total: u64) -> String;
    fn finish(&mut self, reason: &str) -> String;
    fn done(&mut self) -> String;
    fn error(&mut self, error: &Value) -> String;
}

pub(crate) fn stream(api: Api, context: Context) -> Box<dyn Shape> {
    match api {
        Api::Chat => Box::new(chat::Chat::new(context)),
        Api::Responses => Box::new(responses::Responses::new(context)),
        Api::Messages => Box::new(messages::Messages::new(context)),
        Api::Ollama => Box::new(ollama::Ollama::new(context)),
    }
}

/// What an answer holds, pieces joined.
#[derive(Clone, Debug)]
pub(crate) enum Block<'a> {
    Text(String),
    Reasoning(String),
    ToolCall(&'a ToolCall),
}

pub(crate) fn blocks(steps: &[Step]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for step in steps {
        match (step, blocks.last_mut()) {
            (Step::Text(piece), Some(Block::Text(text))) | (Step::Reasoning(piece), Some(Block::Reasoning(text))) => {
                text.push_str(piece);
            }
            (Step::Text(piece), _) => blocks.push(Block::Text(piece.clone())),
            (Step::Reasoning(piece), _) => blocks.push(Block::Reasoning(piece.clone())),
            (Step::ToolCall(call), _) => blocks.push(Block::ToolCall(call)),
            _ => {}
        }
    }
    blocks
}

/// The finish reason of a script that may not name one.
pub(crate) fn finish_reason(steps: &[Step]) -> String {
    let called = steps.iter().any(|step| matches!(step, Step::ToolCall(_)));
    steps
        .iter()
        .find_map(|step| match step {
            Step::Finish(reason) => Some(reason.clone()),
            _ => None,
        })
        .unwrap_or_else(|| if called { "tool_calls" } else { "stop" }.to_owned())
}

/// The whole answer as JSON.
pub(crate) fn whole(api: Api, context: &Context, steps: &[Step]) -> Value {
    let (blocks, reason) = (blocks(steps), finish_reason(steps));
    match api {
        Api::Chat => chat::whole(context, &blocks, &reason),
        Api::Responses => responses::whole(context, &blocks, &reason),
        Api::Messages => messages::whole(context, &blocks, &reason),
        Api::Ollama => ollama::whole(context, &blocks, &reason),
    }
}

fn named_event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}
