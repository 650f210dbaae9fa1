//! Hearing that keys were made or revoked, also by another process.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::sleep};

use super::Keys;
use crate::{
    sql::{Flavor, params},
    sqlite::LOG,
    wakes::Topic,
};

/// How often it is looked whether another process may have written to SQLite's files. PostgreSQL tells it.
const LOOKED: Duration = Duration::from_millis(400);
/// After so many looks SQLite itself is asked, whatever its files look like.
const ASKED: u32 = 10;

/// How long SQLite's log is, and when it was written to.
type Stamp = Option<(u64, Option<SystemTime>)>;

/// Hears of changes. What happens while nobody waits is heard the next time.
#[derive(Debug)]
pub struct KeyChanges {
    keys: Keys,
    woken: watch::Receiver<u64>,
    /// What SQLite counts of the changes by others.
    version: Option<i64>,
    /// Its log, and how that was when it was last asked.
    log: PathBuf,
    stamp: Stamp,
    /// How often it was looked at since.
    looks: u32,
}

impl Keys {
    /// To hear of changes from now on.
    pub async fn changes(&self) -> KeyChanges {
        let mut changes = KeyChanges {
            keys: self.clone(),
            woken: self.0.wakes(Topic::Keys),
            version: None,
            log: self.0.place().folder().join(LOG),
            stamp: None,
            looks: 0,
        };
        if self.0.flavor() == Flavor::Sqlite {
            changes.version = changes.data_version().await;
        }
        changes
    }
}

impl KeyChanges {
    /// Until keys may have changed.
    pub async fn next(&mut self) {
        loop {
            if self.keys.0.flavor() == Flavor::Postgres {
                if self.woken.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                return;
            }
            tokio::select! {
                Ok(()) = self.woken.changed() => return,
                () = sleep(LOOKED) => {}
            }
            if !self.may_differ() {
                continue;
            }
            let version = self.data_version().await;
            if version.is_some() && version != self.version {
                self.version = version;
                return;
            }
        }
    }

    /// Whether somebody has written since it was last asked, this process too: a look at a file costs a hundredth of a question.
    fn may_differ(&mut self) -> bool {
        let stamp = fs::metadata(&self.log).ok().map(|log| (log.len(), log.modified().ok()));
        self.looks += 1;
        let differs = stamp != self.stamp || self.looks >= ASKED;
        if differs {
            (self.stamp, self.looks) = (stamp, 0);
        }
        differs
    }

    /// <https://www.sqlite.org/pragma.html#pragma_data_version>: it changes when another connection has committed.
    async fn data_version(&self) -> Option<i64> {
        let asked = self.keys.0.read("data_version", |tx| {
            let row = tx.query_one("PRAGMA data_version", params![])?;
            row.map(|row| row.int(0)).transpose()
        });
        asked.await.ok().flatten()
    }
}
