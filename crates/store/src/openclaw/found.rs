//! Finding the sessions of an OpenClaw folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use yabby_core::{SessionKey, Text, text};

use super::database::{self, Opened};
use crate::error::{Result, StoreError, StoreErrorKind};

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) sources: Vec<Source>,
    pub(super) problems: Vec<Text>,
}

/// A session, and where it is.
pub(super) struct Source {
    pub(super) agent: String,
    pub(super) session: String,
    /// The conversation that it belongs to, where that is known.
    pub(super) key: Option<SessionKey>,
    pub(super) title: Option<String>,
    /// Why it is over.
    pub(super) ended: Option<&'static str>,
    pub(super) stored: Stored,
}

/// Where the entries of a session are.
pub(super) enum Stored {
    File(PathBuf),
    Database(Arc<Opened>),
    /// Lines that lie in the database as a whole.
    Archive(Vec<u8>),
    /// The same, compressed.
    Packed(Vec<u8>),
}

/// What is known of the current session of a conversation.
pub(super) struct Current {
    pub(super) session: String,
    pub(super) title: Option<String>,
}

/// Finds all sessions, each once: the one of the database before the file, the file before its archive. `own` is a folder
/// for copies.
pub(super) fn look(folder: &Path, own: &Path) -> Result<Found> {
    let agents = entries(&folder.join("agents")).map_err(|error| {
        let message = text!(
            "there is no OpenClaw in {folder}: {error}",
            folder = folder.display(),
            error = error
        );
        StoreError::new(StoreErrorKind::Missing, message)
            .with_hint(text!("name its folder: yabby store import --openclaw FOLDER"))
    })?;
    let mut found = Found::default();
    for path in agents.into_iter().filter(|path| path.is_dir()) {
        let Some(agent) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let mut known = BTreeSet::new();
        match database::look(&path.join("agent/openclaw-agent.sqlite"), own, agent) {
            Ok(sources) => {
                for source in sources {
                    if known.insert(source.session.clone()) {
                        found.sources.push(source);
                    }
                }
            }
            Err(problem) => found.problems.push(problem),
        }
        files(&path.join("sessions"), agent, &mut known, &mut found);
    }
    Ok(found)
}

fn files(folder: &Path, agent: &str, known: &mut BTreeSet<String>, found: &mut Found) {
    let mut keys: BTreeMap<String, (SessionKey, Option<String>)> = BTreeMap::new();
    let index = folder.join("sessions.json");
    match index_of(&index, agent) {
        Ok(index) => {
            for (key, current) in index {
                keys.insert(current.session, (key, current.title));
            }
        }
        Err(problem) => found.problems.push(problem),
    }
    let mut names: Vec<(u8, PathBuf, String, Option<&'static str>)> = Vec::new();
    for path in entries(folder).unwrap_or_default() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((session, ended)) = session_of(name) {
            let order = match ended {
                None => 0,
                Some("reset") => 1,
                Some(_) => 2,
            };
            names.push((order, path.clone(), session.to_owned(), ended));
        }
    }
    // Of several archives the last one has the most.
    names.sort_by(|a, b| (a.0, &b.1).cmp(&(b.0, &a.1)));
    for (_, path, session, ended) in names {
        if !known.insert(session.clone()) {
            continue;
        }
        // Threads of Telegram have files of their own: <session>-topic-<thread>.
        let (key, title) = match keys.remove(&session) {
            Some((key, title)) => (Some(key), title),
            None => (None, None),
        };
        let is_current = key.is_some();
        found.sources.push(Source {
            agent: agent.to_owned(),
            session,
            key,
            title,
            ended: ended.or((!is_current).then_some("replaced")),
            stored: Stored::File(path),
        });
    }
}

/// The session of a file, and why it is over; `None` for other files.
fn session_of(name: &str) -> Option<(&str, Option<&'static str>)> {
    for (mark, why) in [(".jsonl.reset.", "reset"), (".jsonl.deleted.", "deleted")] {
        if let Some((session, time)) = name.rsplit_once(mark) {
            let time = time.strip_suffix(".zst").unwrap_or(time);
            let is_plain = time.ends_with('Z') && time.starts_with(|c: char| c.is_ascii_digit());
            return (is_plain && !session.is_empty()).then_some((session, Some(why)));
        }
    }
    let session = name.strip_suffix(".jsonl")?;
    let is_other = session.ends_with(".trajectory") || session.contains(".checkpoint.");
    (!is_other && !session.is_empty()).then_some((session, None))
}

/// The index of the sessions of an agent, by their keys.
fn index_of(path: &Path, agent: &str) -> Result<Vec<(SessionKey, Current)>, Text> {
    let problem =
        |error: &dyn std::fmt::Display| text!("{path} cannot be read: {error}", path = path.display(), error = error);
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(&error)),
    };
    let index: BTreeMap<String, Value> = serde_json::from_slice(&text).map_err(|error| problem(&error))?;
    let current = index.iter().filter_map(|(key, entry)| {
        let key = SessionKey::within(agent, key).ok()?;
        Some((key, current_of(entry)?))
    });
    Ok(current.collect())
}

/// What an entry of the index says (`SessionEntry`): its session, and a name for people.
pub(super) fn current_of(entry: &Value) -> Option<Current> {
    let text = |name: &str| super::entry::filled(entry.get(name));
    // The file may have another name than the session.
    let file = text("sessionFile");
    let named = file.as_deref().and_then(|file| Path::new(file).file_name()?.to_str());
    let session = named.and_then(|name| name.strip_suffix(".jsonl")).map(str::to_owned);
    Some(Current {
        session: session.or_else(|| text("sessionId"))?,
        title: ["label", "displayName", "subject"].iter().find_map(|name| text(name)),
    })
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        let cases = [
            ("08ef1a52.jsonl", Some(("08ef1a52", None))),
            ("08ef1a52-topic-42.jsonl", Some(("08ef1a52-topic-42", None))),
            ("a.jsonl.reset.2026-04-20T10-00-00.000Z", Some(("a", Some("reset")))),
            ("a.jsonl.deleted.2026-04-20T10-00-00Z", Some(("a", Some("deleted")))),
            ("a.jsonl.reset.2026-04-20T10-00-00.000Z.zst", Some(("a", Some("reset")))),
            ("a.jsonl.reset.2026-04-20T10-00-00.000Z.gz", None),
            ("a.jsonl.zst", None),
            ("a.jsonl.bak.2026-04-20T10-00-00.000Z", None),
            ("a.trajectory.jsonl", None),
            ("a.checkpoint.0b5e4f0e-0000-4000-8000-000000000000.jsonl", None),
            ("sessions.json", None),
            (".jsonl", None),
        ];
        for (name, expected) in cases {
            assert_eq!(session_of(name), expected, "{name}");
        }
    }
}
