//! What was done is not done again.

use serde_json::json;
use yabby_store::{Begun, StoreErrorKind};

use crate::{
    both::{on_both, open},
    given::{LONG, accept, claim},
};

#[tokio::test]
async fn an_effect_is_done_once() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let lease = claim(&store).await.lease;
        assert_eq!(
            store.begin_effect(&lease, "t/1", "t", "mail 1").await.unwrap(),
            Begun::Go
        );
        store.end_effect(&lease, "t/1", json!({"id": 7})).await.unwrap();
        store.end_effect(&lease, "t/1", json!({"id": 7})).await.unwrap();
        let other = store.end_effect(&lease, "t/1", json!({"id": 8})).await.unwrap_err();
        assert_eq!(other.kind, StoreErrorKind::Missing);
        assert_eq!(
            store.begin_effect(&lease, "t/1", "t", "mail 1").await.unwrap(),
            Begun::Done(json!({"id": 7}))
        );
        assert_eq!(
            store.begin_effect(&lease, "t/1", "t", "mail 2").await.unwrap(),
            Begun::Differs
        );
        let missing = store.end_effect(&lease, "t/2", json!(1)).await.unwrap_err();
        assert_eq!(missing.kind, StoreErrorKind::Missing);
    })
    .await;
}

#[tokio::test]
async fn an_effect_that_may_have_happened_is_not_repeated() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let first = claim(&store).await.lease;
        assert_eq!(store.begin_effect(&first, "t/1", "t", "x").await.unwrap(), Begun::Go);
        // Its owner has lost the conversation.
        store.release(&first).await.unwrap();
        let second = claim(&store).await.lease;
        let late = store.end_effect(&first, "t/1", json!(1)).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        let late = store.begin_effect(&first, "t/2", "t", "x").await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        for _ in 0..2 {
            let begun = store.begin_effect(&second, "t/1", "t", "x").await.unwrap();
            assert_eq!(begun, Begun::MayHaveHappened);
        }
        // Somebody has found out.
        store.end_effect(&second, "t/1", json!("it was done")).await.unwrap();
        assert_eq!(
            store.begin_effect(&second, "t/1", "t", "x").await.unwrap(),
            Begun::Done(json!("it was done"))
        );
    })
    .await;
}

#[tokio::test]
async fn the_same_effect_twice_at_once_is_one() {
    on_both(async |place| {
        let store = open(place).await;
        let lease = store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
        let begin = || store.begin_effect(&lease, "k", "t", "x");
        let both = tokio::join!(begin(), begin());
        let both = (both.0.unwrap(), both.1.unwrap());
        assert!(
            both == (Begun::Go, Begun::MayHaveHappened) || both == (Begun::MayHaveHappened, Begun::Go),
            "{both:?}"
        );
    })
    .await;
}
