//! The two tools by which a model comes to the others.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use serde_json::{Map, Value, json};
use yabby_core::Tool as Told;
use yabby_tools::{At, Effect, Group, Manifest, Output, Registry, Returns, Tool, ToolError};

use super::search::Index;

/// Their names.
pub(super) const SEARCH: &str = "tool_search";
pub(crate) const CALL: &str = "tool_call";

/// The most tools of an answer.
const MOST: usize = 5;

/// Names that are listed when nothing fits, in characters.
const NAMES_CHARS: usize = 1_000;

/// What is known of `tool_search`.
pub(crate) fn search_manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: SEARCH.to_owned(),
            description: "Find more tools by a few English words. Then use tool_call.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            }),
        },
        effect: Effect::Read,
        sinks: Vec::new(),
        returns: Returns::Own,
        repeatable: true,
        group: Group::Agent,
        core: true,
    }
}

/// What is known of `tool_call` as such: should anybody run it without asking which tool it means, it is as grave as can be.
pub(crate) fn call_manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: CALL.to_owned(),
            description: "Call a tool that tool_search found.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["name", "arguments"],
            }),
        },
        effect: Effect::Control,
        sinks: vec!["*".to_owned()],
        returns: Returns::Foreign,
        repeatable: false,
        group: Group::Agent,
        core: true,
    }
}

/// `tool_search`.
pub(super) struct Search {
    manifest: Manifest,
    index: Index,
    shown: BTreeSet<String>,
}

impl Search {
    pub(super) fn new(all: &Registry, shown: &BTreeSet<String>) -> Self {
        Self {
            manifest: search_manifest(),
            index: Index::new(all),
            shown: shown.clone(),
        }
    }

    /// The answer, within so many characters but for the first tool.
    pub(super) fn answer(&self, query: &str, room: usize) -> String {
        let found = self.index.find(query);
        if found.is_empty() {
            return self.nothing();
        }
        let mut answer = String::new();
        for tool in found.into_iter().take(MOST) {
            let piece = self.told(tool);
            if !answer.is_empty() && answer.len() + piece.len() > room {
                break;
            }
            answer.push_str(&piece);
        }
        answer.push_str("Call one with tool_call {\"name\": ..., \"arguments\": {...}}.");
        answer
    }

    fn told(&self, tool: &Arc<dyn Tool>) -> String {
        let told = &tool.manifest().tool;
        let mut piece = format!("{}: {}\n", told.name, told.description);
        if self.shown.contains(&told.name) {
            piece.push_str("(you see this tool already: call it directly)\n\n");
        } else {
            let _ = write!(piece, "arguments: {}\n\n", told.parameters);
        }
        piece
    }

    fn nothing(&self) -> String {
        let mut names = String::new();
        for name in self.index.names().filter(|name| !self.shown.contains(*name)) {
            if names.len() + name.len() > NAMES_CHARS {
                names.push_str(", …");
                break;
            }
            if !names.is_empty() {
                names.push_str(", ");
            }
            names.push_str(name);
        }
        if names.is_empty() {
            "There are no more tools than those that you see.".to_owned()
        } else {
            format!("Nothing fits. Search again with one of these names, or other English words: {names}")
        }
    }
}

impl Tool for Search {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
        let answer = self.answer(query, at.room);
        async move { Ok(Output::text(answer)) }.boxed()
    }
}
