//! What was allowed holds until it ends.

use std::time::Duration;

use serde_json::json;
use yabby_core::Time;
use yabby_store::{Grant, NewGrant, Store, StoreErrorKind};

use crate::both::{on_both, open};

fn grant(id: &str, agent: &str, expires_at: Option<Time>) -> NewGrant {
    NewGrant {
        id: id.to_owned(),
        agent: agent.to_owned(),
        body: json!({"tool": "mail", "to": ["早安"]}),
        expires_at,
    }
}

fn names(grants: Vec<Grant>) -> Vec<String> {
    grants.into_iter().map(|grant| grant.given.id).collect()
}

async fn in_force(store: &Store, agent: &str) -> Vec<String> {
    names(store.grants(agent).await.unwrap())
}

#[tokio::test]
async fn a_grant_holds_until_it_ends_or_is_taken_back() {
    on_both(async |place| {
        let store = open(place).await;
        let now = Time::from(std::time::SystemTime::now());
        let given = store.give_grant(grant("a", "main", None)).await.unwrap();
        let expected = Grant {
            given: grant("a", "main", None),
            given_at: given.given_at,
            revoked_at: None,
        };
        assert_eq!(given, expected);
        let later = Some(now + Duration::from_hours(1));
        for grant in [
            grant("b", "main", later),
            grant("c", "main", Some(now)),
            grant("d", "other", None),
        ] {
            tokio::time::sleep(Duration::from_millis(2)).await;
            store.give_grant(grant).await.unwrap();
        }
        assert_eq!(in_force(&store, "main").await, ["a", "b"]);
        assert_eq!(in_force(&store, "other").await, ["d"]);
        let revoked = store.revoke_grant("a").await.unwrap();
        assert!(revoked.revoked_at >= Some(given.given_at), "{revoked:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
        // Once more, it changes nothing; nor does it come back when it is given once more.
        assert_eq!(store.revoke_grant("a").await.unwrap(), revoked);
        assert_eq!(store.give_grant(grant("a", "main", None)).await.unwrap(), revoked);
        assert_eq!(in_force(&store, "main").await, ["b"]);
        assert_eq!(names(store.all_grants("main", 9).await.unwrap()), ["c", "b", "a"]);
        assert_eq!(names(store.all_grants("main", 1).await.unwrap()), ["c"]);
    })
    .await;
}

#[tokio::test]
async fn an_id_stands_for_one_grant() {
    on_both(async |place| {
        let store = open(place).await;
        store.give_grant(grant("a", "main", None)).await.unwrap();
        let other = store.give_grant(grant("a", "other", None)).await.unwrap_err();
        assert_eq!(other.kind, StoreErrorKind::Invalid);
        let missing = store.revoke_grant("b").await.unwrap_err();
        assert_eq!(missing.kind, StoreErrorKind::Missing);
    })
    .await;
}
