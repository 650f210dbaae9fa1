//! The tools of an agent.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Choice, Tool};

/// Tools by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    tools: Arc<BTreeMap<String, Arc<dyn Tool>>>,
}

/// Two tools have one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two tools have the name {0}")]
pub struct Taken(pub String);

impl Registry {
    /// A registry of `tools`.
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Result<Self, Taken> {
        let mut named = BTreeMap::new();
        for tool in tools {
            let name = tool.manifest().tool.name.clone();
            if named.insert(name.clone(), tool).is_some() {
                return Err(Taken(name));
            }
        }
        Ok(Self { tools: Arc::new(named) })
    }

    /// Those that `choice` leaves.
    #[must_use]
    pub fn chosen(&self, choice: &Choice) -> Self {
        let tools = self.tools.iter().filter(|(_, tool)| choice.has(tool.manifest()));
        Self {
            tools: Arc::new(tools.map(|(name, tool)| (name.clone(), Arc::clone(tool))).collect()),
        }
    }

    /// The tool of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    /// All, in the order of their names, which is always the same.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }
}
