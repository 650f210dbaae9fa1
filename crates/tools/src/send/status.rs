//! The tool `session_status`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use yabby_core::Tool as Told;

use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError};

/// Says how a conversation is: its model, how full its window is, the time, what it has cost. The agent implements it.
pub trait Status: Send + Sync {
    /// A few lines of `name: value`, in English, for the model.
    fn status<'a>(&'a self, at: &'a At) -> BoxFuture<'a, Result<String, ToolError>>;
}

/// The tool `session_status`.
pub struct SessionStatus {
    manifest: Manifest,
    status: Arc<dyn Status>,
}

impl SessionStatus {
    /// The tool over what knows it.
    pub fn new(status: Arc<dyn Status>) -> Self {
        Self {
            manifest: manifest(),
            status,
        }
    }
}

impl Tool for SessionStatus {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, _: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move { self.status.status(at).await.map(Output::text) })
    }
}

fn manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: "session_status".to_owned(),
            description: "This conversation: model, how full its window is, local time, usage.".to_owned(),
            parameters: json!({"type": "object", "properties": {}}),
        },
        effect: Effect::Read,
        sinks: Vec::new(),
        returns: Returns::Own,
        repeatable: true,
        group: Group::Sessions,
        core: false,
    }
}
