//! `search`: lines in files.

use std::{fmt::Write, ops::Range, path::Path, sync::Arc};

use cap_fs_ext::FollowSymlinks;
use cap_std::fs::{Dir, File};
use futures_util::{FutureExt, future::BoxFuture};
use ignore::overrides::{Override, OverrideBuilder};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};
use yabby_core::Label;

use super::{
    Shared,
    call::{Stop, blocking},
    disk::{self, Problem},
    manifests,
    read::{is_binary, label},
    roots::invalid,
    walk::{Kind, Next, Walk},
};
use crate::{At, Manifest, Output, Tool, ToolError, arguments::arguments};

/// So much of a line is shown.
const SHOWN: usize = 200;
/// So much of it before the match.
const BEFORE: usize = 60;
/// Room for the line that says that there is more.
const NOTE: usize = 120;
/// A program that is larger in memory is refused.
const MOST_PROGRAM: usize = 1 << 20;

pub(super) struct Search {
    manifest: Manifest,
    files: Arc<Shared>,
}

#[derive(Deserialize)]
struct Arguments {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
}

impl Search {
    pub(super) fn new(files: Arc<Shared>) -> Self {
        let manifest = manifests::search();
        Self { manifest, files }
    }
}

impl Tool for Search {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, args: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        let files = Arc::clone(&self.files);
        let (call, room) = (at.label.clone(), at.room);
        async move {
            let args: Arguments = arguments(args)?;
            blocking(move |stop| run(&files, &args, room, call, stop)).await
        }
        .boxed()
    }
}

fn run(files: &Shared, args: &Arguments, room: usize, call: Label, stop: &Stop) -> Result<Output, ToolError> {
    let place = files.roots.place(args.path.as_deref().unwrap_or("."))?;
    let (regex, literal) = pattern(&args.pattern)?;
    let wanted = args.glob.as_deref().map(glob).transpose()?;
    let mut found = Found {
        regex,
        text: String::new(),
        room: room.saturating_sub(NOTE).max(NOTE),
        left: files.limits.matches,
        full: false,
        searched: 0,
        label: None,
        call,
    };
    // A file may be named as well as a folder.
    let is_folder = place.path.as_os_str().is_empty()
        || place
            .root
            .dir
            .metadata(&place.path)
            .map_err(|error| disk::told(&error, &place.shown))?
            .is_dir();
    if !is_folder {
        let (file, _) = disk::open(&place)?;
        found
            .file(files, file, &place.absolute(), &place.shown)
            .map_err(|problem| problem.told(&place.shown))?;
        return Ok(found.output(args, literal, false));
    }
    let mut walk = Walk::new(stop, files.limits.visited);
    walk.run(&place, &mut |entry| {
        if entry.ignored {
            return Ok(Next::Past);
        }
        let path = place.path.join(entry.path);
        if entry.kind == Kind::File
            && wanted
                .as_ref()
                .is_none_or(|glob| glob.matched(entry.path, false).is_whitelist())
        {
            let shown = match place.shown.as_str() {
                "." => entry.shown(),
                folder => format!("{folder}/{}", entry.shown()),
            };
            // One that is gone, forbidden or too large is left out.
            if let Some(file) = open(entry.dir, Path::new(entry.name)) {
                let _ = found.file(files, file, &place.root_path(&path), &shown);
            }
        }
        Ok(if found.full { Next::End } else { Next::On })
    })?;
    let tired = walk.left == 0;
    Ok(found.output(args, literal, tired))
}

fn open(dir: &Dir, name: &Path) -> Option<File> {
    disk::open_in(dir, name, FollowSymlinks::No)
        .ok()
        .flatten()
        .map(|(file, _)| file)
}

/// The pattern, and whether it is taken literally, because it is no regular expression.
fn pattern(pattern: &str) -> Result<(Regex, bool), ToolError> {
    if pattern.is_empty() {
        return Err(invalid("the pattern is empty; use list to see which files there are"));
    }
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(MOST_PROGRAM)
            .dfa_size_limit(MOST_PROGRAM)
            .build()
    };
    match build(pattern) {
        Ok(regex) => Ok((regex, false)),
        Err(regex::Error::CompiledTooBig(_)) => Err(invalid("the pattern is too large; use a simpler one")),
        Err(_) => build(&regex::escape(pattern))
            .map(|regex| (regex, true))
            .map_err(|_| invalid("the pattern is too large; use a shorter one")),
    }
}

fn glob(glob: &str) -> Result<Override, ToolError> {
    let wrong = |_| invalid(format!("{glob} is no glob; use one such as *.md or notes/**"));
    // A first `!` would mean what is left out.
    let mut builder = OverrideBuilder::new(".");
    builder.add(glob.trim_start_matches('!')).map_err(wrong)?;
    builder.build().map_err(wrong)
}

/// What was found until now.
struct Found {
    regex: Regex,
    text: String,
    room: usize,
    left: usize,
    full: bool,
    searched: usize,
    /// The lowest label of files whose lines are shown.
    label: Option<Label>,
    call: Label,
}

impl Found {
    fn file(&mut self, files: &Shared, file: File, path: &Path, shown: &str) -> Result<(), Problem> {
        let bytes = disk::read_all(file, files.limits.file_bytes)?;
        if is_binary(bytes.get(..bytes.len().min(8192)).unwrap_or_default()) {
            return Ok(());
        }
        self.searched += 1;
        let before = self.text.len();
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(found) = self.regex.find(line) {
                let text = format!("{shown}:{}: {}\n", at + 1, excerpt(line, &found.range()));
                let chars = text.chars().count();
                if self.left == 0 || chars > self.room {
                    self.full = true;
                    break;
                }
                self.left -= 1;
                self.room -= chars;
                self.text.push_str(&text);
            }
        }
        if self.text.len() > before
            && let Some(lower) = label(files, path, "search", &self.call)
        {
            self.label = Some(self.label.take().map_or(lower.clone(), |label| label.join(&lower)));
        }
        Ok(())
    }

    fn output(self, args: &Arguments, literal: bool, tired: bool) -> Output {
        let mut text = self.text;
        let mut notes = Vec::new();
        if literal {
            notes.push("the pattern is no regular expression and was searched as it is".to_owned());
        }
        if text.is_empty() && !self.full {
            let pattern = &args.pattern;
            notes.push(format!("no line matches `{pattern}` in {} files", self.searched));
        }
        if self.full {
            notes.push("there are more; narrow it with path or glob".to_owned());
        } else if tired {
            notes.push("not all files were looked at; narrow it with path".to_owned());
        }
        if !notes.is_empty() {
            let _ = write!(text, "[{}]", notes.join("; "));
        }
        Output {
            label: self.label,
            ..Output::text(text)
        }
    }
}

/// The part of a line around what was found.
fn excerpt(line: &[u8], found: &Range<usize>) -> String {
    if line.len() <= SHOWN {
        return String::from_utf8_lossy(line).into_owned();
    }
    let from = found.start.saturating_sub(BEFORE);
    let to = (from + SHOWN).min(line.len());
    let part = String::from_utf8_lossy(line.get(from..to).unwrap_or_default());
    // Where a character was cut in two, its half is no loss.
    let part = part.trim_matches('\u{fffd}');
    format!(
        "{}{part}{}",
        if from > 0 { "…" } else { "" },
        if to < line.len() { "…" } else { "" }
    )
}
