//! The servers and their models, as far as they are known now. Nobody is asked for it: whoever looks after the servers does
//! that.

mod history;
mod now;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use history::History;

use super::Desk;
use crate::feed::Words;

/// A server.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Server {
    /// The provider of the config; with a number behind it for its further addresses.
    pub(super) id: String,
    pub(super) base_url: String,
    /// What it is, where it says so: `llama.cpp`, `vLLM`, `LM Studio`, `Ollama`, `SGLang`, `LiteLLM`, `OpenRouter`.
    pub(super) kind: Option<&'static str>,
    pub(super) zone: String,
    pub(super) state: Standing,
    /// What is wrong with it, or what it does.
    pub(super) words: Option<Words>,
    /// Those that the config lists, then the others that it has; of a hosted one only the first.
    pub(super) models: Vec<ServedModel>,
    /// How many requests it answers at the same time, where it says so.
    pub(super) slots: Option<usize>,
    /// How many it answers now.
    pub(super) busy: Option<usize>,
    /// How many of this gateway wait for a slot.
    pub(super) waiting: usize,
    pub(super) breaker: Passage,
    /// When it is asked again, in milliseconds since 1970.
    pub(super) retry_at: Option<i64>,
    /// Tokens of a prompt a second.
    pub(super) prefill_tps: Option<f64>,
    /// Tokens of an answer a second.
    pub(super) decode_tps: Option<f64>,
    /// One point a minute, the oldest first; at most 120.
    pub(super) history: Vec<Point>,
}

/// How a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Unknown,
    Ready,
    Loading,
    Busy,
    Unreachable,
    Failing,
}

/// Whether requests pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Passage {
    Closed,
    Open,
    HalfOpen,
}

/// A model of a server.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct ServedModel {
    pub(super) id: String,
    /// In tokens.
    pub(super) window: Option<u32>,
    pub(super) state: &'static str,
}

/// A server at some moment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Point {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) up: bool,
    pub(super) decode_tps: Option<f64>,
    /// How long it took to say what it is.
    pub(super) latency_ms: Option<u64>,
}

/// A model that can be asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Model {
    /// `provider/model`.
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    pub(super) provider: String,
    pub(super) zone: String,
    /// In tokens.
    pub(super) window: Option<u32>,
    pub(super) state: &'static str,
}

pub(super) async fn list(State(desk): State<Desk>) -> Json<Vec<Server>> {
    Json(desk.0.history.servers(&desk.relay().routes))
}

pub(super) async fn models(State(desk): State<Desk>) -> Json<Vec<Model>> {
    Json(now::models(&desk.relay().routes))
}
