//! OpenClaw's database of an agent, which is only read.
//!
//! SQLite makes files beside a database that it opens to read, too, and OpenClaw may be at work on it. So it is opened as one
//! that never changes when all of it lies in one file, and else a copy of it is opened; when it was changed meanwhile, that
//! is said.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use yabby_core::{SessionKey, Text, Time, text};

use super::{
    content,
    entry::{Counts, Entry, Skipped, count},
    found::{Current, Source, Stored, current_of},
    packed,
};
use crate::{files, ids::new_id, sqlite};

/// A database that was opened.
pub(super) struct Opened {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// A copy, which goes with it.
    copy: Option<PathBuf>,
    has_compressed: bool,
}

/// The size of a file, and when it was changed.
type Look = Option<(u64, SystemTime)>;

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            let _ = fs::remove_dir_all(copy);
        }
    }
}

/// The sessions of a database. A database without transcripts has none: the file was there before OpenClaw kept them in it.
pub(super) fn look(path: &Path, own: &Path, agent: &str) -> Result<Vec<Source>, Text> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let problem =
        |error: &dyn std::fmt::Display| text!("{path} cannot be read: {error}", path = path.display(), error = error);
    let opened = open(path, own).map_err(|error| problem(&error))?;
    sources(opened, agent).map_err(|error| problem(&error))
}

/// The entries of a session.
pub(super) fn events(opened: &Opened, session: &str) -> Result<(Vec<Entry>, Counts), Text> {
    let Ok(connection) = opened.connection.lock() else {
        return Ok((Vec::new(), Counts::new()));
    };
    read_events(&connection, opened.has_compressed, session).map_err(|error| {
        text!(
            "{path} cannot be read: {error}",
            path = opened.path.display(),
            error = error
        )
    })
}

fn read_events(connection: &Connection, has_compressed: bool, session: &str) -> rusqlite::Result<(Vec<Entry>, Counts)> {
    let compressed = if has_compressed { "event_zstd" } else { "NULL" };
    let statement = format!(
        "SELECT event_json, created_at, {compressed} FROM transcript_events WHERE session_id = ?1 ORDER BY seq"
    );
    let mut statement = connection.prepare(&statement)?;
    let mut rows = statement.query([session])?;
    let (mut entries, mut skipped) = (Vec::new(), Counts::new());
    while let Some(row) = rows.next()? {
        let bytes = match (row.get_ref(0)?, row.get_ref(2)?) {
            (ValueRef::Text(bytes) | ValueRef::Blob(bytes), _) => Some(Cow::Borrowed(bytes)),
            (_, ValueRef::Blob(bytes)) => {
                let unpacked = packed::unpack(bytes, packed::LARGEST_ENTRY);
                if unpacked.is_none() {
                    count(&mut skipped, Skipped::Compressed);
                    continue;
                }
                unpacked.map(Cow::Owned)
            }
            _ => None,
        };
        match bytes.and_then(|bytes| Entry::read(&bytes)) {
            Some(mut entry) => {
                let created: Option<i64> = row.get(1).unwrap_or_default();
                entry.at = content::said_at(&entry).or(created.map(Time));
                entries.push(entry);
            }
            None => count(&mut skipped, Skipped::Unreadable),
        }
    }
    Ok((entries, skipped))
}

