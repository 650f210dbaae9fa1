//! Deleting sessions, with everything that belongs to them alone.

use yabby_core::{Time, text};

use crate::{
    attachments,
    error::{Result, StoreError, StoreErrorKind},
    lanes::{self, LaneKind},
    search,
    sql::{Tx, params},
    store::Store,
    wakes::Topic,
};

impl Store {
    /// Deletes a session: its items, what lies beside them, the words for the search, and attachments that nothing else
    /// needs. While somebody works in its conversation, and it is the current one, that is refused. Whether it was there.
    pub async fn remove_session(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        let of = id.clone();
        match self.write("remove_session", move |tx| remove(tx, &of, None)).await? {
            Removal::Left => Ok(false),
            Removal::InWork => Err(in_work(&id)),
            Removal::Done(hashes) => {
                self.sweep_files(hashes).await?;
                Ok(true)
            }
        }
    }

    /// Deletes files that no attachment stands for any more.
    pub(crate) async fn sweep_files(&self, hashes: Vec<String>) -> Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let kept = self.kept();
        self.write("sweep_files", move |tx| attachments::sweep(tx, &kept, &hashes))
            .await
    }
}

/// What has become of a session that was to be deleted.
pub(super) enum Removal {
    /// It is gone, and so are the attachments with these hashes.
    Done(Vec<String>),
    /// It is not there, or something has happened in it meanwhile.
    Left,
    /// Somebody works in it.
    InWork,
}

/// Deletes a session in which nothing has happened since `before`.
pub(super) fn remove(tx: &mut dyn Tx, id: &str, before: Option<Time>) -> Result<Removal> {
    let row = tx.query_one("SELECT conversation FROM sessions WHERE id = ?1", params![id])?;
    let Some(row) = row else {
        return Ok(Removal::Left);
    };
    let conversation = row.text(0)?;
    // Nobody begins to work in it before this is done.
    lanes::make(tx, LaneKind::In, &conversation)?;
    let row = tx.query_one("SELECT active_at FROM sessions WHERE id = ?1", params![id])?;
    let Some(row) = row else {
        return Ok(Removal::Left);
    };
    if before.is_some_and(|before| row.time(0).is_ok_and(|active| active >= before)) {
        return Ok(Removal::Left);
    }
    let statement = "SELECT 1 FROM conversations WHERE key = ?1 AND session = ?2";
    let is_current = tx.query_one(statement, params![&conversation, id])?.is_some();
    let now = tx.now()?;
    if is_current && lanes::is_owned(tx, LaneKind::In, &conversation, now)? {
        return Ok(Removal::InWork);
    }
    let of_session = "item IN (SELECT item FROM items WHERE session = ?1)";
    let statement = format!("SELECT DISTINCT hash FROM item_attachments WHERE {of_session}");
    let hashes = tx.query(&statement, params![id])?;
    let hashes = hashes.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
    search::remove(tx, id)?;
    for table in ["item_extras", "item_attachments"] {
        tx.execute(&format!("DELETE FROM {table} WHERE {of_session}"), params![id])?;
    }
    tx.execute("DELETE FROM items WHERE session = ?1", params![id])?;
    tx.execute("DELETE FROM responses WHERE session = ?1", params![id])?;
    tx.execute("DELETE FROM sessions WHERE id = ?1", params![id])?;
    tx.execute(
        "UPDATE conversations SET session = NULL WHERE key = ?1 AND session = ?2",
        params![&conversation, id],
    )?;
    // Whoever looked for work meanwhile has passed over the lane.
    tx.wake(Topic::Inbox)?;
    let mut unneeded = Vec::new();
    for hash in hashes {
        if attachments::let_go(tx, &hash, now)? {
            unneeded.push(hash);
        }
    }
    Ok(Removal::Done(unneeded))
}

fn in_work(id: &str) -> StoreError {
    let message = text!("somebody works in the session {session} now", session = id);
    StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!("end the chat first, or wait for the answer"))
}
