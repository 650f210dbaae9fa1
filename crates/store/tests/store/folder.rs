//! The folder of a store in SQLite: who has it, and what is in it.

use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use yabby_store::{Access, Place, Store, StoreError, StoreErrorKind};

const LONG: Duration = Duration::from_mins(1);

async fn open(folder: &Path, access: Access) -> Result<Store, StoreError> {
    Store::open(&Place::Folder(folder.to_owned()), access).await
}

async fn opened(folder: &Path) -> Store {
    open(folder, Access::Write).await.expect("a store")
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test]
async fn one_writes_and_others_read() {
    let folder = temporary();
    let store = opened(folder.path()).await;
    let second = open(folder.path(), Access::Write).await.unwrap_err();
    assert_eq!(
        second.kind,
        StoreErrorKind::InUse {
            pid: Some(std::process::id())
        }
    );
    assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
    let reader = open(folder.path(), Access::Read).await.expect("a reader");
    let refused = reader.lease_conversation("c", LONG).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::ReadOnly);
    drop(store);
    opened(folder.path()).await;
}

#[tokio::test]
async fn what_is_not_there_is_not_made_by_reading() {
    let folder = temporary();
    let error = open(&folder.path().join("none"), Access::Read).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Missing);
    assert!(!folder.path().join("none").exists());
}

#[tokio::test]
async fn only_its_owner_can_look_into_it() {
    let folder = temporary();
    let place = folder.path().join("store");
    let store = opened(&place).await;
    store.lease_conversation("c", LONG).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    for file in fs::read_dir(&place).expect("a folder") {
        let path = file.expect("a file").path();
        assert_eq!(
            mode(&path),
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
    }
}

#[tokio::test]
async fn a_dead_owner_owns_nothing() {
    let folder = temporary();
    let store = opened(folder.path()).await;
    store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
    // As far as the database knows, it was killed.
    drop(store);
    let store = opened(folder.path()).await;
    store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
}

#[tokio::test]
async fn a_damaged_store_is_copied_and_refused() {
    let folder = temporary();
    let store = opened(folder.path()).await;
    for number in 0..500 {
        store
            .lease_conversation(&format!("conversation {number}"), LONG)
            .await
            .unwrap();
    }
    drop(store);
    let database = folder.path().join("yabby.db");
    let file = fs::OpenOptions::new().write(true).open(&database).expect("a file");
    for page in 3..fs::metadata(&database).expect("a file").len() / 4096 {
        file.write_all_at(&[0; 4096], page * 4096).expect("written");
    }
    // It was not closed, as far as anybody can see.
    fs::write(folder.path().join("lock"), r#"{"pid":1,"closed":false}"#).expect("written");
    let error = open(folder.path(), Access::Write).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    let backups = fs::read_dir(folder.path().join("backups")).expect("a folder");
    let copies: Vec<_> = backups.map(|copy| copy.expect("a copy").path()).collect();
    assert_eq!(copies.len(), 1);
    assert!(copies[0].join("yabby.db").exists());
    assert!(error.to_string().contains(&copies[0].display().to_string()), "{error}");
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let folder = temporary();
    drop(opened(folder.path()).await);
    let connection = rusqlite::Connection::open(folder.path().join("yabby.db")).expect("a database");
    connection
        .execute("UPDATE meta SET value = '999' WHERE name = 'schema'", [])
        .expect("changed");
    drop(connection);
    for access in [Access::Write, Access::Read] {
        let error = open(folder.path(), access).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
    }
}
