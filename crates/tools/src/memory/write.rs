//! The tool `memory_write`.

use std::{io, sync::Arc};

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use yabby_core::text;

use super::{
    Shared,
    folder::{FOLDER, MAIN, MOST_BYTES},
    manifests, origin,
};
use crate::{At, Manifest, Output, Tool, ToolError, ToolErrorKind};

/// So many characters a note has at the most: it is read again and again.
const MOST_CHARS: usize = 4000;
const MOST_SECTION: usize = 80;

pub(super) struct MemoryWrite {
    manifest: Manifest,
    shared: Arc<Shared>,
}

#[derive(Debug, Deserialize)]
struct Arguments {
    text: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    section: Option<String>,
}

/// What is added to a file.
struct Entry {
    path: String,
    /// The heading of a file that is new.
    title: String,
    section: Option<String>,
    /// The entry, and how it begins before the words that make it the same as another.
    begin: String,
    words: String,
    origin: Option<String>,
}

impl MemoryWrite {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            manifest: manifests::write(),
            shared,
        }
    }

    async fn write(&self, arguments: &Arguments, at: &At) -> Result<Output, ToolError> {
        let entry = self.entry(arguments, at)?;
        let path = entry.path.clone();
        let is_apart = entry.origin.is_some();
        let is_new = self
            .shared
            .blocking(move |shared| {
                let lock = shared.folder.lock();
                let added = add(shared, &entry);
                drop(lock);
                added
            })
            .await?;
        let told = match (is_new, is_apart) {
            (false, _) => format!("{path} says so already."),
            (true, false) => format!("Noted in {path}."),
            (true, true) => format!(
                "Noted in {path}, apart from the person's own notes, because it was made from what others wrote."
            ),
        };
        let summary = if is_apart {
            text!("noted in {path}, not as yours", path = path)
        } else {
            text!("noted in {path}", path = path)
        };
        Ok(Output::text(told).with_summary(summary))
    }

    fn entry(&self, arguments: &Arguments, at: &At) -> Result<Entry, ToolError> {
        let text = arguments.text.trim();
        if text.is_empty() {
            return Err(invalid("say in `text` what to note"));
        }
        if text.chars().count() > MOST_CHARS {
            return Err(ToolError::new(
                ToolErrorKind::TooLarge,
                format!("a note has at most {MOST_CHARS} characters; note only what matters later"),
            ));
        }
        let (day, minute) = (self.shared.zone.day(at.now), self.shared.zone.minute(at.now));
        let text = &origin::without_lines(text);
        if !origin::is_the_owners(&at.label) {
            return Ok(Entry {
                path: format!("{FOLDER}/{}/{day}.md", origin::APART),
                title: format!("{day}: made from what others wrote"),
                section: None,
                begin: format!("- {minute} "),
                words: indented(text),
                origin: Some(origin::line(&at.label)),
            });
        }
        let section = arguments.section.as_deref().map(section).transpose()?.flatten();
        let file = arguments.file.as_deref().map(str::trim).filter(|file| !file.is_empty());
        let path = match file {
            None => format!("{FOLDER}/{day}.md"),
            Some(file) => path(file, &day)?,
        };
        let begin = if path == format!("{FOLDER}/{day}.md") {
            format!("- {minute} ")
        } else {
            format!("- {day} ")
        };
        let title = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".md");
        Ok(Entry {
            title: if path == MAIN {
                "Memory".to_owned()
            } else {
                title.to_owned()
            },
            section,
            begin,
            words: indented(text),
            origin: None,
            path,
        })
    }
}

impl Tool for MemoryWrite {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[("content", "text"), ("path", "file"), ("heading", "section")]
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(async move {
            let arguments = Arguments::deserialize(Value::Object(arguments.clone()))
                .map_err(|error| invalid(format!("the arguments do not fit: {error}")))?;
            self.write(&arguments, at).await
        })
    }
}

fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::new(ToolErrorKind::Invalid, message)
}

/// Further lines belong to the entry, and are no headings.
fn indented(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n  ")
}

