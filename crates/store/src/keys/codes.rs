//! Codes that are exchanged for a key, once and soon.

use std::time::Duration;

use super::{
    Key, KeyHash, KeyKind, Keys, NewKey, Scopes,
    kept::{by_id, put},
};
use crate::{error::Result, json, sql::params};

/// How long a code is good.
const GOOD: Duration = Duration::from_mins(10);
/// How long a key is good that a code was exchanged for.
const OF_DEVICE: Duration = Duration::from_hours(24 * 90);
/// What is older is removed when a new one is made.
const KEPT: Duration = Duration::from_hours(24);

/// A code that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCode {
    /// The hash of it.
    pub hash: KeyHash,
    /// The name of the key that it is exchanged for.
    pub name: String,
    /// What that may do.
    pub scopes: Scopes,
}

/// The key that a code is exchanged for.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchanged {
    /// Its id, from [`crate::new_id`] or shorter.
    pub id: String,
    /// The hash of its secret.
    pub hash: KeyHash,
}

impl Keys {
    /// Makes a code that is good for ten minutes.
    pub async fn new_code(&self, new: NewCode) -> Result<()> {
        self.0
            .write("new_code", move |tx| {
                let now = tx.now()?;
                tx.execute("DELETE FROM key_codes WHERE expires_at < ?1", params![now - KEPT])?;
                let statement = "INSERT INTO key_codes (hash, name, scopes, made_at, expires_at) \
                                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hash) DO NOTHING";
                let scopes = json::to_text(&new.scopes)?;
                tx.execute(
                    statement,
                    params![new.hash.to_text(), &new.name, scopes, now, now + GOOD],
                )?;
                Ok(())
            })
            .await
    }

    /// Exchanges a code for the key of a device, which is good for 90 days; `None` when there is no such code, or it is too
    /// old, or it was exchanged for another key.
    pub async fn exchange(&self, code: KeyHash, for_key: Exchanged) -> Result<Option<Key>> {
        self.0
            .write("exchange_code", move |tx| {
                let now = tx.now()?;
                let taken = "UPDATE key_codes SET key = ?1 WHERE hash = ?2 AND key IS NULL AND expires_at > ?3";
                if tx.execute(taken, params![&for_key.id, code.to_text(), now])? == 0 {
                    // This may be the second run of an operation whose end nobody has heard of.
                    let there = by_id(tx, &for_key.id)?;
                    return Ok(there.filter(|key| key.made.hash == for_key.hash));
                }
                let statement = "SELECT name, scopes FROM key_codes WHERE hash = ?1";
                let Some(row) = tx.query_one(statement, params![code.to_text()])? else {
                    return Ok(None);
                };
                let new = NewKey {
                    id: for_key.id.clone(),
                    name: row.text(0)?,
                    hash: for_key.hash,
                    kind: KeyKind::Device,
                    scopes: row.json(1)?,
                    expires_at: Some(now + OF_DEVICE),
                };
                put(tx, &new).map(Some)
            })
            .await
    }
}
