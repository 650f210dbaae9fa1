//! `undo`: the last change of a file, taken back byte for byte.

use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};
use yabby_core::text;

use super::{Shared, call::blocking, disk::Spot, manifests};
use crate::{At, Effect, Manifest, Output, Tool, ToolError, ToolErrorKind, arguments::arguments};

pub(super) struct Undo {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "file_path", alias = "filePath")]
    path: String,
}

impl Undo {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::undo();
        Self { manifest, files }
    }
}

impl Tool for Undo {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn effect(&self, arguments: &Map<String, Value>) -> Effect {
        self.files.effect_of_path(arguments)
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        manifests::ALIASES
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, _at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let files = Arc::clone(&self.files);
        async move {
            let args: Arguments = arguments(args)?;
            blocking(move |_| files.changing.run(|| run(&files, &args.path))).await
        }
        .boxed()
    }
}

fn run(files: &Shared, path: &str) -> Result<Output, ToolError> {
    let place = files.roots.place(path)?;
    let shown = &place.shown;
    let failed = |error: std::io::Error| ToolError::new(ToolErrorKind::Failed, format!("{shown}: {error}"));
    let nothing = || ToolError::new(ToolErrorKind::NotFound, format!("no change of {shown} is kept"));
    // The folder of a file that was deleted may be gone too; one without a change makes no folders.
    files
        .versions
        .last(&place.absolute())
        .map_err(failed)?
        .ok_or_else(nothing)?;
    let spot = Spot::of(&place, true)?.ok_or_else(nothing)?;
    let now = spot.now(files.limits.file_bytes)?;
    loop {
        let kept = files
            .versions
            .last(&place.absolute())
            .map_err(failed)?
            .ok_or_else(nothing)?;
        let left = kept.left(now.as_ref());
        if left {
            spot.set(kept.before.as_ref())?;
        } else if kept.before != now {
            return Err(ToolError::new(
                ToolErrorKind::Denied,
                format!("{shown} was changed by something else since; read it and edit it instead"),
            ));
        }
        files.versions.forget_last(&place.absolute()).map_err(failed)?;
        // A change that was kept but never made (the machine stopped in between) is passed over.
        if left {
            return Ok(Output::text(format!("{shown} is as it was before its last change"))
                .with_summary(text!("the last change of {file} taken back", file = shown)));
        }
    }
}
