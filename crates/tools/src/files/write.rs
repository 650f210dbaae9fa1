//! `write`: a new file, or new contents for one.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Shared,
    call::blocking,
    change::{Behalf, Plan, carry_out},
    manifests,
    roots::invalid,
};
use crate::{At, Effect, Manifest, Output, Tool, ToolError, ToolErrorKind, arguments::arguments};

pub(super) struct Write {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "file_path", alias = "filePath")]
    path: String,
    content: String,
}

impl Write {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::write();
        Self { manifest, files }
    }
}

impl Tool for Write {
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
        let (files, behalf) = (Arc::clone(&self.files), Behalf::of(at));
        async move {
            let args: Arguments = arguments(args)?;
            blocking(move |_| files.changing.run(|| run(&files, args, &behalf))).await
        }
        .boxed()
    }
}

fn run(files: &Shared, args: Arguments, behalf: &Behalf) -> Result<Output, ToolError> {
    let most = files.limits.file_bytes;
    if u64::try_from(args.content.len()).unwrap_or(u64::MAX) > most {
        let message = format!("a file can have at most {most} bytes; write several");
        return Err(ToolError::new(ToolErrorKind::TooLarge, message));
    }
    let place = files.roots.place(&args.path)?;
    if args.path.ends_with('/') {
        return Err(invalid(format!("{} is a folder; name a file in it", args.path)));
    }
    let mut plan = Plan::of(files, &place, true, behalf)?;
    let lines = args.content.lines().count();
    plan.overwrite(args.content.into_bytes(), behalf);
    if plan.before == plan.after {
        return Ok(Output::text(format!("{} has this content already", place.shown)));
    }
    carry_out(files, &[&plan], behalf)?;
    let unit = if lines == 1 { "line" } else { "lines" };
    Ok(Output::text(format!("wrote {lines} {unit} to {}", place.shown)).with_summary(plan.summary()))
}
