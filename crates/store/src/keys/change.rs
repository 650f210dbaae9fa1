//! Hearing that keys were made or revoked, also by another process.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};

use super::Keys;
use crate::{
    sql::{Flavor, params},
    wakes::Topic,
};

/// How often SQLite is asked whether another process has written. PostgreSQL tells it.
const LOOKED: Duration = Duration::from_millis(400);

/// Hears of changes. What happens while nobody waits is heard the next time.
#[derive(Debug)]
pub struct KeyChanges {
    keys: Keys,
    woken: watch::Receiver<u64>,
    /// What SQLite counts of the changes by others.
    version: Option<i64>,
}

impl Keys {
    /// To hear of changes from now on.
    pub async fn changes(&self) -> KeyChanges {
        let mut changes = KeyChanges {
            keys: self.clone(),
            woken: self.0.wakes(Topic::Keys),
            version: None,
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
            let version = self.data_version().await;
            if version.is_some() && version != self.version {
                self.version = version;
                return;
            }
        }
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