/// A heading is one short line.
fn section(text: &str) -> Result<Option<String>, ToolError> {
    let text = text.trim().trim_start_matches('#').trim();
    if text.chars().count() > MOST_SECTION || text.contains('\n') {
        return Err(invalid("`section` is a short heading"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// The file that is meant: the main one, or one right in the folder.
fn path(file: &str, today: &str) -> Result<String, ToolError> {
    let file = file.strip_prefix("./").unwrap_or(file);
    if file.eq_ignore_ascii_case(MAIN) || file.eq_ignore_ascii_case("memory") {
        return Ok(MAIN.to_owned());
    }
    if file.eq_ignore_ascii_case("today") {
        return Ok(format!("{FOLDER}/{today}.md"));
    }
    let name = file.strip_prefix("memory/").unwrap_or(file);
    let name = name.strip_suffix(".md").unwrap_or(name);
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let is_name = !name.is_empty() && name.len() <= 100 && name.chars().all(is_plain) && !name.starts_with(['.', ' ']);
    if !is_name {
        return Err(invalid(format!("`file` is {MAIN}, or memory/NAME.md")));
    }
    Ok(format!("{FOLDER}/{name}.md"))
}

/// Adds an entry to its file; whether it was not there already, so that a call can be tried again.
fn add(shared: &Shared, entry: &Entry) -> Result<bool, ToolError> {
    let path = &entry.path;
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => too_large(path),
        io::ErrorKind::InvalidInput => ToolError::new(
            ToolErrorKind::Denied,
            format!("{path} is a link or no regular file; note it in another `file`"),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ToolError::new(
            ToolErrorKind::Unavailable,
            format!("{path}: the disk is full; tell the person"),
        ),
        _ => ToolError::new(ToolErrorKind::Failed, format!("{path} cannot be written: {error}")),
    };
    let note = shared.folder.to_write(path).map_err(told)?;
    let old = note.read().map_err(told)?.unwrap_or_default();
    let is_there = has(&old, entry);
    if !is_there {
        let new = with(&old, entry);
        if u64::try_from(new.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Err(too_large(path));
        }
        note.replace(&new).map_err(told)?;
    }
    Ok(!is_there)
}

fn too_large(path: &str) -> ToolError {
    ToolError::new(
        ToolErrorKind::TooLarge,
        format!("{path} is full; note it in another `file`, such as memory/TOPIC.md"),
    )
}

/// Whether a file has an entry with these words, at whatever time it was made.
fn has(old: &str, entry: &Entry) -> bool {
    let mut wanted = entry.words.clone();
    if let Some(origin) = &entry.origin {
        wanted.push_str("\n  ");
        wanted.push_str(origin);
    }
    let ends = |after: &str| after.is_empty() || after.starts_with('\n') && !after.starts_with("\n  ");
    old.match_indices(&wanted).any(|(at, _)| {
        let line = old[..at].rsplit('\n').next().unwrap_or_default();
        // Behind `- 12:30 ` or `- 2026-11-25 `, and nothing else.
        let time = line.strip_prefix("- ").and_then(|rest| rest.strip_suffix(' '));
        let is_entry = time.is_some_and(|time| time.bytes().all(|c| c.is_ascii_digit() || c == b':' || c == b'-'));
        is_entry && ends(&old[at + wanted.len()..])
    })
}

/// The file with the entry: at its end, or at the end of its section.
fn with(old: &str, entry: &Entry) -> String {
    let origin = entry.origin.as_ref().map(|origin| format!("  {origin}\n"));
    let added = format!("{}{}\n{}", entry.begin, entry.words, origin.unwrap_or_default());
    if old.trim().is_empty() {
        let section = entry.section.as_ref().map(|section| format!("## {section}\n\n"));
        return format!("# {}\n\n{}{added}", entry.title, section.unwrap_or_default());
    }
    let Some(section) = &entry.section else {
        return joined(old, &added, "");
    };
    match end_of(old, section) {
        Some(end) => joined(&old[..end], &added, &old[end..]),
        None => format!("{}\n\n## {section}\n\n{added}", old.trim_end()),
    }
}

/// An entry between two parts: right behind another entry, or with an empty line before it.
fn joined(before: &str, added: &str, after: &str) -> String {
    let before = before.trim_end();
    let last = before.lines().next_back().unwrap_or_default();
    let gap = if last.starts_with("- ") || last.starts_with("  ") {
        "\n"
    } else {
        "\n\n"
    };
    let after = after.trim_start_matches('\n');
    let (space, after) = if after.is_empty() { ("", "") } else { ("\n", after) };
    format!("{before}{gap}{added}{space}{after}")
}

/// Where a section ends: before the next heading of its level or above, or at the end of the file.
fn end_of(text: &str, section: &str) -> Option<usize> {
    let mut level = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start_matches('#');
        let depth = line.len() - rest.len();
        if (1..=6).contains(&depth) && rest.starts_with(' ') {
            match level {
                Some(level) if depth <= level => return Some(at),
                None if rest.trim().eq_ignore_ascii_case(section) => level = Some(depth),
                _ => {}
            }
        }
        at += line.len();
    }
    level.map(|_| text.len())
}
