//! Connections that break off, servers that end, transactions that meet.

use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use yabby_testkit::{Postgres, dead_port};

use super::given::{SHORT, note, noted, open, server_process, try_open};
use crate::{error::StoreErrorKind, open::Access, postgres::Limits, sql::params};

#[tokio::test]
async fn a_job_is_run_again_when_its_connection_breaks_off() {
    let server = Postgres::shared();
    let url = server.new_database();
    let store = open(&url).await;
    let runs = Arc::new(AtomicU32::new(0));
    let (count, local) = (Arc::clone(&runs), server.socket_url(&url));
    let job = store.write("job", move |tx| {
        note(tx, "job")?;
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            let process = server_process(tx)?;
            server
                .sql(&local, &format!("SELECT pg_terminate_backend({process}, 5000)"))
                .expect("the end of a connection");
        }
        note(tx, "job")
    });
    job.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(noted(&store, "job").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_server_that_is_started_again_is_found_again() {
    let server = Postgres::start();
    let url = server.new_database();
    let store = open(&url).await;
    store.write("first", |tx| note(tx, "first")).await.unwrap();
    server.restart();
    store.write("second", |tx| note(tx, "second")).await.unwrap();
    server.kill_hard();
    let third = store.clone();
    let third = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(third.write("third", |tx| note(tx, "third")))
    });
    server.start_again();
    third.await.expect("a thread").unwrap();
    for name in ["first", "second", "third"] {
        assert_eq!(noted(&store, name).await.as_deref(), Some("1"), "{name}");
    }
}

#[tokio::test]
async fn when_the_server_stays_away_the_caller_is_told() {
    let server = Postgres::start();
    let url = server.new_database();
    let store = try_open(&url, Access::Write, SHORT).await.unwrap();
    store.write("first", |tx| note(tx, "first")).await.unwrap();
    server.stop();
    let error = store.write("second", |tx| note(tx, "second")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    server.start_again();
    store.write("third", |tx| note(tx, "third")).await.unwrap();
    assert_eq!(noted(&store, "second").await, None);
}

#[tokio::test]
async fn nobody_at_the_address_is_said_at_once() {
    let url = format!("postgres://u:p@{}/d", dead_port());
    let error = try_open(&url, Access::Write, SHORT).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    assert!(error.hint.is_some());
}

/// As behind a network that is gone: the connection stands, and nobody answers.
#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let limits = Limits {
        answer: Duration::from_millis(500),
        ..Limits::default()
    };
    let url = Postgres::shared().new_database();
    let store = try_open(&url, Access::Write, limits).await.unwrap();
    let stopped = Arc::new(Mutex::new(None));
    let process = Arc::clone(&stopped);
    let job = store.write("job", move |tx| {
        let mut process = process.lock().expect("a number");
        if process.is_none() {
            let number = i32::try_from(server_process(tx)?).expect("a number");
            *process = Pid::from_raw(number);
            signal(*process, Signal::STOP);
        }
        note(tx, "job")
    });
    job.await.unwrap();
    signal(*stopped.lock().expect("a number"), Signal::CONT);
    assert_eq!(noted(&store, "job").await.as_deref(), Some("1"));
}

fn signal(process: Option<Pid>, signal: Signal) {
    kill_process(process.expect("a process"), signal).expect("a signal");
}

/// Each locks its own row and then wants that of the other.
#[tokio::test]
async fn a_job_that_met_another_in_a_deadlock_is_run_again() {
    let store = open(&Postgres::shared().new_database()).await;
    for name in ["a", "b"] {
        store.write("row", move |tx| note(tx, name)).await.unwrap();
    }
    let met = Arc::new(Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let crossing = |first: &'static str, second: &'static str| {
        let (met, runs) = (Arc::clone(&met), Arc::clone(&runs));
        store.write("crossing", move |tx| {
            note(tx, first)?;
            if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                met.wait();
            }
            note(tx, second)
        })
    };
    let (one, two) = futures_util::future::join(crossing("a", "b"), crossing("b", "a")).await;
    one.unwrap();
    two.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    for name in ["a", "b"] {
        assert_eq!(noted(&store, name).await.as_deref(), Some("3"), "{name}");
    }
}

/// `PostgreSQL` undoes a transaction with an error in it at its commit, and calls that a success.
#[tokio::test]
async fn an_error_that_a_job_does_not_mind_is_one_all_the_same() {
    let store = open(&Postgres::shared().new_database()).await;
    let careless = store.write("careless", |tx| {
        note(tx, "careless")?;
        let _ = tx.execute("INSERT INTO meta (name, value) VALUES (?1, NULL)", params!["x"]);
        Ok(())
    });
    let error = careless.await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
    assert_eq!(noted(&store, "careless").await, None);
}

/// A replica that was paused in the middle of a transaction would hold its locks for ever.
#[tokio::test]
async fn the_server_ends_what_takes_too_long() {
    let store = open(&Postgres::shared().new_database()).await;
    let settings = store.read("settings", |tx| {
        let rows = tx.query(
            "SELECT name || '=' || setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', \
             'idle_in_transaction_session_timeout', 'tcp_user_timeout', 'tcp_keepalives_idle', 'synchronous_commit') \
             ORDER BY name",
            params![],
        )?;
        rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()
    });
    assert_eq!(
        settings.await.unwrap(),
        [
            "idle_in_transaction_session_timeout=15000",
            "lock_timeout=10000",
            "statement_timeout=30000",
            "synchronous_commit=on",
            "tcp_keepalives_idle=10",
            "tcp_user_timeout=15000",
        ]
    );
}

#[tokio::test]
async fn a_commit_is_on_the_disk_also_where_the_database_is_set_up_for_less() {
    let server = Postgres::shared();
    let url = server.new_database();
    server
        .sql(
            &url,
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$",
        )
        .unwrap();
    assert_eq!(server.sql(&url, "SHOW synchronous_commit").unwrap(), "off");
    let store = open(&url).await;
    let setting = store.read("setting", |tx| {
        let row = tx.query_one("SELECT current_setting('synchronous_commit')", params![])?;
        row.map(|row| row.text(0)).transpose()
    });
    assert_eq!(setting.await.unwrap().as_deref(), Some("on"));
}

#[tokio::test]
async fn replicas_that_start_together_make_the_tables_once() {
    for _ in 0..3 {
        let url = Postgres::shared().new_database();
        let opening = (0..8).map(|_| try_open(&url, Access::Write, Limits::default()));
        for store in futures_util::future::join_all(opening).await {
            store.unwrap();
        }
    }
}
