//! What is known about a server, and how it is known.

use std::time::Duration;

use serde::Serialize;
use yabby_core::{Fact, ModelError};

/// A kind of model server, told by its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// LM Studio.
    LmStudio,
    /// Ollama.
    Ollama,
    /// SGLang.
    SgLang,
    /// The LiteLLM proxy.
    LiteLlm,
}

impl ServerKind {
    /// The name that people know.
    pub fn name(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama.cpp",
            Self::Vllm => "vLLM",
            Self::LmStudio => "LM Studio",
            Self::Ollama => "Ollama",
            Self::SgLang => "SGLang",
            Self::LiteLlm => "LiteLLM",
        }
    }
}

/// What one probe found out.
#[derive(Debug)]
pub struct ServerFacts {
    /// What the server is; unknown servers stay unknown.
    pub kind: Option<ServerKind>,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// The models that it offers.
    pub models: Vec<ModelFacts>,
    /// Why it gave no list of models, if so.
    pub error: Option<ModelError>,
    /// How long the probe took.
    pub took: Duration,
}

impl ServerFacts {
    /// What is known about one model.
    pub fn model(&self, id: &str) -> Option<&ModelFacts> {
        // Ollama reads a name without a tag as `:latest`.
        let latest = (self.kind == Some(ServerKind::Ollama)).then(|| format!("{id}:latest"));
        let found = |wanted: &str| self.models.iter().find(|model| model.id == wanted);
        found(id).or_else(|| found(&latest?))
    }
}

/// What is known about one model on one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelFacts {
    /// The id that requests name.
    pub id: String,
    /// Whether it can answer now.
    pub state: ModelState,
    /// The window that one request may fill, in tokens, as served now.
    pub window: Option<Fact<u32>>,
    /// Whether it is a chat model; embedding models are not.
    pub chat: bool,
}

/// Whether a model can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelState {
    /// Loaded, or the server does not distinguish.
    Ready,
    /// Being loaded.
    Loading,
    /// Known to the server and loaded on demand.
    Unloaded,
    /// The config names it and the server does not have it.
    Absent,
    /// The server wants a key, or another one.
    Locked,
    /// The server cannot be asked.
    Unreachable,
    /// The server was not asked (hosted, or without a key).
    Unknown,
}

impl ModelState {
    /// A word for tables; the names of the states are the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Loading => "loading",
            Self::Unloaded => "unloaded",
            Self::Absent => "absent",
            Self::Locked => "locked",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}
