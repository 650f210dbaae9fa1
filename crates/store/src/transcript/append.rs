//! Adding.

use yabby_core::{Label, Time, text};

use super::{
    Content, NewItem,
    stored::{apart, kind, said},
};
use crate::{
    attachments::{self, Kept},
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, Lease},
    search,
    sql::{Tx, params},
    store::Store,
};

/// So many characters of the first thing that was said are the title of a session.
const TITLE: usize = 80;

impl Store {
    /// Adds items to a session of the conversation that is leased; the places that they have got. Items that are there
    /// already are not added again.
    pub async fn append(&self, lease: &Lease, session: &str, items: Vec<NewItem>) -> Result<Vec<u64>> {
        let (lease, session, kept) = (lease.clone(), session.to_owned(), self.kept());
        self.write("append", move |tx| {
            lanes::hold(tx, &lease)?;
            append(tx, &kept, &lease.key, &session, &items)
        })
        .await
    }
}

/// Adds items to a session of a conversation whose lane is held.
///
/// It costs the same for a session of any length: the session knows its next place.
pub(crate) fn append(
    tx: &mut dyn Tx,
    kept: &Kept,
    conversation: &str,
    session: &str,
    items: &[NewItem],
) -> Result<Vec<u64>> {
    let mut places = Vec::with_capacity(items.len());
    let Some(mut next) = next_place(tx, conversation, session)? else {
        let message = text!(
            "there is no session {session} of {key}",
            session = session,
            key = conversation
        );
        return Err(StoreError::new(StoreErrorKind::Missing, message));
    };
    let mut label: Option<Label> = None;
    for item in items {
        let known = tx.query_one("SELECT seq FROM items WHERE item = ?1", params![&item.id])?;
        if let Some(known) = known {
            places.push(u64::try_from(known.int(0)?).unwrap_or(0));
            continue;
        }
        insert(tx, kept, session, next, item)?;
        label = Some(label.map_or_else(|| item.label.clone(), |label| label.join(&item.label)));
        places.push(next);
        next += 1;
    }
    if let Some(label) = label {
        note(tx, session, next, &label, items)?;
    }
    Ok(places)
}

/// The next place of a session, which is locked; `None` when the conversation has no such session.
fn next_place(tx: &mut dyn Tx, conversation: &str, session: &str) -> Result<Option<u64>> {
    let statement = format!(
        "SELECT next_seq FROM sessions WHERE id = ?1 AND conversation = ?2{}",
        tx.flavor().for_update()
    );
    let row = tx.query_one(&statement, params![session, conversation])?;
    row.map(|row| Ok(u64::try_from(row.int(0)?).unwrap_or(0))).transpose()
}

/// What the session is to know of its new items.
fn note(tx: &mut dyn Tx, session: &str, next: u64, label: &Label, items: &[NewItem]) -> Result<()> {
    let row = tx.query_one(
        "SELECT label, active_at, heard_at, title FROM sessions WHERE id = ?1",
        params![session],
    )?;
    let Some(row) = row else { return Ok(()) };
    let label = row.json::<Label>(0)?.join(label);
    let active = items.iter().map(|item| item.at).fold(row.time(1)?, Time::max);
    let of_people = items.iter().filter(|item| kind(&item.content) == "user");
    let heard = of_people.clone().map(|item| item.at).chain(row.opt_time(2)?).max();
    let title = row.opt_text(3)?.or_else(|| {
        of_people
            .map(|item| title(&item.content))
            .find(|title| !title.is_empty())
    });
    let statement = "UPDATE sessions SET next_seq = ?1, label = ?2, active_at = ?3, heard_at = ?4, title = ?5 \
                     WHERE id = ?6";
    tx.execute(
        statement,
        params![next, json::to_text(&label)?, active, heard, title, session],
    )
    .map(drop)
}

fn title(content: &Content) -> String {
    let line = said(content).lines().map(str::trim).find(|line| !line.is_empty());
    let mut title: String = line.unwrap_or_default().chars().take(TITLE + 1).collect();
    if title.chars().count() > TITLE {
        title.pop();
        title.push('…');
    }
    title
}

fn insert(tx: &mut dyn Tx, kept: &Kept, session: &str, seq: u64, item: &NewItem) -> Result<()> {
    let parts = apart(&item.content)?;
    let body = json::to_text(&parts.content)?;
    if body.len() as u64 > kept.limits.item {
        let message = text!(
            "an item of {bytes} bytes is larger than the {most} bytes that are allowed",
            bytes = body.len(),
            most = kept.limits.item
        );
        return Err(StoreError::new(StoreErrorKind::TooLarge, message)
            .with_hint(text!("raise store.limits.itemMb in the config, or keep it as a file")));
    }
    let (from, to) = match &item.content {
        Content::Summary { from, to, .. } => (Some(*from), Some(*to)),
        _ => (None, None),
    };
    let statement = "INSERT INTO items (item, session, seq, turn, at, kind, covers_from, covers_to, label, body) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id";
    let row = tx.query_one(
        statement,
        params![
            &item.id,
            session,
            seq,
            item.turn.clone(),
            item.at,
            kind(&item.content),
            from,
            to,
            json::to_text(&item.label)?,
            body,
        ],
    )?;
    let id = row.map_or(Ok(0), |row| row.int(0))?;
    search::index(tx, id, said(&item.content))?;
    beside(tx, item, &parts.opaque)?;
    let mut n = 0_i64;
    for (bytes, media_type) in parts.images {
        let hash = attachments::put(tx, kept, bytes, media_type)?;
        attachments::belongs(tx, &item.id, n, "image", &hash, None)?;
        n += 1;
    }
    for file in &item.files {
        attachments::belongs(tx, &item.id, n, "file", &file.hash, file.name.as_deref())?;
        n += 1;
    }
    Ok(())
}

/// What was tried, and what only a server can read.
fn beside(tx: &mut dyn Tx, item: &NewItem, opaque: &[yabby_core::Opaque]) -> Result<()> {
    let statement = "INSERT INTO item_extras (item, n, kind, endpoint, model, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut n = 0_i64;
    for attempt in &item.attempts {
        let (endpoint, model) = (attempt.endpoint.clone(), attempt.model.to_string());
        let body = json::to_text(attempt)?;
        tx.execute(statement, params![&item.id, n, "attempt", endpoint, model, body])?;
        n += 1;
    }
    for opaque in opaque {
        let (endpoint, model) = (opaque.from.endpoint.clone(), opaque.from.model.clone());
        let body = json::to_text(&opaque.data)?;
        tx.execute(statement, params![&item.id, n, "opaque", endpoint, model, body])?;
        n += 1;
    }
    Ok(())
}
