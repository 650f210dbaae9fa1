//! Being let in, or told why not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use yabby_core::Text;
use yabby_testkit::Postgres;

use super::given::{SHORT, note, open, try_open};
use crate::{
    error::{StoreError, StoreErrorKind},
    open::Access,
    sql::params,
};

/// All that anybody could print of it.
fn everything(error: &StoreError) -> String {
    format!(
        "{error} {error:?} {:?}",
        std::error::Error::source(error).map(ToString::to_string)
    )
}

#[tokio::test]
async fn the_password_is_in_no_error() {
    let server = Postgres::shared();
    let url = server.new_database();
    let secret = "tr0ub4dor";
    let name = url.split('/').next_back().expect("a name");
    let port = server.port();
    for (url, kind) in [
        (url.replace(server.password(), secret), StoreErrorKind::Denied),
        (
            format!("postgres://yabby:{secret}@127.0.0.1:1/{name}"),
            StoreErrorKind::Unavailable,
        ),
        (
            format!("postgres://{secret}@127.0.0.1:{port}/{secret}"),
            StoreErrorKind::Denied,
        ),
        (
            format!("postgres://yabby:x@{secret}@127.0.0.1:1/{name}"),
            StoreErrorKind::Unavailable,
        ),
        (
            format!("postgres://yabby:x/{secret}@127.0.0.1:{port}/d?{secret}=1"),
            StoreErrorKind::Invalid,
        ),
        (
            format!("postgres://127.0.0.1:1/d?user=u&password={secret}&sslmode={secret}"),
            StoreErrorKind::Invalid,
        ),
    ] {
        let error = try_open(&url, Access::Write, SHORT).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        let user_is_secret = url.starts_with(&format!("postgres://{secret}@"));
        assert!(user_is_secret || !everything(&error).contains(secret), "{error:?}");
        assert!(error.hint.is_some(), "{error}");
    }
}

/// What a person reads when a URL leads nowhere.
#[tokio::test]
async fn it_is_said_what_to_do() {
    let server = Postgres::shared();
    let url = server.new_database();
    let name = url.split(['/', '?']).nth(3).expect("a name");
    let port = server.port();
    let mut said = String::new();
    for (url, access) in [
        (url.replace(server.password(), "wrong"), Access::Write),
        (url.replace(name, "nowhere"), Access::Write),
        ("postgres://u:p@127.0.0.1:1/d".to_owned(), Access::Write),
        (url.replace("sslmode=disable", "sslmode=verify-full"), Access::Write),
        (
            url.replace("sslmode=disable", "sslrootcert=/nowhere.pem"),
            Access::Write,
        ),
        (url.replace("sslmode=disable", "sslmode=no"), Access::Write),
        (url.clone(), Access::Read),
    ] {
        let error = try_open(&url, access, SHORT).await.unwrap_err();
        let hint = error.hint.as_ref().map(Text::english).expect("a hint");
        let text = format!("{:?}: {error}\n  {hint}\n", error.kind);
        // The number of macOS is that of Linux here.
        let text = text.replace("os error 61", "os error 111");
        said.push_str(&text.replace(&port.to_string(), "PORT"));
    }
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn what_the_server_does_not_allow_has_a_kind() {
    let server = Postgres::shared();
    for (setting, kind) in [
        ("ALTER DATABASE name CONNECTION LIMIT 0", StoreErrorKind::Unavailable),
        (
            "ALTER DATABASE name SET default_transaction_read_only = on",
            StoreErrorKind::ReadOnly,
        ),
        ("ALTER DATABASE name OWNER TO postgres", StoreErrorKind::Denied),
    ] {
        let url = server.new_database();
        let name = url.split(['/', '?']).nth(3).expect("a name");
        let elsewhere = server.socket_url("postgres");
        server.sql(&elsewhere, &setting.replace("name", name)).unwrap();
        let error = try_open(&url, Access::Write, SHORT).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.hint.is_some(), "{error}");
    }
}

/// As after a failover to a standby, and back.
#[tokio::test]
async fn a_database_that_is_read_only_for_a_while_is_waited_for() {
    let server = Postgres::shared();
    let url = server.new_database();
    let store = open(&url).await;
    let set = |value: &str| {
        let name = url.split(['/', '?']).nth(3).expect("a name");
        let elsewhere = server.socket_url("postgres");
        let setting = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        server.sql(&elsewhere, &setting).unwrap();
    };
    set("on");
    let tries = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tries);
    let job = store.write("job", move |tx| {
        count.fetch_add(1, Ordering::SeqCst);
        note(tx, "job")
    });
    let allow = async {
        while tries.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        set("off");
    };
    let (job, ()) = tokio::join!(job, allow);
    job.unwrap();
}

#[tokio::test]
async fn what_is_stored_is_in_no_error() {
    let store = open(&Postgres::shared().new_database()).await;
    let insert = "INSERT INTO meta (name, value) VALUES (?1, 'x')";
    let twice = store.write("twice", move |tx| {
        tx.execute(insert, params!["my secret"])?;
        tx.execute(insert, params!["my secret"])
    });
    let error = twice.await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(!everything(&error).contains("my secret"), "{error:?}");
}

#[tokio::test]
async fn who_reads_changes_nothing() {
    let url = Postgres::shared().new_database();
    let error = try_open(&url, Access::Read, SHORT).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Missing, "{error}");
    let writer = open(&url).await;
    let reader = try_open(&url, Access::Read, SHORT).await.unwrap();
    let error = reader.write("write", |tx| note(tx, "x")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ReadOnly);
    // Nor does an operation of a writer that only wants to read.
    let error = writer.read("read", |tx| note(tx, "x")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::ReadOnly, "{error}");
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let server = Postgres::shared();
    let url = server.new_database();
    drop(open(&url).await);
    server
        .sql(&url, "UPDATE meta SET value = '999' WHERE name = 'schema'")
        .unwrap();
    for access in [Access::Write, Access::Read] {
        let error = try_open(&url, access, SHORT).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
    }
}

#[tokio::test]
async fn a_database_for_another_alphabet_is_refused() {
    let server = Postgres::shared();
    let elsewhere = server.socket_url("postgres");
    let statement = "CREATE DATABASE latin OWNER yabby TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    server.sql(&elsewhere, statement).unwrap();
    let error = try_open(&server.socket_url("latin"), Access::Write, SHORT)
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    let store = open(&Postgres::shared().new_database()).await;
    let read = store.read("values", |tx| {
        let row = tx.query_one(
            "SELECT CAST(?1 AS BIGINT), CAST(?2 AS DOUBLE PRECISION), CAST(?3 AS TEXT), CAST(?4 AS BYTEA), \
             CAST(?5 AS TEXT), CAST(?6 AS INTEGER), to_tsvector('simple', 'b') @@ CAST(?7 AS TSQUERY)",
            params![i64::MIN, 0.1, "蟹 'x' ?1", vec![0_u8, 255], None::<i64>, 7_i64, "b"],
        )?;
        Ok(row.expect("a row"))
    });
    let expected = params![i64::MIN, 0.1, "蟹 'x' ?1", vec![0_u8, 255], None::<i64>, 7_i64, true];
    assert_eq!(read.await.unwrap().0, expected);
}
