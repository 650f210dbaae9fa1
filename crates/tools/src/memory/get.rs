//! The tool `memory_get`.

use std::{io, sync::Arc};

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Shared,
    folder::{FOLDER, MAIN},
    manifests, origin, unreadable,
};
use crate::{At, Manifest, Output, Tool, ToolError, ToolErrorKind};

pub(super) struct MemoryGet {
    manifest: Manifest,
    shared: Arc<Shared>,
}

#[derive(Debug, Deserialize)]
struct Arguments {
    path: String,
    #[serde(default)]
    from: Option<usize>,
    #[serde(default)]
    lines: Option<usize>,
}

impl MemoryGet {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            manifest: manifests::get(),
            shared,
        }
    }

    async fn get(&self, arguments: Arguments, at: &At) -> Result<Output, ToolError> {
        let (path, range) = place(&arguments.path);
        let from = arguments.from.or(range.map(|range| range.0)).unwrap_or(1).max(1);
        let most = arguments
            .lines
            .or_else(|| range.map(|(first, last)| (last + 1).saturating_sub(first).max(1)));
        let asked = path.to_owned();
        let read = self
            .shared
            .blocking(move |shared| {
                // Only what a search would find, by the name that it has there: so it is known whose it is.
                let notes = shared.folder.notes().map_err(unreadable)?;
                let note = notes.iter().find(|note| note.path == asked);
                let note = note.or_else(|| notes.iter().find(|note| note.path.strip_suffix(".md") == Some(&*asked)));
                let Some(note) = note else { return Ok(None) };
                let text = note.read().map_err(|error| match error.kind() {
                    io::ErrorKind::FileTooLarge => ToolError::new(
                        ToolErrorKind::TooLarge,
                        format!("{} is larger than 1 MiB, and no note any more", note.path),
                    ),
                    _ => unreadable(error),
                })?;
                Ok(text.map(|text| (note.is_apart.then(|| origin::label(&note.path, &text)), text)))
            })
            .await?;
        let Some((from_others, text)) = read else {
            return missing(path);
        };
        let output = Output::text(lines(path, &text, from, most.unwrap_or(usize::MAX), at.room));
        Ok(Output {
            label: from_others.map(|label| origin::owners("memory_get", &at.label).join(&label)),
            ..output
        })
    }
}

impl Tool for MemoryGet {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move {
            let arguments = Arguments::deserialize(Value::Object(arguments.clone())).map_err(|error| {
                ToolError::new(ToolErrorKind::Invalid, format!("the arguments do not fit: {error}"))
            })?;
            self.get(arguments, at).await
        })
    }
}

/// A path as a search shows it, with or without its lines: `memory/2026-11-25.md:3-9`.
fn place(text: &str) -> (&str, Option<(usize, usize)>) {
    let text = text.trim();
    let text = text.strip_prefix("./").unwrap_or(text);
    let lines = text.rsplit_once(':').and_then(|(path, lines)| {
        let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
        Some((path, (first.parse().ok()?, last.parse().ok()?)))
    });
    lines.map_or((text, None), |(path, lines)| (path, Some(lines)))
}

/// What is not noted yet is nothing, and no fault; what is no note is.
fn missing(path: &str) -> Result<Output, ToolError> {
    let is_note = path == MAIN || path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'));
    if is_note && !path.split('/').any(|part| part == "..") {
        return Ok(Output::text(format!("Nothing is noted in {path} yet.")));
    }
    Err(ToolError::new(
        ToolErrorKind::NotFound,
        format!("{path} is no note: give {MAIN}, or a path from memory_search"),
    ))
}

fn lines(path: &str, text: &str, from: usize, most: usize, room: usize) -> String {
    let all = text.lines().count();
    if all == 0 {
        return format!("{path} is empty.");
    }
    if from > all {
        return format!("{path} has only {all} lines.");
    }
    let mut told = String::new();
    let mut next = from;
    for line in text.lines().skip(from - 1).take(most) {
        let used = told.chars().count();
        if used > 0 && used + line.chars().count() > room {
            break;
        }
        told.push_str(line);
        told.push('\n');
        next += 1;
    }
    if next <= all {
        return format!("{told}(lines {from}-{} of {all}; from={next} goes on)", next - 1);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_shown() {
        assert_eq!(place(" ./memory/a.md "), ("memory/a.md", None));
        assert_eq!(place("memory/a.md:3-9"), ("memory/a.md", Some((3, 9))));
        assert_eq!(place("MEMORY.md:4"), ("MEMORY.md", Some((4, 4))));
        assert_eq!(place("memory/12:30.md"), ("memory/12:30.md", None));
    }

    #[test]
    fn as_many_lines_as_there_is_room_for() {
        let text = "one\ntwo\nthree\n";
        let cases = [
            ((1, 9, 100), "one\ntwo\nthree\n"),
            ((2, 1, 100), "two\n(lines 2-2 of 3; from=3 goes on)"),
            ((1, 9, 7), "one\ntwo\n(lines 1-2 of 3; from=3 goes on)"),
            ((1, 9, 0), "one\n(lines 1-1 of 3; from=2 goes on)"),
            ((4, 9, 100), "p has only 3 lines."),
        ];
        for ((from, most, room), expected) in cases {
            assert_eq!(lines("p", text, from, most, room), expected);
        }
        assert_eq!(lines("p", "", 1, 9, 100), "p is empty.");
    }
}
