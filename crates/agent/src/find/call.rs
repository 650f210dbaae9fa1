//! Which tool a call means.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};
use yabby_core::{MalformedCall, Tool as Told, ToolCall};
use yabby_tools::{Registry, Tool, ToolError, ToolErrorKind};
use yabby_wire::fit_arguments;

use super::tools::{CALL, SEARCH, Search};

/// The tools of an agent in one epoch. Cheap to clone.
#[derive(Clone)]
pub struct Toolset {
    all: Registry,
    shown: Arc<BTreeSet<String>>,
    search: Arc<Search>,
}

/// The tool that a call means, and the call as that tool gets it. Approvals, labels and the journal are about these.
#[derive(Clone)]
pub struct Meant {
    /// The tool, whose manifest counts.
    pub tool: Arc<dyn Tool>,
    /// The call, with the id that the result must have.
    pub call: ToolCall,
}

impl Toolset {
    /// The tools `all`, of which the model sees `shown`: those of [`crate::Frozen`], also in a later process.
    pub fn new(all: Registry, shown: &[Told]) -> Self {
        let shown: BTreeSet<String> = shown.iter().map(|tool| tool.name.clone()).collect();
        Self {
            search: Arc::new(Search::new(&all, &shown)),
            shown: Arc::new(shown),
            all,
        }
    }

    /// Which tool a call means. The error is for the model.
    pub fn meant(&self, call: &ToolCall) -> Result<Meant, ToolError> {
        if call.name != CALL {
            let tool = self.tool(&call.name)?;
            return Ok(Meant {
                tool,
                call: call.clone(),
            });
        }
        let name = call.arguments.get("name").and_then(Value::as_str).unwrap_or_default();
        let name = name.trim();
        if name == CALL || name.is_empty() {
            return Err(ToolError::new(
                ToolErrorKind::Invalid,
                "name must be the name of a tool that tool_search has found",
            ));
        }
        let tool = self.tool(name)?;
        let arguments = inner(&call.arguments).ok_or_else(|| {
            ToolError::new(
                ToolErrorKind::Invalid,
                format!("arguments must be an object with the arguments of {name}"),
            )
        })?;
        // Checked as an answer's own calls are.
        let told = &tool.manifest().tool;
        let arguments = fit_arguments(told, arguments).map_err(|problem| {
            ToolError::new(
                ToolErrorKind::Invalid,
                format!("{problem}. The arguments are: {}", told.parameters),
            )
        })?;
        Ok(Meant {
            call: ToolCall {
                id: call.id.clone(),
                name: told.name.clone(),
                arguments,
            },
            tool,
        })
    }

    /// What a call means that was refused because the model does not see its tool (weak models call by its own name what
    /// they were only told to find), or because it names arguments as they are named elsewhere. `None` where it means nothing
    /// that can be run.
    pub fn meant_unseen(&self, call: &MalformedCall) -> Option<Meant> {
        let name = call.name.trim();
        let tool = Arc::clone(self.all.get(name)?);
        if self.shown.contains(name) && tool.aliases().is_empty() {
            return None;
        }
        let mut arguments: Map<String, Value> = serde_json::from_str(&call.arguments).ok()?;
        for (known, meant) in tool.aliases() {
            if !arguments.contains_key(*meant)
                && let Some(value) = arguments.remove(*known)
            {
                arguments.insert((*meant).to_owned(), value);
            }
        }
        let arguments = fit_arguments(&tool.manifest().tool, arguments).ok()?;
        Some(Meant {
            tool,
            call: ToolCall {
                id: call.id.clone(),
                name: name.to_owned(),
                arguments,
            },
        })
    }

    fn tool(&self, name: &str) -> Result<Arc<dyn Tool>, ToolError> {
        if let Some(tool) = self.all.get(name) {
            return Ok(Arc::clone(tool));
        }
        if name == SEARCH && self.shown.contains(SEARCH) {
            return Ok(Arc::clone(&self.search) as Arc<dyn Tool>);
        }
        Err(ToolError::new(
            ToolErrorKind::NotFound,
            if self.shown.contains(SEARCH) {
                format!("there is no tool {name}; find the right one with tool_search")
            } else {
                format!("there is no tool {name}")
            },
        ))
    }
}

/// The arguments of the inner call. Some models write them as a text, and some beside the name.
fn inner(outer: &Map<String, Value>) -> Option<Map<String, Value>> {
    match outer.get("arguments") {
        Some(Value::Object(arguments)) if arguments.is_empty() => Some(beside(outer)),
        Some(Value::Object(arguments)) => Some(arguments.clone()),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(Value::Null) | None => Some(beside(outer)),
        Some(_) => None,
    }
}

fn beside(outer: &Map<String, Value>) -> Map<String, Value> {
    let others = outer
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "name" | "arguments"));
    others.map(|(key, value)| (key.clone(), value.clone())).collect()
}
