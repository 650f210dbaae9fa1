//! What a session of OpenClaw becomes.

use std::{
    collections::{HashMap, HashSet},
    fs,
};

use sha2::{Digest as _, Sha256};
use yabby_core::{Confidentiality, Integrity, Label, SessionKey, Text, Time, text};

use super::{
    branch,
    content::{self, Read},
    database,
    entry::{self, Counts, Entry, Skipped},
    found::{Source, Stored},
    packed,
};
use crate::{
    json,
    portable::hex,
    transcript::{Content, NewItem},
};

/// A title beyond this is cut.
const LONGEST_TITLE: usize = 200;

/// A session as it will be stored.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) session: String,
    pub(super) conversation: SessionKey,
    pub(super) title: Option<String>,
    pub(super) begun_at: Time,
    pub(super) active_at: Time,
    /// Why it was over in OpenClaw.
    pub(super) ended: Option<&'static str>,
    pub(super) label: Label,
    /// Where it comes from, for the person.
    pub(super) source: String,
    pub(super) items: Vec<NewItem>,
    pub(super) skipped: Counts,
}

/// Reads a session.
pub(super) fn plan(source: &Source) -> Result<Planned, Text> {
    let (entries, skipped, changed_at) = match &source.stored {
        Stored::File(path) => {
            let unreadable =
                |error: std::io::Error| text!("{path} cannot be read: {error}", path = path.display(), error = error);
            let bytes = fs::read(path).map_err(unreadable)?;
            let changed = fs::metadata(path).and_then(|data| data.modified());
            let is_packed = path.extension().is_some_and(|end| end == "zst");
            let (entries, skipped) = if is_packed {
                of_packed(&bytes)
            } else {
                entry::of_lines(&bytes)
            };
            (entries, skipped, changed.map_or(Time(0), Time::from))
        }
        Stored::Database(opened) => {
            let (entries, skipped) = database::events(opened, &source.session)?;
            (entries, skipped, Time(0))
        }
        Stored::Archive(bytes) => {
            let (entries, skipped) = entry::of_lines(bytes);
            (entries, skipped, Time(0))
        }
        Stored::Packed(bytes) => {
            let (entries, skipped) = of_packed(bytes);
            (entries, skipped, Time(0))
        }
    };
    let mut planned = of_entries(&source.agent, &source.session, &entries, skipped, changed_at);
    planned.ended = source.ended;
    if let Some(key) = &source.key {
        planned.conversation = key.clone();
    }
    if planned.title.is_none() {
        planned.title.clone_from(&source.title);
    }
    Ok(planned)
}

/// The entries of a compressed archive.
fn of_packed(bytes: &[u8]) -> (Vec<Entry>, Counts) {
    match packed::unpack(bytes, packed::LARGEST_ARCHIVE) {
        Some(lines) => entry::of_lines(&lines),
        None => (Vec::new(), Counts::from([(Skipped::Compressed, 1)])),
    }
}

/// What the entries of a session become. Ids follow from OpenClaw's, so that they are the same each time.
pub(super) fn of_entries(
    agent: &str,
    session: &str,
    entries: &[Entry],
    mut skipped: Counts,
    otherwise: Time,
) -> Planned {
    let header = entries.iter().find(|entry| entry.kind == "session");
    let mut now = header.and_then(|header| header.at);
    let begun_at = now;
    let active = branch::active(entries);
    left_out(entries, &active, &mut skipped);
    let label = Label::new(Integrity::Untrusted, Confidentiality::Private, "openclaw");
    let mut items: Vec<NewItem> = Vec::new();
    // From an entry to the place of the first item that comes from it or from what follows it.
    let mut places: HashMap<&str, u64> = HashMap::new();
    let mut title = None;
    for at in active {
        let entry = &entries[at];
        let place = items.len() as u64;
        if let Some(id) = &entry.id {
            places.insert(id, place);
        }
        now = content::said_at(entry).or(now);
        let content = match content::read(entry, &mut skipped) {
            Read::Content(content) => content,
            Read::Summary { text, first_kept } => {
                let kept = first_kept.and_then(|id| places.get(id.as_str()).copied());
                match kept.unwrap_or(place).checked_sub(1) {
                    Some(to) => Content::Summary { text, from: 0, to },
                    // Everything that it sums up is gone.
                    None => Content::Note {
                        name: "openclaw:compaction".to_owned(),
                        value: serde_json::json!({ "text": text }),
                    },
                }
            }
            Read::Title(name) => {
                title = Some(name.chars().take(LONGEST_TITLE).collect());
                continue;
            }
            Read::Nothing => continue,
        };
        if json::to_text(&content).is_err() {
            entry::count(&mut skipped, Skipped::Unreadable);
            continue;
        }
        let id = entry.id.clone().unwrap_or_else(|| format!("#{at}"));
        items.push(NewItem {
            id: id_of(&["item", agent, session, &id]),
            turn: None,
            at: now.unwrap_or(otherwise),
            content,
            label: label.clone(),
            attempts: Vec::new(),
            files: Vec::new(),
        });
    }
    let first = items.first().map_or(otherwise, |item| item.at);
    let last = items.iter().map(|item| item.at).max().unwrap_or(otherwise);
    Planned {
        session: id_of(&["session", agent, session]),
        conversation: of_its_own(agent, session),
        title,
        begun_at: begun_at.unwrap_or(first),
        active_at: last,
        ended: None,
        label,
        source: format!("openclaw:{agent}/{session}"),
        items,
        skipped,
    }
}

/// Counts what is not on the active branch.
fn left_out(entries: &[Entry], active: &[usize], skipped: &mut Counts) {
    let active: HashSet<usize> = active.iter().copied().collect();
    let others = entries.iter().enumerate().filter(|(at, _)| !active.contains(at));
    for (_, entry) in others {
        match entry.kind.as_str() {
            "session" | "leaf" => {}
            _ if entry.is_canonical() => entry::count(skipped, Skipped::OtherBranch),
            _ => entry::count(skipped, Skipped::Unknown),
        }
    }
}

/// The conversation of a session that no key leads to any more.
fn of_its_own(agent: &str, session: &str) -> SessionKey {
    let key = SessionKey::within(agent, &format!("openclaw:{session}"));
    key.unwrap_or_else(|_| SessionKey::main(agent))
}

/// An id as [`crate::new_id`] makes them, but always the same for the same names.
fn id_of(names: &[&str]) -> String {
    let mut sum = Sha256::new();
    for name in names {
        sum.update((name.len() as u64).to_be_bytes());
        sum.update(name);
    }
    hex(&sum.finalize()[..16])
}
