//! Making, finding and revoking keys.

use std::time::Duration;

use yabby_core::text;

use super::{Key, KeyHash, KeyKind, Keys, NewKey};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    sql::{Row, Tx, params},
    wakes::Topic,
};

/// That a key was used is noted at most once in this time.
const NOTED: Duration = Duration::from_mins(1);
/// The columns that [`key`] reads.
const COLUMNS: &str = "id, name, hash, kind, scopes, expires_at, created_at, last_used_at, revoked_at";

impl Keys {
    /// Makes a key. To do so once more under the same id changes nothing, also when it was revoked meanwhile.
    pub async fn add(&self, new: NewKey) -> Result<Key> {
        self.0.write("add_key", move |tx| put(tx, &new)).await
    }

    /// All keys, also those that are no longer valid, the oldest first.
    pub async fn list(&self) -> Result<Vec<Key>> {
        self.0
            .read("list_keys", |tx| {
                let statement = format!("SELECT {COLUMNS} FROM keys ORDER BY created_at, id");
                tx.query(&statement, params![])?.iter().map(key).collect()
            })
            .await
    }

    /// A key by its id.
    pub async fn find(&self, id: &str) -> Result<Option<Key>> {
        let id = id.to_owned();
        self.0.read("find_key", move |tx| by_id(tx, &id)).await
    }

    /// Revokes a key, which every process hears at once. To do so once more changes nothing.
    pub async fn revoke(&self, id: &str) -> Result<Key> {
        let id = id.to_owned();
        self.0
            .write("revoke_key", move |tx| {
                let now = tx.now()?;
                let statement = "UPDATE keys SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL";
                tx.execute(statement, params![now, &id])?;
                tx.wake(Topic::Keys)?;
                by_id(tx, &id)?.ok_or_else(|| {
                    let message = text!("there is no key {id}", id = id);
                    StoreError::new(StoreErrorKind::Missing, message).with_hint(text!("run: yabby keys list"))
                })
            })
            .await
    }

    /// Notes that keys are used now. Those of which that was noted within a minute stay as they are.
    pub async fn used(&self, mut ids: Vec<String>) -> Result<()> {
        // In one order, so that nobody waits for each other.
        ids.sort();
        self.0
            .write("key_used", move |tx| {
                let now = tx.now()?;
                let statement = "UPDATE keys SET last_used_at = ?1 WHERE id = ?2 \
                                 AND (last_used_at IS NULL OR last_used_at <= ?3 OR last_used_at > ?1)";
                for id in &ids {
                    tx.execute(statement, params![now, id, now - NOTED])?;
                }
                Ok(())
            })
            .await
    }
}

/// Puts a key in, which every process hears.
pub(super) fn put(tx: &mut dyn Tx, new: &NewKey) -> Result<Key> {
    let now = tx.now()?;
    let statement = "INSERT INTO keys (id, name, hash, kind, scopes, created_at, expires_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    tx.execute(
        statement,
        params![
            &new.id,
            &new.name,
            new.hash.to_text(),
            new.kind.name(),
            json::to_text(&new.scopes)?,
            now,
            new.expires_at
        ],
    )?;
    tx.wake(Topic::Keys)?;
    match by_id(tx, &new.id)? {
        Some(there) if there.made == *new => Ok(there),
        _ => Err(StoreError::new(
            StoreErrorKind::Invalid,
            text!("another key has the id {id} or the same secret", id = new.id),
        )),
    }
}

pub(super) fn by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<Key>> {
    let row = tx.query_one(&format!("SELECT {COLUMNS} FROM keys WHERE id = ?1"), params![id])?;
    row.map(|row| key(&row)).transpose()
}

fn key(row: &Row) -> Result<Key> {
    let id = row.text(0)?;
    let unreadable = || {
        let message = text!("the store holds a key that cannot be read: {id}", id = id);
        StoreError::new(StoreErrorKind::Damaged, message).with_hint(text!("run: yabby store check"))
    };
    Ok(Key {
        made: NewKey {
            name: row.text(1)?,
            hash: KeyHash::from_text(&row.text(2)?).ok_or_else(unreadable)?,
            kind: KeyKind::of_name(&row.text(3)?).ok_or_else(unreadable)?,
            scopes: row.json(4)?,
            expires_at: row.opt_time(5)?,
            id,
        },
        created_at: row.time(6)?,
        last_used_at: row.opt_time(7)?,
        revoked_at: row.opt_time(8)?,
    })
}
