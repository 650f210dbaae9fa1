//! Stores for these tests.

use std::{
    path::PathBuf,
    sync::{Arc, Barrier},
    time::Duration,
};

use futures_util::future::join_all;
use yabby_core::Secret;
use yabby_testkit::Postgres;

use crate::{
    error::Result,
    open::{Access, Place},
    postgres::{self, Limits, WORKERS},
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

pub(crate) async fn open(url: &str) -> Store {
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

/// Runs a statement beside all stores.
pub(crate) fn sql(server: &Postgres, statement: &str) -> String {
    server
        .sql(&server.socket_url("postgres"), statement)
        .expect("a statement")
}

/// The server's process for the connection on which the latest store of a database listens: it holds the lock of that store.
pub(crate) fn listener(server: &Postgres, database: &str) -> String {
    let locks = "locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'";
    sql(
        server,
        &format!(
            "SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE datname = '{database}' AND {locks} \
             ORDER BY backend_start DESC LIMIT 1"
        ),
    )
}

/// Makes all connections that it may need later.
pub(super) async fn use_all_connections(store: &Store) {
    let met = Arc::new(Barrier::new(WORKERS));
    let jobs = (0..WORKERS).map(|_| {
        let met = Arc::clone(&met);
        store.write("meet", move |tx| {
            tx.now()?;
            met.wait();
            Ok(())
        })
    });
    for job in join_all(jobs).await {
        job.unwrap();
    }
}
