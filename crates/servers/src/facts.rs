//! What is known about a server, and how it is known. What nobody has said is `None`, never a guess.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use yabby_config::{Cost, Modality};
use yabby_core::{ErrorKind, Fact, ModelError};
pub use yabby_wire::TokenCounter;

/// A kind of model server, told by its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// OpenRouter.
    OpenRouter,
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
            Self::OpenRouter => "OpenRouter",
        }
    }
}

/// What one probe found out about a server.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// What the server is; unknown servers stay unknown.
    pub kind: Option<ServerKind>,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// Whether one process serves many models and loads them on demand (llama.cpp's router mode).
    pub router: bool,
    /// Which way of counting the tokens of a request it has.
    pub counter: Option<Fact<TokenCounter>>,
    /// Whether its usage says how much of a prompt came from its prefix cache.
    pub reports_cached: Option<Fact<bool>>,
    /// Whether it reports usage at the end of a stream.
    pub stream_usage: Option<Fact<bool>>,
    /// The models that it offers.
    pub models: Vec<ModelFacts>,
    /// Why it gave no list of models, if so.
    pub error: Option<Arc<ModelError>>,
    /// How long the probe took.
    pub took: Duration,
    /// When it was made, in seconds since 1970.
    pub at: u64,
}

impl ServerFacts {
    /// What is known about one model.
    pub fn model(&self, id: &str) -> Option<&ModelFacts> {
        // Ollama reads a name without a tag as `:latest`.
        let latest = (self.kind == Some(ServerKind::Ollama)).then(|| format!("{id}:latest"));
        let found = |wanted: &str| {
            let named = |model: &&ModelFacts| model.id == wanted;
            let instance = |model: &&ModelFacts| model.instances.iter().any(|instance| instance.id == wanted);
            let models = &self.models;
            models.iter().find(named).or_else(|| models.iter().find(instance))
        };
        found(id).or_else(|| found(&latest?))
    }

    /// The model of a server that has one and answers with it whatever is asked for (llama.cpp without a router).
    pub fn only_model(&self) -> Option<&ModelFacts> {
        match self.models.as_slice() {
            [only] if self.kind == Some(ServerKind::LlamaCpp) && !self.router => Some(only),
            _ => None,
        }
    }

    /// Whether it gave an answer, be it a refusal: a server that loads its model or wants a key is there.
    pub fn is_reachable(&self) -> bool {
        self.error.as_ref().is_none_or(|error| {
            !matches!(
                error.kind,
                ErrorKind::Refused
                    | ErrorKind::Dns
                    | ErrorKind::Tls
                    | ErrorKind::Unreachable
                    | ErrorKind::Hung
                    | ErrorKind::Timeout
                    | ErrorKind::Interrupted
                    | ErrorKind::OutOfZone
            )
        })
    }

    /// The state of a model, whether it is in the list or not. While a server loads, it answers nothing but that, so
    /// that each of its models is being loaded.
    pub fn state_of(&self, id: &str) -> ModelState {
        match (self.model(id), &self.error) {
            (Some(model), _) => model.state,
            (None, None) => ModelState::Absent,
            (None, Some(error)) => match error.kind {
                ErrorKind::Auth => ModelState::Locked,
                ErrorKind::Loading => ModelState::Loading,
                _ => ModelState::Unreachable,
            },
        }
    }
}

/// What is known about one model on one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelFacts {
    /// The id that requests name.
    pub id: String,
    /// Whether it is a chat model; embedding models are not.
    pub chat: bool,
    /// Whether it can answer now.
    pub state: ModelState,
    /// The window that one request may fill, in tokens, as served now: of one slot, where there are several.
    pub window: Option<Fact<u32>>,
    /// The largest window that the model can be loaded with, in tokens.
    pub max_window: Option<Fact<u32>>,
    /// Requests that are answered at the same time.
    pub slots: Option<Fact<u32>>,
    /// How many of the slots answer now.
    pub busy: Option<Fact<u32>>,
    /// What it can read.
    pub input: Option<Fact<Vec<Modality>>>,
    /// Whether tools can be offered to it with the server's own fields.
    pub tools: Option<Fact<bool>>,
    /// Whether it reasons, and whether that can be switched.
    pub reasoning: Option<Fact<Reasoning>>,
    /// The bytes of its weights, on disk or as loaded.
    pub size: Option<Fact<u64>>,
    /// What it costs, where the server says so.
    pub price: Option<Fact<Cost>>,
    /// Whether the server sends its prompts on to another machine (Ollama's cloud models).
    pub remote: bool,
    /// Loaded instances, where the server names them; each serves a window of its own.
    pub instances: Vec<Instance>,
}

impl ModelFacts {
    /// A model of which nothing is known but its name.
    pub fn new(id: impl Into<String>, state: ModelState) -> Self {
        Self {
            id: id.into(),
            chat: true,
            state,
            window: None,
            max_window: None,
            slots: None,
            busy: None,
            input: None,
            tools: None,
            reasoning: None,
            size: None,
            price: None,
            remote: false,
            instances: Vec::new(),
        }
    }

    /// The window of the instance that answers a request for `id`: that instance's own where one has this id, else the
    /// one of the model, which is the smallest of its instances.
    pub fn window_for(&self, id: &str) -> Option<&Fact<u32>> {
        let mut instances = self.instances.iter();
        let own = instances.find(|instance| instance.id == id);
        own.and_then(|instance| instance.window.as_ref())
            .or(self.window.as_ref())
    }
}

/// A model that is loaded under a name of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instance {
    /// The name, which requests may use.
    pub id: String,
    /// The window that it was loaded with.
    pub window: Option<Fact<u32>>,
    /// Requests that it answers at the same time.
    pub slots: Option<Fact<u32>>,
}

/// Whether a model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    /// It does not.
    Never,
    /// It does, and it cannot be told not to.
    Always,
    /// It can be switched on and off.
    Switchable,
}

/// Whether a model can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelState {
    /// Loaded, or the server does not distinguish.
    Ready,
    /// Being loaded.
    Loading,
    /// Known to the server and loaded on demand.
    Unloaded,
    /// Loaded, and leaving memory: its time is over, or another one needs the room.
    Evicting,
    /// The server has it and cannot load or run it.
    Failing,
    /// The config names it and the server does not have it.
    Absent,
    /// The server wants a key, or another one.
    Locked,
    /// The server cannot be asked.
    Unreachable,
    /// The server was not asked (hosted, or without a key), or did not say it in time.
    Unknown,
}

impl ModelState {
    /// A word for tables; the names of the states are the same in every language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Loading => "loading",
            Self::Unloaded => "unloaded",
            Self::Evicting => "evicting",
            Self::Failing => "failing",
            Self::Absent => "absent",
            Self::Locked => "locked",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}
