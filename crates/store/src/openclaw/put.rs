//! Putting a session into the store.

use super::plan::Planned;
use crate::{
    attachments::Kept,
    error::Result,
    json,
    lanes::{self, LaneKind},
    sql::{Tx, params},
    transcript,
};

/// What became of a session: how many items are new.
pub(super) enum Put {
    /// It was not there.
    New(u64),
    /// It was there.
    Known(u64),
}

/// What would become of it.
pub(super) fn look(tx: &mut dyn Tx, planned: &Planned) -> Result<Put> {
    Ok(match there(tx, planned)? {
        None => Put::New(planned.items.len() as u64),
        Some(there) => Put::Known(planned.items[there..].len() as u64),
    })
}

pub(super) fn put(tx: &mut dyn Tx, kept: &Kept, planned: &Planned) -> Result<Put> {
    let key = planned.conversation.as_str();
    lanes::make(tx, LaneKind::In, key)?;
    let found = there(tx, planned)?;
    let new = &planned.items[found.unwrap_or_default()..];
    let label = json::to_text(&planned.label)?;
    if found.is_none() {
        let insert = "INSERT INTO conversations (key, agent, session, origin, state, updated_at) \
                      VALUES (?1, ?2, ?3, 'null', '{}', ?4) ON CONFLICT (key) DO NOTHING";
        let agent = planned.conversation.agent();
        let current = planned.ended.is_none().then(|| planned.session.clone());
        let mut is_current = tx.execute(insert, params![key, agent, current.clone(), planned.active_at])? == 1;
        if let Some(current) = current {
            let update = "UPDATE conversations SET session = ?1 WHERE key = ?2 AND session IS NULL";
            is_current |= tx.execute(update, params![current, key])? == 1;
        }
        // Where Yabby has a conversation of this name, it goes on as it is.
        let ended = planned.ended.or((!is_current).then_some("imported"));
        let insert = "INSERT INTO sessions \
                      (id, conversation, agent, title, begun_at, active_at, ended_at, ended_by, label, source) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        tx.execute(
            insert,
            params![
                &planned.session,
                key,
                agent,
                planned.title.clone(),
                planned.begun_at,
                planned.active_at,
                ended.map(|_| planned.active_at),
                ended.map(str::to_owned),
                label,
                &planned.source,
            ],
        )?;
    }
    if !new.is_empty() {
        transcript::append(tx, kept, key, &planned.session, new)?;
        // When it was active, and not when it was imported.
        let statement = "UPDATE sessions SET active_at = ?1 WHERE id = ?2";
        tx.execute(statement, params![planned.active_at, &planned.session])?;
    }
    let count = new.len() as u64;
    Ok(if found.is_none() {
        Put::New(count)
    } else {
        Put::Known(count)
    })
}

/// How many of its items are there; `None` when the session is not. When Yabby has gone on with the session, all of them
/// count as there, so that nothing is put behind what came later.
fn there(tx: &mut dyn Tx, planned: &Planned) -> Result<Option<usize>> {
    let known = tx.query_one("SELECT 1 FROM sessions WHERE id = ?1", params![&planned.session])?;
    if known.is_none() {
        return Ok(None);
    }
    let statement = "SELECT item FROM items WHERE session = ?1 ORDER BY seq";
    let rows = tx.query(statement, params![&planned.session])?;
    let there = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
    let ours = planned.items.iter().take(there.len()).map(|item| &item.id);
    let is_beginning = there.len() <= planned.items.len() && there.iter().eq(ours);
    Ok(Some(if is_beginning { there.len() } else { planned.items.len() }))
}