fn sources(mut opened: Opened, agent: &str) -> rusqlite::Result<Vec<Source>> {
    let Ok(connection) = opened.connection.get_mut() else {
        return Ok(Vec::new());
    };
    let events = columns(connection, "transcript_events")?;
    if !["session_id", "seq", "event_json", "created_at"]
        .iter()
        .all(|name| events.contains(&(*name).to_owned()))
    {
        return Ok(Vec::new());
    }
    opened.has_compressed = events.contains(&"event_zstd".to_owned());
    let keys = keys(connection)?;
    let mut current: BTreeMap<String, Option<String>> = BTreeMap::new();
    for found in current_sessions(connection)? {
        current.insert(found.session, found.title);
    }
    let sessions: Vec<String> = {
        let mut statement =
            connection.prepare("SELECT DISTINCT session_id FROM transcript_events ORDER BY session_id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let archives = archives(connection, agent)?;
    let opened = std::sync::Arc::new(opened);
    let mut sources: Vec<Source> = sessions
        .into_iter()
        .map(|session| Source {
            agent: agent.to_owned(),
            key: keys.get(&session).and_then(|key| SessionKey::within(agent, key).ok()),
            title: current.get(&session).cloned().flatten(),
            ended: (!current.is_empty() && !current.contains_key(&session)).then_some("replaced"),
            session,
            stored: Stored::Database(std::sync::Arc::clone(&opened)),
        })
        .collect();
    sources.extend(archives);
    Ok(sources)
}

/// The conversations of sessions: `session_windows` since schema 2026.9, `sessions` before.
fn keys(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut keys = BTreeMap::new();
    for table in ["sessions", "session_windows"] {
        let columns = columns(connection, table)?;
        if !["session_id", "session_key"]
            .iter()
            .all(|name| columns.contains(&(*name).to_owned()))
        {
            continue;
        }
        let statement = format!("SELECT session_id, session_key FROM {table} WHERE session_key IS NOT NULL");
        let mut statement = connection.prepare(&statement)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            let (session, key) = row?;
            keys.insert(session, key);
        }
    }
    Ok(keys)
}

/// The sessions that conversations go on with: `session_nodes` since schema 2026.9, `session_entries` before.
fn current_sessions(connection: &Connection) -> rusqlite::Result<Vec<Current>> {
    for (table, session) in [
        ("session_nodes", "current_session_id"),
        ("session_entries", "session_id"),
    ] {
        let columns = columns(connection, table)?;
        if !columns.contains(&session.to_owned()) {
            continue;
        }
        let entry = if columns.contains(&"entry_json".to_owned()) {
            "entry_json"
        } else {
            "NULL"
        };
        let mut statement = connection.prepare(&format!("SELECT {session}, {entry} FROM {table}"))?;
        let rows = statement.query_map([], |row| {
            let entry: Option<String> = row.get(1).unwrap_or_default();
            let entry = entry.and_then(|text| serde_json::from_str(&text).ok());
            Ok(Current {
                session: row.get(0)?,
                title: entry.as_ref().and_then(current_of).and_then(|current| current.title),
            })
        })?;
        return rows.collect();
    }
    Ok(Vec::new())
}

/// Sessions that are over and lie in the database as a whole.
fn archives(connection: &Connection, agent: &str) -> rusqlite::Result<Vec<Source>> {
    let columns = columns(connection, "session_transcript_archives")?;
    let wanted = [
        "session_id",
        "session_key",
        "reason",
        "encoding",
        "archive_blob",
        "created_at",
    ];
    if !wanted.iter().all(|name| columns.contains(&(*name).to_owned())) {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(
        "SELECT session_id, session_key, reason, archive_blob, encoding FROM session_transcript_archives \
         WHERE encoding IN ('identity', 'zstd') ORDER BY created_at DESC",
    )?;
    let rows = statement.query_map([], |row| {
        let (key, reason): (String, String) = (row.get(1)?, row.get(2)?);
        let (bytes, encoding): (Vec<u8>, String) = (row.get(3)?, row.get(4)?);
        Ok(Source {
            agent: agent.to_owned(),
            session: row.get(0)?,
            key: SessionKey::within(agent, &key).ok(),
            title: None,
            ended: Some(if reason == "deleted" { "deleted" } else { "reset" }),
            stored: if encoding == "zstd" {
                Stored::Packed(bytes)
            } else {
                Stored::Archive(bytes)
            },
        })
    })?;
    rows.collect()
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

fn open(path: &Path, own: &Path) -> io::Result<Opened> {
    let log = beside(path, "-wal");
    let looked = (seen(path), seen(&log));
    let is_whole = looked.1.is_none_or(|(bytes, _)| bytes == 0);
    let (from, copy) = if is_whole {
        (path.to_owned(), None)
    } else {
        let folder = own.join(format!("openclaw-{}.part", new_id()));
        files::folder(&folder)?;
        let to = folder.join("copy.sqlite");
        let copied = copy_file(path, &to).and_then(|()| copy_file(&log, &beside(&to, "-wal")));
        if copied.is_err() || (seen(path), seen(&log)) != looked {
            let _ = fs::remove_dir_all(&folder);
            copied?;
            return Err(io::Error::other(
                "OpenClaw has written to it in this moment; end it first",
            ));
        }
        (to, Some(folder))
    };
    let opened = if copy.is_some() {
        Connection::open_with_flags(&from, OpenFlags::SQLITE_OPEN_READ_WRITE)
    } else {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(sqlite::unchanging(&from), flags)
    };
    let remove = |error| {
        if let Some(copy) = &copy {
            let _ = fs::remove_dir_all(copy);
        }
        io::Error::other(error)
    };
    let connection = opened.map_err(remove)?;
    let safe = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;";
    connection.execute_batch(safe).map_err(remove)?;
    Ok(Opened {
        connection: Mutex::new(connection),
        path: path.to_owned(),
        copy,
        has_compressed: false,
    })
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = files::open(to)?;
    io::copy(&mut fs::File::open(from)?, &mut copy).map(drop)
}

fn seen(path: &Path) -> Look {
    let data = fs::metadata(path).ok()?;
    Some((data.len(), data.modified().ok()?))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    name.into()
}
