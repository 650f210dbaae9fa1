//! What is too old goes.

use std::time::Duration;

use yabby_core::Time;

use super::remove::{Removal, remove};
use crate::{
    error::Result,
    sql::{Tx, params},
    store::Store,
};

/// So many sessions are deleted in one transaction: others wait for it.
const AT_ONCE: usize = 50;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepFor {
    /// Sessions in which nothing has happened for so long are deleted; `None` keeps them.
    pub sessions: Option<Duration>,
    /// Of more sessions than this, those in which nothing has happened for longest are deleted.
    pub max_sessions: Option<u32>,
    /// How long it is known what has come in, gone out and been done: a message that is sent again later than that would be
    /// answered again.
    pub inbox: Duration,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Sessions.
    pub sessions: u64,
    /// Messages that came in or went out, effects and questions, all of them at their end, and responses.
    pub ended: u64,
}

impl Store {
    /// Deletes what was kept for long enough, a little at a time. Sessions in which somebody works are left.
    pub async fn prune(&self, keep: KeepFor, now: Time) -> Result<Pruned> {
        let mut pruned = Pruned {
            ended: self.prune_ended(now - keep.inbox).await?,
            sessions: 0,
        };
        let oldest = keep.sessions.map(|time| now - time);
        loop {
            let (ids, before) = self
                .read("stale_sessions", move |tx| stale(tx, oldest, keep.max_sessions))
                .await?;
            let mut removed = 0;
            for ids in ids.chunks(AT_ONCE) {
                let ids = ids.to_vec();
                let hashes = self
                    .write("prune_sessions", move |tx| {
                        let mut hashes = Vec::new();
                        let mut removed = 0;
                        for id in &ids {
                            match remove(tx, id, before)? {
                                Removal::Done(found) => {
                                    hashes.extend(found);
                                    removed += 1;
                                }
                                // What is in work is for the next time.
                                Removal::Left | Removal::InWork => {}
                            }
                        }
                        Ok((hashes, removed))
                    })
                    .await?;
                removed += hashes.1;
                self.sweep_files(hashes.0).await?;
            }
            pruned.sessions += removed;
            if removed == 0 {
                return Ok(pruned);
            }
        }
    }

    async fn prune_ended(&self, before: Time) -> Result<u64> {
        self.write("prune_ended", move |tx| {
            let mut deleted = 0;
            for statement in [
                "DELETE FROM inbox WHERE ended_at < ?1",
                // What has stopped waits for the owner, however long.
                "DELETE FROM outbox WHERE ended_at < ?1 AND state IN ('sent', 'dropped')",
                // A turn that is not at its end may run again, and must find what it has done.
                "DELETE FROM effects WHERE state = 'done' AND ended_at < ?1 AND NOT EXISTS \
                 (SELECT 1 FROM inbox WHERE inbox.turn = effects.turn AND inbox.ended_at IS NULL)",
                "DELETE FROM approvals WHERE state <> 'open' AND answered_at < ?1",
                "DELETE FROM responses WHERE created_at < ?1",
            ] {
                deleted += tx.execute(statement, params![before])?;
            }
            Ok(deleted)
        })
        .await
    }
}

/// Sessions to be deleted, and the time since which nothing may have happened in them.
fn stale(tx: &mut dyn Tx, oldest: Option<Time>, most: Option<u32>) -> Result<(Vec<String>, Option<Time>)> {
    let ids = |rows: &[crate::sql::Row]| rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>();
    if let Some(oldest) = oldest {
        let statement = "SELECT id FROM sessions WHERE active_at < ?1 ORDER BY active_at LIMIT 1000";
        let found = ids(&tx.query(statement, params![oldest])?)?;
        if !found.is_empty() {
            return Ok((found, Some(oldest)));
        }
    }
    let Some(most) = most else {
        return Ok((Vec::new(), None));
    };
    let statement = "SELECT id FROM sessions ORDER BY active_at DESC, id DESC LIMIT 1000 OFFSET ?1";
    Ok((ids(&tx.query(statement, params![most])?)?, None))
}
