//! What was committed when nobody was told so: the operation is run again, and knows its own work.

use std::time::Duration;

use yabby_store::{DeliveryOutcome, OutboxState, Store};

use crate::{
    both::open,
    given::{LONG, accept, delivery, problem, session},
    lossy::Lossy,
};

/// A database with two ways to it, and a store that takes the one that loses answers.
async fn lossy() -> (tempfile::TempDir, Lossy, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lossy = Lossy::new(folder.path());
    let store = open(&lossy.place).await;
    (folder, lossy, store)
}

/// Runs an operation whose commit is done, but not told; `meanwhile` is done before it is run again.
async fn lost<T>(lossy: &Lossy, operation: impl Future<Output = T>, meanwhile: impl Future<Output = ()>) -> T {
    lossy.lose_next_answer();
    let meanwhile = async {
        while !lossy.has_lost() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        meanwhile.await;
        lossy.open();
    };
    futures_util::future::join(operation, meanwhile).await.0
}

#[tokio::test]
async fn messages_that_were_taken_are_known() {
    let (_folder, lossy, store) = lossy().await;
    let first = accept(&store, "c", "m").await;
    let second = accept(&store, "d", "n").await;
    let claimed = lost(&lossy, store.claim_message(LONG), async {})
        .await
        .unwrap()
        .expect("a message");
    assert_eq!((claimed.id, claimed.claims), (first, 1));
    store.renew(&claimed.lease, LONG).await.unwrap();
    store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
    // The other one was not taken on the way.
    let other = open(&lossy.direct).await;
    let next = other.claim_message(LONG).await.unwrap().expect("a message");
    assert_eq!(next.id, second);
}

/// What another has taken after the lease has passed is not taken for our own.
#[tokio::test]
async fn what_another_has_taken_meanwhile_is_left_to_it() {
    let (_folder, lossy, store) = lossy().await;
    accept(&store, "c", "m").await;
    let other = open(&lossy.direct).await;
    let short = Duration::from_millis(1);
    let claimed = lost(&lossy, store.claim_message(short), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let theirs = other.claim_message(LONG).await.unwrap().expect("a message");
        assert_eq!(theirs.claims, 2);
    });
    assert_eq!(claimed.await.unwrap(), None);
}

#[tokio::test]
async fn deliveries_that_were_taken_are_known_and_not_for_such_that_may_have_been_sent() {
    let (_folder, lossy, store) = lossy().await;
    store.deliver(&session("c"), vec![delivery("k", "p")]).await.unwrap();
    let claimed = lost(&lossy, store.claim_delivery(LONG), async {})
        .await
        .unwrap()
        .expect("a delivery");
    assert_eq!(
        (claimed.key.as_str(), claimed.tries, claimed.was_sending),
        ("k", 1, false)
    );
    let sent = DeliveryOutcome::Sent { receipt: None };
    store.end_delivery(&claimed.lease, claimed.id, sent).await.unwrap();
}

#[tokio::test]
async fn a_conversation_that_was_leased_is_known() {
    let (_folder, lossy, store) = lossy().await;
    let lease = lost(&lossy, store.lease_conversation("c", LONG), async {})
        .await
        .unwrap()
        .expect("a lease");
    store.renew(&lease, LONG).await.unwrap();
    assert_eq!(store.lease_conversation("c", LONG).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_owner_lets_be_sent_is_sent_once() {
    let (_folder, lossy, store) = lossy().await;
    store.deliver(&session("c"), vec![delivery("k", "p")]).await.unwrap();
    let claimed = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
    let unknown = DeliveryOutcome::Unknown { problem: problem() };
    store
        .end_delivery(&claimed.lease, claimed.id, unknown.clone())
        .await
        .unwrap();
    let other = open(&lossy.direct).await;
    // Somebody sends it at once, and again nobody knows whether it has arrived.
    let requeued = lost(&lossy, store.requeue_delivery(claimed.id), async {
        let again = other.claim_delivery(LONG).await.unwrap().expect("a delivery");
        assert_eq!(again.id, claimed.id);
        other
            .end_delivery(&again.lease, again.id, unknown.clone())
            .await
            .unwrap();
    });
    requeued.await.unwrap();
    let state = store.delivery_state(claimed.id).await.unwrap();
    assert_eq!(state, Some(OutboxState::Unknown));
    assert_eq!(store.claim_delivery(LONG).await.unwrap(), None);
    // The owner is asked about that.
    assert_eq!(store.open_approvals(9).await.unwrap().len(), 1);
}
