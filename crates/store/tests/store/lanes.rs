//! One owner at a time.

use std::time::Duration;

use futures_util::FutureExt as _;
use yabby_store::{Held, Store, StoreErrorKind};

use crate::both::{on_both, open};

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_lane_has_one_owner_at_a_time() {
    on_both(async |place| {
        let store = open(place).await;
        let first = store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
        assert_eq!(store.lease_conversation("c", LONG).await.unwrap(), None);
        assert!(store.lease_conversation("d", LONG).await.unwrap().is_some());
        store.renew(&first, LONG).await.unwrap();
        store.release(&first).await.unwrap();
        let second = store.lease_conversation("c", LONG).await.unwrap().expect("a lease");
        assert!(second.fence() > first.fence(), "{} {}", second.fence(), first.fence());
        let late = store.renew(&first, LONG).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        // Giving back what was lost takes nothing from the other.
        store.release(&first).await.unwrap();
        store.renew(&second, LONG).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_given_back_whoever_leaves() {
    on_both(async |place| {
        let store = open(place).await;
        let held = store.hold("c", LONG).await.unwrap().expect("a lane");
        assert!(store.hold("c", LONG).await.unwrap().is_none());
        // Who did not get it has nothing to give back.
        assert!(store.hold("c", LONG).await.unwrap().is_none());
        drop(held);
        let held = once_free(&store, "c").await;
        held.release().await.unwrap();
        // Whoever asks leaves before it is told; what gives the lane back may overtake what takes it.
        for _ in 0..50 {
            let asked = tokio::task::unconstrained(store.hold("c", LONG)).now_or_never();
            assert!(asked.is_none());
            let held = once_free(&store, "c").await;
            held.release().await.unwrap();
        }
        let held = once_free(&store, "c").await;
        // It was given back with something else that was written: another one's is not touched.
        store.release(held.lease()).await.unwrap();
        held.given_back();
        let other = store.hold("c", LONG).await.unwrap().expect("a lane");
        store.renew(other.lease(), LONG).await.unwrap();
    })
    .await;
}

/// The database does what is asked in its own time.
async fn once_free(store: &Store, conversation: &str) -> Held {
    let free = async {
        loop {
            if let Some(held) = store.hold(conversation, LONG).await.unwrap() {
                return held;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free)
        .await
        .expect("a lane")
}
