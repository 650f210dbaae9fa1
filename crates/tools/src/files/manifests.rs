//! What the model is told of the tools for files.

use serde_json::{Value, json};
use yabby_core::Tool;

use crate::{Effect, Group, Manifest, Returns};

/// Other names of `path`, `oldText` and `newText`.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("file_path", "path"),
    ("filePath", "path"),
    ("old_string", "oldText"),
    ("old_text", "oldText"),
    ("oldString", "oldText"),
    ("new_string", "newText"),
    ("new_text", "newText"),
    ("newString", "newText"),
];

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
        group: Group::Files,
        core: true,
    }
}

/// A tool that changes files.
fn changing(manifest: Manifest, sinks: &[&str]) -> Manifest {
    Manifest {
        effect: Effect::Write,
        sinks: sinks.iter().map(|sink| (*sink).to_owned()).collect(),
        repeatable: false,
        ..manifest
    }
}

pub(super) fn read() -> Manifest {
    manifest(
        "read",
        "Read a file: text, or an image (png, jpeg, webp, gif). For a long file use offset and limit, in lines.",
        &json!({"path": {"type": "string"}, "offset": {"type": "integer", "minimum": 1}, "limit": {"type": "integer", "minimum": 1}}),
        &["path"],
    )
}

pub(super) fn write() -> Manifest {
    Manifest {
        // Writing the same again gives the same.
        repeatable: true,
        returns: Returns::Own,
        ..changing(
            manifest(
                "write",
                "Create a file or replace all of it. Folders are made as needed. To change a part, use edit.",
                &json!({"path": {"type": "string"}, "content": {"type": "string"}}),
                &["path", "content"],
            ),
            &["path", "content"],
        )
    }
}

pub(super) fn edit() -> Manifest {
    changing(
        manifest(
            "edit",
            "Replace a piece of text in a file. oldText must be in it exactly once, spaces included.",
            &json!({"path": {"type": "string"}, "oldText": {"type": "string"}, "newText": {"type": "string"}}),
            &["path", "oldText", "newText"],
        ),
        &["path", "newText"],
    )
}

pub(super) fn apply_patch() -> Manifest {
    Manifest {
        core: false,
        ..changing(
            manifest(
                "apply_patch",
                "Change several files at once: *** Begin Patch, then *** Add File: p with + lines, *** Delete File: p, or \
                 *** Update File: p (*** Move to: q) with @@ hunks of ' ', - and + lines, then *** End Patch.",
                &json!({"input": {"type": "string"}}),
                &["input"],
            ),
            &["input"],
        )
    }
}

pub(super) fn list() -> Manifest {
    manifest(
        "list",
        "List a folder, by default the workspace.",
        &json!({"path": {"type": "string"}, "depth": {"type": "integer", "minimum": 1, "maximum": 8}}),
        &[],
    )
}

pub(super) fn search() -> Manifest {
    manifest(
        "search",
        "Find lines in files by a regular expression. What .gitignore names is left out.",
        &json!({
            "pattern": {"type": "string"},
            "path": {"type": "string"},
            "glob": {"type": "string", "description": "such as *.md"}
        }),
        &["pattern"],
    )
}

pub(super) fn undo() -> Manifest {
    Manifest {
        core: false,
        returns: Returns::Own,
        ..changing(
            manifest(
                "undo",
                "Take back the last change that write, edit or apply_patch made to a file.",
                &json!({"path": {"type": "string"}}),
                &["path"],
            ),
            &["path"],
        )
    }
}
