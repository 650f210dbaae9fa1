//! What a store holds, in numbers.

use yabby_core::{Time, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    portable::{self, TABLES},
    sql::{Flavor, Tx, params},
    sqlite,
    store::Store,
};

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Bytes of the database, and of the attachments where these are files.
    pub bytes: u64,
    /// Conversations.
    pub conversations: u64,
    /// Sessions.
    pub sessions: u64,
    /// Items of all transcripts.
    pub items: u64,
    /// Attachments.
    pub attachments: u64,
    /// Messages that wait for an answer, or are being answered.
    pub waiting_in: u64,
    /// Deliveries that wait to be sent, or to be decided on.
    pub waiting_out: u64,
    /// Questions to the owner that are open.
    pub questions: u64,
    /// When something was said last.
    pub last_item: Option<Time>,
}

impl Store {
    /// What it holds.
    pub async fn overview(&self) -> Result<Overview> {
        let folder = self.place().folder().to_owned();
        self.read("overview", move |tx| {
            let bytes = match tx.flavor() {
                Flavor::Sqlite => {
                    let names = [sqlite::DATABASE, sqlite::LOG, "attachments"];
                    let sizes = names.iter().map(|name| portable::size(&folder.join(name)));
                    sizes.sum::<std::io::Result<u64>>().map_err(|error| {
                        let message = text!("the store cannot be used: {error}", error = error);
                        StoreError::new(StoreErrorKind::Other, message).with_source(error)
                    })?
                }
                Flavor::Postgres => size_of_tables(tx)?,
            };
            let last = tx.query_one("SELECT MAX(active_at) FROM sessions", params![])?;
            Ok(Overview {
                bytes,
                conversations: count(tx, "conversations")?,
                sessions: count(tx, "sessions")?,
                items: count(tx, "items")?,
                attachments: count(tx, "attachments")?,
                waiting_in: count(tx, "inbox WHERE ended_at IS NULL")?,
                waiting_out: count(tx, "outbox WHERE ended_at IS NULL")?,
                questions: count(tx, "approvals WHERE state = 'open'")?,
                last_item: last.map_or(Ok(None), |row| row.opt_time(0))?,
            })
        })
        .await
    }
}

fn count(tx: &mut dyn Tx, of: &str) -> Result<u64> {
    let row = tx.query_one(&format!("SELECT COUNT(*) FROM {of}"), params![])?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
}

fn size_of_tables(tx: &mut dyn Tx) -> Result<u64> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let statement = "SELECT CAST(COALESCE(SUM(pg_total_relation_size(to_regclass(name))), 0) AS BIGINT) \
                     FROM unnest(string_to_array(?1, ',')) AS name";
    let row = tx.query_one(statement, params![names.join(",")])?;
    Ok(row.map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
}
