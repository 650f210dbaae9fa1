//! Who is believed to be the server.

use yabby_testkit::Postgres;

use super::given::{SHORT, open, try_open};
use crate::{error::StoreErrorKind, open::Access, sql::params};

fn with(url: &str, query: &str) -> String {
    url.replace("sslmode=disable", query)
}

async fn is_encrypted(url: &str) -> bool {
    let store = open(url).await;
    let used = store.read("used", |tx| {
        let row = tx.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", params![])?;
        row.expect("a row").flag(0)
    });
    used.await.unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_encrypted() {
    let url = Postgres::shared().new_database();
    assert!(!is_encrypted(&url).await);
    assert!(is_encrypted(&with(&url, "sslmode=prefer")).await);
    assert!(is_encrypted(&with(&url, "sslmode=require")).await);
    // The password is proved over the channel, so that nobody in the middle can pass it on.
    assert!(is_encrypted(&with(&url, "sslmode=require&channel_binding=require")).await);
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_refused_when_it_is_checked() {
    let url = Postgres::shared().new_database();
    let error = try_open(&with(&url, "sslmode=verify-full"), Access::Write, SHORT)
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied, "{error}");
    let hint = error.hint.expect("a hint").english();
    assert!(hint.contains("sslrootcert"), "{hint}");
}

#[tokio::test]
async fn a_certificate_counts_for_its_name_only() {
    let server = Postgres::shared();
    let url = server.new_database();
    let authority = server.authority().display().to_string();
    let checked = with(&url, &format!("sslmode=verify-full&sslrootcert={authority}"));
    assert!(is_encrypted(&checked).await);
    let elsewhere = checked.replace("@127.0.0.1:", "@db.example.com:") + "&hostaddr=127.0.0.1";
    let error = try_open(&elsewhere, Access::Write, SHORT).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied, "{error}");
}
