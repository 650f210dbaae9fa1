//! Stores for these tests.

use std::{path::PathBuf, time::Duration};

use yabby_core::Secret;

use crate::{
    error::Result,
    open::{Access, Place},
    postgres::{self, Limits},
    sql::{Tx, params},
    store::Store,
};

/// Long enough for every server, and short where a test waits for the end of it.
pub(super) const SHORT: Limits = Limits {
    total: Duration::from_millis(300),
    starting: Duration::ZERO,
    answer: Duration::from_secs(40),
};

pub(super) async fn try_open(url: &str, access: Access, limits: Limits) -> Result<Store> {
    let url = Secret::new(url);
    let place = Place::Postgres {
        url: url.clone(),
        folder: PathBuf::new(),
    };
    postgres::open(&place, &url, access, limits).await
}

pub(super) async fn open(url: &str) -> Store {
    try_open(url, Access::Write, Limits::default()).await.expect("a store")
}

/// Counts a number up, by a job that may be run again; how often its statement ran, with it.
pub(super) fn note(tx: &mut dyn Tx, name: &str) -> Result<()> {
    let statement = "INSERT INTO meta (name, value) VALUES (?1, '1') \
                     ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)";
    tx.execute(statement, params![name]).map(drop)
}

/// The number of a name.
pub(super) async fn noted(store: &Store, name: &'static str) -> Option<String> {
    let read = store.read("noted", move |tx| {
        let row = tx.query_one("SELECT value FROM meta WHERE name = ?1", params![name])?;
        row.map(|row| row.text(0)).transpose()
    });
    read.await.expect("a row")
}

/// The number of the server's process for a transaction.
pub(super) fn server_process(tx: &mut dyn Tx) -> Result<i64> {
    let row = tx.query_one("SELECT pg_backend_pid()", params![])?;
    row.expect("a row").int(0)
}
