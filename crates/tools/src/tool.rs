//! What every tool is.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use yabby_core::{Label, SessionKey, Time};

use crate::{Effect, Manifest, Output, ToolError};

/// Something that a model can do.
pub trait Tool: Send + Sync {
    /// What is known of it. It does not change while an agent has the tool.
    fn manifest(&self) -> &Manifest;

    /// What this call would do to the world: graver or more harmless than the manifest says when it is the arguments that make
    /// it so, as with a file that tells the agent what it is. Whoever decides asks this. Quick, and without waiting.
    fn effect(&self, _arguments: &Map<String, Value>) -> Effect {
        self.manifest().effect
    }

    /// Whether the owner has allowed this very call before anybody asks, as long as nothing of others was read. Quick, and
    /// without waiting for more than the disk.
    fn is_allowed(&self, _arguments: &Map<String, Value>) -> bool {
        false
    }

    /// Names of arguments that models have learned elsewhere, each with the name in the schema. Whoever checks arguments
    /// renames them first.
    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Does it. `arguments` fit the schema of the manifest. Dropping the future ends whatever it does: programs are killed,
    /// connections closed; what was half done is undone or said.
    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>>;
}

/// On whose behalf, where and when a tool runs.
#[derive(Clone)]
pub struct At {
    /// The agent.
    pub agent: String,
    /// The conversation.
    pub conversation: SessionKey,
    /// The session, which a conversation has one after the other.
    pub session: String,
    /// The turn.
    pub turn: String,
    /// The call, unique in the turn; with the turn, it stands for this one effect however often it is tried.
    pub call: String,
    /// When the call began.
    pub now: Time,
    /// What the arguments were made from.
    pub label: Label,
    /// So many characters of a result the model will be shown. A tool that can answer shorter by itself (fewer results,
    /// fewer lines) does.
    pub room: usize,
    /// Who watches.
    pub watcher: Watcher,
}

/// Told how a tool gets on, piece by piece: output of a program, steps of a download. For people only, never for the model.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(&str) + Send + Sync>);

impl Watcher {
    /// One that hands pieces on. It must not block.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// One that nobody listens to.
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    /// Tells a piece.
    pub fn tell(&self, piece: &str) {
        (self.0)(piece);
    }
}
