//! STAND-IN for the transcript's own `append`, to be replaced when that is merged: it adds items and nothing beside them.

use crate::{
    error::Result,
    json,
    sql::{Tx, params},
    transcript::{Content, NewItem},
};

/// Adds items to a session.
pub(crate) fn append(tx: &mut dyn Tx, conversation: &str, session: &str, items: &[NewItem]) -> Result<()> {
    let now = tx.now()?;
    let statement = "INSERT INTO sessions (id, conversation, agent, begun_at, active_at, label) \
                     VALUES (?1, ?2, 'main', ?3, ?3, '{}') ON CONFLICT (id) DO NOTHING";
    tx.execute(statement, params![session, conversation, now])?;
    for item in items {
        let kind = match &item.content {
            Content::Message { .. } => "user",
            Content::Summary { .. } => "summary",
            Content::Note { .. } => "note",
        };
        let statement = "INSERT INTO items (item, session, seq, turn, at, kind, label, body) \
                         VALUES (?1, ?2, (SELECT COALESCE(MAX(seq) + 1, 0) FROM items WHERE session = ?2), \
                         ?3, ?4, ?5, ?6, ?7) ON CONFLICT (item) DO NOTHING";
        tx.execute(
            statement,
            params![
                &item.id,
                session,
                item.turn.clone(),
                item.at,
                kind,
                json::to_text(&item.label)?,
                json::to_text(&item.content)?,
            ],
        )?;
    }
    let statement =
        "UPDATE sessions SET next_seq = (SELECT COUNT(*) FROM items WHERE items.session = sessions.id) WHERE id = ?1";
    tx.execute(statement, params![session]).map(drop)
}
