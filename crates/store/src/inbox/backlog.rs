//! How much there is to do.

use std::collections::BTreeMap;

use yabby_core::SessionKey;

use super::next_open;
use crate::{
    error::Result,
    sql::{Tx, params},
    store::Store,
};

/// How many messages are in which state. What has ended long ago is not counted any more: it is deleted in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Of the inbox: `received`, `claimed`, `running`, `done`, `failed`, `dead`.
    pub inbox: BTreeMap<String, u64>,
    /// Of the outbox: `pending`, `sending`, `sent`, `failed`, `unknown`, `held`, `dropped`.
    pub outbox: BTreeMap<String, u64>,
}

impl Store {
    /// How many messages are in which state.
    pub async fn backlog(&self) -> Result<Backlog> {
        self.read("backlog", |tx| {
            Ok(Backlog {
                inbox: count(tx, "inbox")?,
                outbox: count(tx, "outbox")?,
            })
        })
        .await
    }

    /// Whether a conversation has a message that nobody has come to an end with.
    pub async fn is_open(&self, conversation: &SessionKey) -> Result<bool> {
        let conversation = conversation.as_str().to_owned();
        self.read("is_open", move |tx| Ok(next_open(tx, &conversation)?.is_some()))
            .await
    }
}

fn count(tx: &mut dyn Tx, table: &str) -> Result<BTreeMap<String, u64>> {
    let rows = tx.query(
        &format!("SELECT state, count(*) FROM {table} GROUP BY state"),
        params![],
    )?;
    let counted = |row: &crate::sql::Row| Ok((row.text(0)?, u64::try_from(row.int(1)?).unwrap_or(0)));
    rows.iter().map(counted).collect()
}
