//! One entry of a transcript.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yabby_core::{Time, calendar};

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// A line that cannot be read: mostly the last one of a program that was killed.
    Unreadable,
    /// An entry, or a part of one, of a kind that is not known.
    Unknown,
    /// What a model thought.
    Thinking,
    /// What stands beside the conversation: state of extensions, marks.
    Aside,
    /// A message in which nothing is left.
    Empty,
    /// A picture in a form that models cannot read, or a file.
    Picture,
    /// Entries and archives that OpenClaw has compressed (zstd), and that are damaged or too large to be unpacked.
    Compressed,
    /// Entries of branches that were left.
    OtherBranch,
}

/// How often something was left out.
pub(super) type Counts = BTreeMap<Skipped, u64>;

/// An entry that was read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) parent: Parent,
    pub(super) at: Option<Time>,
    pub(super) value: Map<String, Value>,
}

/// What an entry says of the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// Nothing.
    Unsaid,
    /// It is the first one.
    Root,
    /// Its id.
    Id(String),
}

/// Kinds that are part of the tree of a conversation.
const CANONICAL: [&str; 10] = [
    "message",
    "thinking_level_change",
    "model_change",
    "compaction",
    "reset",
    "branch_summary",
    "custom",
    "custom_message",
    "label",
    "session_info",
];

impl Entry {
    /// An entry of a line or a row; `None` when it is none.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let Ok(Value::Object(value)) = serde_json::from_slice(text) else {
            return None;
        };
        let text = |name: &str| filled(value.get(name));
        let parent = match value.get("parentId") {
            None => Parent::Unsaid,
            Some(Value::Null) => Parent::Root,
            Some(id) => filled(Some(id)).map_or(Parent::Unsaid, Parent::Id),
        };
        Some(Self {
            kind: text("type")?,
            id: text("id"),
            parent,
            at: value.get("timestamp").and_then(time),
            value,
        })
    }

    pub(super) fn is_canonical(&self) -> bool {
        CANONICAL.contains(&self.kind.as_str())
    }

    /// Whether it stands beside the branch on which the conversation goes on.
    pub(super) fn is_aside(&self) -> bool {
        self.value.get("appendMode").and_then(Value::as_str) == Some("side")
    }

    /// A text of it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value.get(name).and_then(Value::as_str)
    }
}

/// A text in which something stands.
pub(super) fn filled(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// A time: milliseconds since 1970, or as people write it.
pub(super) fn time(value: &Value) -> Option<Time> {
    match value {
        Value::String(text) => calendar::read(text),
        Value::Number(number) => number.as_i64().or_else(|| float(number.as_f64()?)).map(Time),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is within the range of whole numbers")]
fn float(value: f64) -> Option<i64> {
    (value.is_finite() && value.abs() < 1e15).then_some(value as i64)
}

/// The entries of a file, and what was left out.
pub(super) fn of_lines(bytes: &[u8]) -> (Vec<Entry>, Counts) {
    let mut skipped = Counts::new();
    let mut entries = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match Entry::read(line) {
            Some(entry) => entries.push(entry),
            None => count(&mut skipped, Skipped::Unreadable),
        }
    }
    (entries, skipped)
}

pub(super) fn count(counts: &mut Counts, what: Skipped) {
    *counts.entry(what).or_default() += 1;
}
