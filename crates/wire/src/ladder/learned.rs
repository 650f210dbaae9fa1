//! What an endpoint has taught about a model.

use serde::{Deserialize, Serialize};
use yabby_core::Tool;

use super::Step;
use crate::dialect::Quirks;

/// The steps that are taken from now on, in the order in which they were learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Learned {
    steps: Vec<Step>,
}

impl Learned {
    /// Adds a step; one that is known stays where it is.
    pub fn add(&mut self, step: Step) {
        if !self.has(&step) {
            self.steps.push(step);
        }
    }

    /// Takes a step back.
    pub fn remove(&mut self, step: &Step) {
        self.steps.retain(|known| known != step);
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the step is taken already.
    pub fn has(&self, step: &Step) -> bool {
        self.steps.contains(step)
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Changes the quirks of a request. It goes after everything that the config and the caller say, because what the
    /// server refuses cannot be asked for.
    pub fn apply(&self, quirks: &mut Quirks) {
        for step in &self.steps {
            step.apply(quirks);
        }
    }
}

impl Quirks {
    /// Whether this tool, as it is, is not to be offered.
    pub fn has_quarantined(&self, tool: &Tool) -> bool {
        self.quarantined
            .iter()
            .any(|(name, schema)| *name == tool.name && *schema == tool.parameters)
    }
}
