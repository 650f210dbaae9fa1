//! Which tools a model sees.

use std::fmt::Write as _;

use yabby_core::Tool as Told;
use yabby_tools::{Choice, Manifest, Registry};

use super::{Tokens, words};
use crate::{
    find::{call_manifest, search_manifest},
    results::TOOL,
};

/// What is needed most comes first, where not everything fits. Others follow by group and name.
const FIRST: [&str; 17] = [
    TOOL,
    "read",
    "write",
    "edit",
    "exec",
    "web_search",
    "memory_search",
    "remind",
    "web_fetch",
    "memory_write",
    "send_message",
    "search",
    "list",
    "apply_patch",
    "memory_get",
    "recall",
    "spawn",
];

/// Names of tools that are not shown may take so many characters.
const NAMES_CHARS: usize = 240;

/// The tools of a prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownTools {
    /// Those that the model sees, in their order.
    pub shown: Vec<Told>,
    /// The names of those that it finds.
    pub findable: Vec<String>,
    /// Whether they can be found: otherwise `tool_search` is denied, or not even it fits.
    pub searchable: bool,
}

impl ShownTools {
    /// As many of the tools that a model should always see as fit into `room` tokens together with `system`, the rest to be
    /// found.
    pub(super) fn within(tools: &Registry, choice: &Choice, system: &str, room: u32, tokens: &Tokens) -> Self {
        let mut manifests: Vec<&Manifest> = tools.iter().map(|tool| tool.manifest()).collect();
        manifests.sort_by_key(|manifest| {
            let name = manifest.tool.name.as_str();
            let place = FIRST.iter().position(|first| *first == name);
            (place.unwrap_or(FIRST.len()), manifest.group, name)
        });
        let core = manifests.iter().filter(|manifest| manifest.core);
        let all = Self {
            shown: core.map(|manifest| manifest.tool.clone()).collect(),
            ..Self::default()
        }
        .with_result_last();
        if all.shown.len() == manifests.len() && all.cost(system, tokens) <= room {
            return all;
        }
        let (search, call) = (search_manifest(), call_manifest());
        let may_search = choice.has(&search) && choice.has(&call);
        let names = manifests.iter().map(|manifest| manifest.tool.name.clone()).collect();
        let mut kept = Self {
            shown: if may_search {
                vec![search.tool, call.tool]
            } else {
                Vec::new()
            },
            findable: names,
            searchable: may_search,
        };
        if kept.cost(system, tokens) > room {
            kept.shown.clear();
            kept.searchable = false;
        }
        for manifest in manifests.iter().filter(|manifest| manifest.core) {
            let mut more = kept.clone();
            more.shown.push(manifest.tool.clone());
            more.findable.retain(|name| *name != manifest.tool.name);
            if more.cost(system, tokens) <= room {
                kept = more;
            }
        }
        kept.with_result_last()
    }

    /// There must be room for it, as notes in long results speak of it; small models call what stands first.
    fn with_result_last(mut self) -> Self {
        if let Some(at) = self.shown.iter().position(|tool| tool.name == TOOL) {
            let tool = self.shown.remove(at);
            self.shown.push(tool);
        }
        self
    }

    /// What the model is told of tools that it does not see.
    pub(super) fn more(&self) -> Option<String> {
        if !self.searchable || self.findable.is_empty() {
            return None;
        }
        let mut names = String::new();
        for (place, name) in self.findable.iter().enumerate() {
            if place > 0 && names.len() + name.len() > NAMES_CHARS {
                let _ = write!(names, " and {} others", self.findable.len() - place);
                break;
            }
            if place > 0 {
                names.push_str(", ");
            }
            names.extend(name.chars().take(64));
        }
        Some(words::more_tools(&names))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.shown.iter().any(|tool| tool.name == name)
    }

    fn cost(&self, system: &str, tokens: &Tokens) -> u32 {
        match self.more() {
            Some(more) => tokens.of_prompt(&format!("{system}\n\n{more}"), &self.shown),
            None => tokens.of_prompt(system, &self.shown),
        }
    }
}
