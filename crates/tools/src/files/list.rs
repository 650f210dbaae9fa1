//! `list`: what is in a folder.

use std::{fmt::Write, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Shared,
    call::{Stop, blocking},
    manifests,
    walk::{Entry, Kind, Next, Walk},
};
use crate::{At, Manifest, Output, Tool, ToolError, arguments::arguments};

/// Room for the line that says that there is more.
const NOTE: usize = 100;

pub(super) struct List {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    path: Option<String>,
    depth: Option<usize>,
}

impl List {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::list();
        Self { manifest, files }
    }
}

impl Tool for List {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let (files, room) = (Arc::clone(&self.files), at.room);
        async move {
            let args: Arguments = arguments(args)?;
            blocking(move |stop| run(&files, &args, room, stop)).await
        }
        .boxed()
    }
}

fn run(files: &Shared, args: &Arguments, room: usize, stop: &Stop) -> Result<Output, ToolError> {
    let place = files.roots.place(args.path.as_deref().unwrap_or("."))?;
    let depth = args.depth.unwrap_or(1).clamp(1, 8);
    let room = room.saturating_sub(NOTE).max(NOTE);
    let (mut text, mut used, mut shown, mut more) = (String::new(), 0, 0, 0_usize);
    let mut walk = Walk::new(stop, files.limits.visited);
    walk.run(&place, &mut |entry| {
        let line = line(entry);
        let chars = line.chars().count();
        if shown < files.limits.entries && used + chars <= room && more == 0 {
            text.push_str(&line);
            (used, shown) = (used + chars, shown + 1);
        } else {
            more += 1;
        }
        let inside = entry.path.components().count() < depth && !entry.ignored;
        Ok(if inside { Next::On } else { Next::Past })
    })?;
    if shown == 0 && more == 0 {
        return Ok(Output::text(format!("{} is empty", place.shown)));
    }
    if more > 0 || walk.left == 0 {
        let _ = write!(
            text,
            "[{more} more are not shown; list a folder of these, or use search]"
        );
    }
    Ok(Output::text(text))
}

fn line(entry: &Entry<'_>) -> String {
    let path = entry.shown();
    let rest = match entry.kind {
        Kind::Folder if entry.ignored => "/ (ignored by git)".to_owned(),
        Kind::Folder => "/".to_owned(),
        Kind::File => entry
            .dir
            .symlink_metadata(entry.name)
            .map_or_else(|_| String::new(), |found| format!("  {}", size(found.len()))),
        Kind::Link => "  (a symbolic link)".to_owned(),
        Kind::Special => "  (not a regular file)".to_owned(),
    };
    format!("{path}{rest}\n")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
