//! What the model is told of the tools of the memory.

use serde_json::{Value, json};
use yabby_core::Tool;

use crate::{Effect, Group, Manifest, Returns};

fn manifest(name: &str, description: &str, properties: &Value, required: &[&str]) -> Manifest {
    Manifest {
        tool: Tool {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters: json!({"type": "object", "properties": properties, "required": required}),
        },
        effect: Effect::Read,
        sinks: Vec::new(),
        returns: Returns::Kept,
        repeatable: true,
        group: Group::Memory,
        core: true,
    }
}

pub(super) fn search() -> Manifest {
    manifest(
        "memory_search",
        "Search your notes (MEMORY.md, memory/*.md). Do so before you answer about earlier decisions, dates, people or \
         preferences.",
        &json!({"query": {"type": "string"}, "maxResults": {"type": "integer", "minimum": 1}}),
        &["query"],
    )
}

pub(super) fn get() -> Manifest {
    manifest(
        "memory_get",
        "Read a note, or some lines of it.",
        &json!({
            "path": {"type": "string"},
            "from": {"type": "integer", "minimum": 1},
            "lines": {"type": "integer", "minimum": 1},
        }),
        &["path"],
    )
}

pub(super) fn write() -> Manifest {
    Manifest {
        effect: Effect::Write,
        sinks: vec!["file".to_owned(), "section".to_owned()],
        returns: Returns::Own,
        ..manifest(
            "memory_write",
            "Note something for later conversations: in today's note, or in file MEMORY.md what stays true.",
            &json!({
                "text": {"type": "string"},
                "file": {"type": "string"},
                "section": {"type": "string", "description": "heading to add it below"},
            }),
            &["text"],
        )
    }
}
