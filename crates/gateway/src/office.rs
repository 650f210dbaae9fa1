//! What the gateway has of the assistant.

use yabby_agent::Assistant;
use yabby_store::Store;

/// The assistant, and where it keeps everything.
#[derive(Clone)]
pub struct Office {
    /// Where messages come in and what was said is kept.
    pub store: Store,
    /// Who answers. Its loop is run by whoever makes this.
    pub assistant: Assistant,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
