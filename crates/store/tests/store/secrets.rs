//! Secrets that are kept, with a key and without one.

use std::fs;

use yabby_core::Secret;
use yabby_store::{Place, SecretsKey, StoreErrorKind};

use crate::both::{on_both, open};

fn key(text: &str) -> SecretsKey {
    SecretsKey::new(&Secret::new(text.repeat(32))).expect("a key")
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

#[tokio::test]
async fn a_secret_is_read_with_its_key_alone() {
    on_both(async |place| {
        let store = open(place).await;
        let (own, other) = (key("a"), key("b"));
        store
            .put_secret(Some(&own), "telegram", &secret("very-secret-袋鼠"))
            .await
            .unwrap();
        store.put_secret(None, "plain", &secret("as-it-is")).await.unwrap();
        let read = async |key: Option<&SecretsKey>, name: &str| store.secret(key, name).await;
        assert_eq!(
            read(Some(&own), "telegram").await.unwrap(),
            Some(secret("very-secret-袋鼠"))
        );
        assert_eq!(read(Some(&own), "plain").await.unwrap(), Some(secret("as-it-is")));
        assert_eq!(read(Some(&own), "none").await.unwrap(), None);
        for wrong in [Some(&other), None] {
            let error = read(wrong, "telegram").await.unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Denied, "{error}");
        }
        let names = store.secrets().await.unwrap();
        let names: Vec<_> = names.iter().map(|kept| (kept.name.as_str(), kept.is_sealed)).collect();
        assert_eq!(names, [("plain", false), ("telegram", true)]);
        assert_eq!(store.check().await.unwrap().plain_secrets, 1);
        store
            .put_secret(Some(&own), "telegram", &secret("another"))
            .await
            .unwrap();
        assert_eq!(read(Some(&own), "telegram").await.unwrap(), Some(secret("another")));
        assert!(store.remove_secret("telegram").await.unwrap());
        assert!(!store.remove_secret("telegram").await.unwrap());
        assert_eq!(read(Some(&own), "telegram").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn keys_are_changed_for_all_or_for_none() {
    on_both(async |place| {
        let store = open(place).await;
        let (old, new, third) = (key("a"), key("b"), key("c"));
        store.put_secret(Some(&old), "one", &secret("1")).await.unwrap();
        store.put_secret(None, "two", &secret("2")).await.unwrap();
        store.put_secret(Some(&third), "three", &secret("3")).await.unwrap();
        let error = store.reseal(Some(&old), Some(&new)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Denied, "{error}");
        assert_eq!(store.secret(Some(&old), "one").await.unwrap(), Some(secret("1")));
        assert!(store.remove_secret("three").await.unwrap());
        assert_eq!(store.reseal(Some(&old), Some(&new)).await.unwrap(), 2);
        assert_eq!(store.reseal(Some(&old), Some(&new)).await.unwrap(), 0);
        for (name, value) in [("one", "1"), ("two", "2")] {
            assert_eq!(store.secret(Some(&new), name).await.unwrap(), Some(secret(value)));
        }
        assert_eq!(store.reseal(Some(&new), None).await.unwrap(), 2);
        assert_eq!(store.secret(None, "one").await.unwrap(), Some(secret("1")));
    })
    .await;
}

#[tokio::test]
async fn what_is_encrypted_stands_nowhere_and_cannot_be_exchanged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place::Folder(folder.path().join("store"));
    let own = key("a");
    let store = open(&place).await;
    store
        .put_secret(Some(&own), "one", &secret("find-me-nowhere"))
        .await
        .unwrap();
    store.put_secret(Some(&own), "two", &secret("or-me")).await.unwrap();
    drop(store);
    for file in fs::read_dir(place.folder()).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).unwrap_or_default();
        assert!(
            !bytes.windows(15).any(|part| part == b"find-me-nowhere"),
            "{}",
            path.display()
        );
    }
    let connection = rusqlite::Connection::open(place.folder().join("yabby.db")).expect("a database");
    connection
        .execute_batch("UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'two') WHERE name = 'one'")
        .expect("changed");
    drop(connection);
    let store = open(&place).await;
    let error = store.secret(Some(&own), "one").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    assert_eq!(store.secret(Some(&own), "two").await.unwrap(), Some(secret("or-me")));
}

#[test]
fn a_key_that_could_be_guessed_is_refused() {
    let error = SecretsKey::new(&secret("hunter2")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.hint.expect("a hint").english().contains("openssl rand"));
    assert_eq!(format!("{:?}", key("a")).len(), "aes-256-gcm/1 ".len() + 8);
}
