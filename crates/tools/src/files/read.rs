//! `read`: a file, as much of it as there is room for.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{BufRead, BufReader, Read as _},
    sync::Arc,
};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;
use serde_json::{Map, Value};
use yabby_core::{Image, Label};

use super::{
    Shared,
    call::{Stop, blocking},
    disk::{self, Problem},
    manifests,
    roots::invalid,
};
use crate::{At, Manifest, Output, Returns, Tool, ToolError, arguments::arguments};

/// So much of a file tells what it is.
const HEAD: u64 = 8192;
/// Room for the line that says how to go on.
const NOTE: usize = 160;
/// Lines are counted to the end of files that are not larger.
const COUNTED: u64 = 64 << 20;

pub(super) struct Read {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(alias = "file_path", alias = "filePath")]
    path: String,
    offset: Option<usize>,
    limit: Option<usize>,
}

impl Read {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::read();
        Self { manifest, files }
    }
}

impl Tool for Read {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        manifests::ALIASES
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let files = Arc::clone(&self.files);
        let (call, room) = (at.label.clone(), at.room);
        async move {
            let args: Arguments = arguments(args)?;
            blocking(move |stop| run(&files, &args, room, &call, stop)).await
        }
        .boxed()
    }
}

fn run(files: &Shared, args: &Arguments, room: usize, call: &Label, stop: &Stop) -> Result<Output, ToolError> {
    let place = files.roots.place(&args.path)?;
    let (mut file, metadata) = disk::open(&place)?;
    let told = |problem: Problem| problem.told(&place.shown);
    let mut head = Vec::new();
    (&mut file)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| told(Problem::Io(error)))?;
    let label = label(files, &place.absolute(), "read", call);
    if Image::new(&head).is_some() {
        let most = files.limits.image_bytes;
        let rest = disk::read_all(file, most.saturating_sub(HEAD)).map_err(|problem| match problem {
            Problem::TooLarge(_) => told(Problem::TooLarge(most)),
            other => told(other),
        })?;
        head.extend(rest);
        let image = Image::new(&head);
        let kind = image.as_ref().map_or("image", |image| image.media_type.name());
        return Ok(Output {
            text: format!("{}: {kind}, {} bytes", place.shown, head.len()),
            images: image.into_iter().collect(),
            label,
            summary: None,
        });
    }
    if is_binary(&head) {
        let text = format!(
            "{}: a binary file of {} bytes, which is not shown",
            place.shown,
            metadata.len()
        );
        return Ok(Output {
            label,
            ..Output::text(text)
        });
    }
    let text = Part {
        offset: args.offset.unwrap_or(1).max(1),
        limit: args.limit.unwrap_or(usize::MAX).max(1),
        room,
        counts: metadata.len() <= COUNTED,
    }
    .of(BufReader::new(head.as_slice().chain(file)), &place.shown, stop)?;
    Ok(Output {
        label,
        ..Output::text(text)
    })
}

/// Whether bytes at the beginning of a file are no text.
pub(super) fn is_binary(head: &[u8]) -> bool {
    memchr::memchr(0, head).is_some() || head.starts_with(b"%PDF-")
}

/// The label of what a file holds, when it is lower than what `name` returns by itself.
pub(super) fn label(files: &Shared, path: &std::path::Path, name: &str, call: &Label) -> Option<Label> {
    match files.versions.label(path) {
        Ok(found) => Some(Returns::Kept.label(name, call).join(&found?)),
        // What is not known may be anything.
        Err(_) => Some(Returns::Foreign.label(name, call)),
    }
}

/// Which part of a text is shown.
struct Part {
    /// The first line, from 1.
    offset: usize,
    limit: usize,
    room: usize,
    /// Whether the lines after it are counted.
    counts: bool,
}

impl Part {
    fn of(&self, mut from: impl BufRead, shown: &str, stop: &Stop) -> Result<String, ToolError> {
        let failed = |error: std::io::Error| disk::told(&error, shown);
        let room = self.room.saturating_sub(NOTE).max(NOTE);
        let (mut text, mut used, mut line, mut shown_to) = (String::new(), 0, 0, 0);
        let (mut full, mut bytes, mut replaced, mut cut) = (false, Vec::new(), false, None);
        while !from.fill_buf().map_err(failed)?.is_empty() {
            stop.check()?;
            line += 1;
            if full && !self.counts {
                break;
            }
            if full || line < self.offset {
                skip_line(&mut from, stop).map_err(failed)?;
                continue;
            }
            bytes.clear();
            // A line that has no end would take all memory. A character has at most four bytes.
            let most = u64::try_from(room).unwrap_or(u64::MAX).saturating_mul(4);
            (&mut from).take(most).read_until(b'\n', &mut bytes).map_err(failed)?;
            let ended = bytes.ends_with(b"\n");
            let decoded = String::from_utf8_lossy(strip_end(&bytes));
            let chars = decoded.chars().count() + 1;
            if used + chars > room {
                if used == 0 {
                    text = decoded.chars().take(room).collect();
                    (shown_to, cut) = (line, Some(line));
                }
                full = true;
                if !ended {
                    skip_line(&mut from, stop).map_err(failed)?;
                }
                continue;
            }
            replaced |= matches!(decoded, Cow::Owned(_));
            text.push_str(&decoded);
            if ended {
                text.push('\n');
            }
            used += chars;
            shown_to = line;
            full = line + 1 - self.offset >= self.limit;
        }
        if line == 0 {
            return Ok(format!("{shown} is empty"));
        }
        if shown_to == 0 {
            return Err(invalid(format!(
                "{shown} has {line} lines; choose an offset up to {line}"
            )));
        }
        let mut notes = Vec::new();
        if let Some(line) = cut {
            notes.push(format!(
                "line {line} is too long and cut; use search to see other parts of it"
            ));
        }
        if replaced {
            notes.push("bytes that are not UTF-8 are shown as \u{fffd}".to_owned());
        }
        if line > shown_to {
            let of = if self.counts {
                format!(" of {line}")
            } else {
                String::new()
            };
            notes.push(format!(
                "lines {}-{shown_to}{of}; go on with offset={}",
                self.offset,
                shown_to + 1
            ));
        }
        if !notes.is_empty() {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let _ = write!(text, "[{}]", notes.join("; "));
        }
        Ok(text)
    }
}

fn strip_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Reads to the end of the line without keeping it.
fn skip_line(from: &mut impl BufRead, stop: &Stop) -> std::io::Result<()> {
    loop {
        let buffer = from.fill_buf()?;
        let (length, found) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        from.consume(length);
        if found || stop.is_wanted() {
            return Ok(());
        }
    }
}
