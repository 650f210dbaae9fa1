//! Files and pictures that belong to items, by the hash of their bytes: the same file is kept once.

mod attached;

use std::time::Duration;

use yabby_core::{Time, text};

pub(crate) use attached::{Attached, hash_of};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    sql::{Tx, params},
    store::Store,
};

/// What is younger may belong to something that is not written yet.
pub(crate) const YOUNG: Duration = Duration::from_hours(1);

/// How large things may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// An attachment.
    pub attachment: u64,
    /// An item without its pictures.
    pub item: u64,
}

/// Where attachments are kept, and how large they may be.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) attached: Attached,
    pub(crate) limits: Limits,
}

impl Limits {
    /// As large as they are.
    pub(crate) const NONE: Self = Self {
        attachment: u64::MAX,
        item: u64::MAX,
    };
}

impl Default for Limits {
    /// 25 MB and 4 MB.
    fn default() -> Self {
        Self {
            attachment: 25 << 20,
            item: 4 << 20,
        }
    }
}

impl Store {
    /// Keeps a file; its hash. It is kept for an hour at least, and then as long as an item needs it.
    pub async fn attach(&self, bytes: Vec<u8>, media_type: &str) -> Result<String> {
        let (kept, media_type) = (self.kept(), media_type.to_owned());
        self.write("attach", move |tx| put(tx, &kept, bytes.clone(), &media_type))
            .await
    }

    /// The bytes of a file.
    pub async fn file(&self, hash: &str) -> Result<Vec<u8>> {
        let (kept, hash) = (self.kept(), hash.to_owned());
        self.read("file", move |tx| bytes(tx, &kept, &hash)).await
    }
}

/// Keeps bytes; their hash.
pub(crate) fn put(tx: &mut dyn Tx, kept: &Kept, bytes: Vec<u8>, media_type: &str) -> Result<String> {
    if bytes.len() as u64 > kept.limits.attachment {
        let message = text!(
            "a file of {bytes} bytes is larger than the {most} bytes that are allowed",
            bytes = bytes.len(),
            most = kept.limits.attachment
        );
        return Err(StoreError::new(StoreErrorKind::TooLarge, message).with_hint(text!(
            "raise store.limits.attachmentMb in the config, or send a smaller file"
        )));
    }
    let hash = hash_of(&bytes);
    let statement = "INSERT INTO attachments (hash, bytes, media_type, added_at, awaited) VALUES (?1, ?2, ?3, ?4, 1) \
                     ON CONFLICT (hash) DO UPDATE SET added_at = excluded.added_at, awaited = attachments.awaited + 1";
    let now = tx.now()?;
    tx.execute(statement, params![&hash, bytes.len(), media_type, now])?;
    kept.attached.put(tx, &hash, bytes)?;
    Ok(hash)
}

/// Notes that an item needs an attachment.
pub(crate) fn belongs(tx: &mut dyn Tx, item: &str, n: i64, kind: &str, hash: &str, name: Option<&str>) -> Result<()> {
    let statement =
        "UPDATE attachments SET awaited = CASE WHEN awaited > 0 THEN awaited - 1 ELSE 0 END WHERE hash = ?1";
    if tx.execute(statement, params![hash])? == 0 {
        return Err(missing(hash));
    }
    let statement = "INSERT INTO item_attachments (item, n, kind, hash, name) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(statement, params![item, n, kind, hash, name]).map(drop)
}

/// Deletes an attachment that no item needs, unless somebody has just added it for an item that comes; whether it is gone.
pub(crate) fn let_go(tx: &mut dyn Tx, hash: &str, now: Time) -> Result<bool> {
    // Whoever takes it into use meanwhile is waited for, and seen.
    let statement = format!("SELECT 1 FROM attachments WHERE hash = ?1{}", tx.flavor().for_update());
    tx.query_one(&statement, params![hash])?;
    let statement = "DELETE FROM attachments WHERE hash = ?1 AND (awaited = 0 OR added_at < ?2) \
                     AND NOT EXISTS (SELECT 1 FROM item_attachments WHERE hash = ?1)";
    Ok(tx.execute(statement, params![hash, now - YOUNG])? > 0)
}

/// The bytes of an attachment, which are what they were.
pub(crate) fn bytes(tx: &mut dyn Tx, kept: &Kept, hash: &str) -> Result<Vec<u8>> {
    let bytes = kept.attached.read(tx, hash)?.ok_or_else(|| missing(hash))?;
    if hash_of(&bytes) == hash {
        return Ok(bytes);
    }
    let message = text!("the attachment {hash} is not what it was", hash = hash);
    Err(StoreError::new(StoreErrorKind::Missing, message).with_hint(text!("run: yabby store check")))
}

fn missing(hash: &str) -> StoreError {
    let message = text!("the attachment {hash} is not there", hash = hash);
    StoreError::new(StoreErrorKind::Missing, message)
}

/// Deletes the files of hashes that no attachment has any more.
pub(crate) fn sweep(tx: &mut dyn Tx, kept: &Kept, hashes: &[String]) -> Result<()> {
    for hash in hashes {
        let known = tx.query_one("SELECT 1 FROM attachments WHERE hash = ?1", params![hash])?;
        if known.is_none() {
            kept.attached.remove(hash);
        }
    }
    Ok(())
}
