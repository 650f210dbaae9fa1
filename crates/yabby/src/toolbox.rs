//! Which tools there are in this run.

use std::sync::Arc;

use yabby_agent::Spawn;
use yabby_tools::{Registry, Tool};

/// All tools of this run. What they share (programs in the background, indexes, connections) lives as long as this.
pub(crate) struct Toolbox;

impl Toolbox {
    /// All tools that an agent may have; the config chooses among them.
    pub(crate) async fn tools(&self, _agent: &str) -> Registry {
        let tools: Vec<Arc<dyn Tool>> = Vec::new();
        if tools.is_empty() {
            return Registry::default();
        }
        let spawn: Arc<dyn Tool> = Arc::new(Spawn::default());
        // Their names differ, which a test checks.
        Registry::new(tools.into_iter().chain([spawn])).unwrap_or_default()
    }
}
