//! `edit`: one piece of a file, replaced.

mod find;

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::find::{Miss, replace};
use super::{
    Shared,
    call::blocking,
    change::{Behalf, Plan, carry_out, lines_between},
    manifests,
    read::{is_binary, label},
    roots::invalid,
};
use crate::{At, Effect, Manifest, Output, Tool, ToolError, ToolErrorKind, arguments::arguments};

pub(super) struct Edit {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "file_path", alias = "filePath")]
    path: String,
    #[serde(rename = "oldText", alias = "old_string", alias = "old_text", alias = "oldString")]
    old: String,
    #[serde(rename = "newText", alias = "new_string", alias = "new_text", alias = "newString")]
    new: String,
}

impl Edit {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::edit();
        Self { manifest, files }
    }
}

impl Tool for Edit {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn effect(&self, arguments: &Map<String, Value>) -> Effect {
        self.files.effect_of_path(arguments)
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        manifests::ALIASES
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let (files, behalf, call) = (Arc::clone(&self.files), Behalf::of(at), at.label.clone());
        async move {
            let args: Arguments = arguments(args)?;
            let work = move || {
                let output = run(&files, &args, &behalf)?;
                let place = files.roots.place(&args.path)?;
                Ok(Output {
                    label: label(&files, &place.absolute(), "edit", &call),
                    ..output
                })
            };
            let shared = Arc::clone(&self.files);
            blocking(move |_| shared.changing.run(work)).await
        }
        .boxed()
    }
}

fn run(files: &Shared, args: &Arguments, behalf: &Behalf) -> Result<Output, ToolError> {
    if args.old.is_empty() {
        return Err(invalid(
            "oldText is empty; give the text to replace, or use write for a new file",
        ));
    }
    if args.old == args.new {
        return Err(invalid("oldText and newText are the same"));
    }
    let place = files.roots.place(&args.path)?;
    let shown = &place.shown;
    let mut plan = Plan::of(files, &place, false, behalf)?;
    let old = &plan.contents()?.bytes;
    if is_binary(old) {
        return Err(invalid(format!("{shown} is a binary file")));
    }
    let edited = replace(old, &args.old, &args.new).map_err(|miss| match miss {
        Miss::Many(lines) => {
            let all: Vec<String> = lines.iter().take(10).map(ToString::to_string).collect();
            invalid(format!(
                "oldText is in {shown} {} times, at lines {}; add lines around it until it is there once",
                lines.len(),
                all.join(", ")
            ))
        }
        Miss::None(near) => {
            let near = near.map_or_else(
                || "; read the file first".to_owned(),
                |near| {
                    format!(
                        ". Line {} is nearest, and it is:\n{}\nCopy oldText exactly from the file",
                        near.line, near.text
                    )
                },
            );
            ToolError::new(ToolErrorKind::NotFound, format!("oldText is not in {shown}{near}"))
        }
    })?;
    let lines = lines_between(old, &edited.bytes);
    plan.set(edited.bytes, lines);
    carry_out(files, &[&plan], behalf)?;
    Ok(Output::text(format!("replaced at line {} of {shown}", edited.line)).with_summary(plan.summary()))
}
