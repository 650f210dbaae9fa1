//! Keys of the gateway, and codes for them.

use std::time::Duration;

use tokio::time::timeout;
use yabby_core::{Time, Zone};
use yabby_store::{Exchanged, Key, KeyHash, KeyKind, Keys, NewCode, NewKey, Place, Scopes, StoreErrorKind};

use crate::both::{change, on_both, open};

fn new(id: &str, secret: &str) -> NewKey {
    NewKey {
        id: id.to_owned(),
        name: format!("key {id} 早安"),
        hash: KeyHash::of(secret.as_bytes()),
        kind: KeyKind::Client,
        scopes: Scopes {
            models: vec!["lm/*".to_owned()],
            budget: Some(0.5),
            zone: Some(Zone::Region("eu".to_owned())),
            ..Scopes::default()
        },
        expires_at: Some(Time(i64::MAX)),
    }
}

fn ids(keys: &[Key]) -> Vec<&str> {
    keys.iter().map(|key| key.made.id.as_str()).collect()
}

#[tokio::test]
async fn a_key_is_made_found_used_and_revoked() {
    on_both(async |place| {
        let keys = Keys::open(place).await.unwrap();
        let made = keys.add(new("a", "one")).await.unwrap();
        let expected = Key {
            made: new("a", "one"),
            created_at: made.created_at,
            last_used_at: None,
            revoked_at: None,
        };
        assert_eq!(made, expected);
        // Once more is the same; another one with its id or its secret is not made.
        assert_eq!(keys.add(new("a", "one")).await.unwrap(), made);
        for other in [new("a", "two"), new("b", "one")] {
            assert_eq!(keys.add(other).await.unwrap_err().kind, StoreErrorKind::Invalid);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        keys.add(new("b", "two")).await.unwrap();
        assert_eq!(ids(&keys.list().await.unwrap()), ["a", "b"]);
        assert_eq!(keys.find("a").await.unwrap(), Some(made.clone()));
        assert_eq!(keys.find("c").await.unwrap(), None);

        keys.used(vec!["b".to_owned(), "a".to_owned(), "gone".to_owned()])
            .await
            .unwrap();
        let used = keys.find("a").await.unwrap().unwrap().last_used_at.unwrap();
        assert!(used >= made.created_at);
        tokio::time::sleep(Duration::from_millis(2)).await;
        // It is noted to the minute.
        keys.used(vec!["a".to_owned()]).await.unwrap();
        assert_eq!(keys.find("a").await.unwrap().unwrap().last_used_at, Some(used));
        change(
            place,
            "UPDATE keys SET last_used_at = last_used_at - 60000 WHERE id = 'a'",
        );
        keys.used(vec!["a".to_owned()]).await.unwrap();
        assert!(keys.find("a").await.unwrap().unwrap().last_used_at > Some(used));

        let revoked = keys.revoke("a").await.unwrap();
        assert!(
            revoked.revoked_at.is_some() && !revoked.is_valid(Time(0)),
            "{revoked:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(keys.revoke("a").await.unwrap(), revoked);
        assert_eq!(keys.add(new("a", "one")).await.unwrap(), revoked);
        assert_eq!(keys.revoke("c").await.unwrap_err().kind, StoreErrorKind::Missing);
        let other = keys.find("b").await.unwrap().unwrap();
        assert!(other.is_valid(Time(i64::MAX - 1)) && !other.is_valid(Time(i64::MAX)));
    })
    .await;
}

#[tokio::test]
async fn a_secret_is_kept_nowhere() {
    on_both(async |place| {
        let secret = "canary-of-a-key";
        let keys = Keys::open(place).await.unwrap();
        keys.add(new("a", secret)).await.unwrap();
        drop(keys);
        let Place::Folder(folder) = place else { return };
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.is_file() {
                let bytes = std::fs::read(&file).unwrap();
                assert!(
                    !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                    "{file:?}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_soon() {
    on_both(async |place| {
        let keys = Keys::open(place).await.unwrap();
        let code = KeyHash::of(b"code");
        let exchanged = |id: &str| Exchanged {
            id: id.to_owned(),
            hash: KeyHash::of(id.as_bytes()),
        };
        let new_code = || NewCode {
            hash: code,
            name: "phone".to_owned(),
            scopes: Scopes::all(),
        };
        assert_eq!(keys.exchange(code, exchanged("a")).await.unwrap(), None);
        keys.new_code(new_code()).await.unwrap();
        let key = keys.exchange(code, exchanged("a")).await.unwrap().unwrap();
        let days = key.made.expires_at.unwrap().since(key.created_at).as_secs_f64() / 86400.0;
        assert_eq!(
            (key.made.kind, key.made.name.as_str(), &key.made.scopes, days.round()),
            (KeyKind::Device, "phone", &Scopes::all(), 90.0)
        );
        // The same question again, whose answer was lost, has the same answer; another one has none.
        assert_eq!(keys.exchange(code, exchanged("a")).await.unwrap(), Some(key));
        assert_eq!(keys.exchange(code, exchanged("b")).await.unwrap(), None);
        keys.new_code(new_code()).await.unwrap();
        assert_eq!(keys.exchange(code, exchanged("b")).await.unwrap(), None);

        let late = KeyHash::of(b"late");
        keys.new_code(NewCode {
            hash: late,
            ..new_code()
        })
        .await
        .unwrap();
        change(
            place,
            "UPDATE key_codes SET expires_at = expires_at - 600000 WHERE key IS NULL",
        );
        assert_eq!(keys.exchange(late, exchanged("c")).await.unwrap(), None);
        assert_eq!(ids(&keys.list().await.unwrap()), ["a"]);
    })
    .await;
}

#[tokio::test]
async fn keys_change_while_another_process_has_the_store_and_are_heard_of() {
    on_both(async |place| {
        // The first one to come makes the store.
        let own = Keys::open(place).await.unwrap();
        let store = open(place).await;
        let mut changes = store.keys().changes().await;
        let mut heard = async || timeout(Duration::from_secs(5), changes.next()).await.unwrap();
        own.add(new("a", "one")).await.unwrap();
        heard().await;
        assert_eq!(ids(&store.keys().list().await.unwrap()), ["a"]);
        own.revoke("a").await.unwrap();
        heard().await;
        store.keys().add(new("b", "two")).await.unwrap();
        heard().await;
        assert_eq!(ids(&own.list().await.unwrap()), ["a", "b"]);
    })
    .await;
}
