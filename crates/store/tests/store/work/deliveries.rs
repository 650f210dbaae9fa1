//! Deliveries.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use yabby_store::{ClaimedDelivery, DeliveryOutcome, LookedUp, Sending, Store};

use super::{Send1, deliveries, outbox_is};
use crate::{
    both::{on_both, open},
    given::{LONG, delivery, problem, session},
};

#[tokio::test]
async fn what_was_not_sent_for_sure_is_sent_again() {
    on_both(async |place| {
        let store = open(place).await;
        store
            .deliver(&session("c"), vec![delivery("k", "p"), delivery("l", "p")])
            .await
            .unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&sent);
        let channel = Send1(
            move |delivery: &ClaimedDelivery| {
                sent.lock()
                    .expect("a list")
                    .push((delivery.key.clone(), delivery.tries));
                match (delivery.key.as_str(), delivery.tries) {
                    ("k", 1) => Sending::NotSent {
                        problem: problem(),
                        again: true,
                        after: Some(Duration::from_millis(30)),
                    },
                    ("k", 2) => Sending::NotSent {
                        problem: problem(),
                        again: true,
                        after: None,
                    },
                    _ => Sending::Sent { receipt: None },
                }
            },
            LookedUp::CannotTell,
        );
        deliveries(&store, channel, async || outbox_is(&store, "sent", 2).await).await;
        let wanted = [("k", 1), ("k", 2), ("k", 3), ("l", 1)].map(|(key, tries)| (key.to_owned(), tries));
        assert_eq!(*noted.lock().expect("a list"), wanted);
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_never_works_is_given_up() {
    on_both(async |place| {
        let store = open(place).await;
        store.deliver(&session("c"), vec![delivery("k", "p")]).await.unwrap();
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let channel = Send1(
            move |_: &ClaimedDelivery| {
                tries.fetch_add(1, Ordering::SeqCst);
                Sending::NotSent {
                    problem: problem(),
                    again: true,
                    after: None,
                }
            },
            LookedUp::CannotTell,
        );
        deliveries(&store, channel, async || outbox_is(&store, "failed", 1).await).await;
        assert_eq!(counted.load(Ordering::SeqCst), 8);
        assert_eq!(store.stopped_deliveries(5).await.unwrap().len(), 1);
    })
    .await;
}

/// R3: what the last owner began to send.
#[tokio::test]
async fn what_may_have_been_sent_is_looked_up_or_left() {
    on_both(async |place| {
        let store = open(place).await;
        for (n, (found, sends, state)) in [
            (LookedUp::Sent { receipt: None }, 0, "sent"),
            (LookedUp::NotSent, 1, "sent"),
            (LookedUp::CannotTell, 0, "unknown"),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("k{n}");
            store.deliver(&session("c"), vec![delivery(&key, "p")]).await.unwrap();
            let claimed = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
            // As if it had died.
            store.release(&claimed.lease).await.unwrap();
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            let channel = Send1(
                move |_: &ClaimedDelivery| {
                    count.fetch_add(1, Ordering::SeqCst);
                    Sending::Sent { receipt: None }
                },
                found,
            );
            let ended = async || {
                let state_now = store.delivery_state(claimed.id).await.unwrap().expect("a delivery");
                format!("{state_now:?}").to_lowercase() == state
            };
            deliveries(&store, channel, ended).await;
            assert_eq!(counted.load(Ordering::SeqCst), sends, "{state}");
        }
        let late = DeliveryOutcome::Sent { receipt: None };
        assert!(store.end_delivery(&store_lease(&store).await, 1, late).await.is_err());
    })
    .await;
}

/// A lease of another place.
async fn store_lease(store: &Store) -> yabby_store::Lease {
    store
        .deliver(&session("c"), vec![delivery("other", "q")])
        .await
        .expect("kept");
    store
        .claim_delivery(LONG)
        .await
        .expect("a store")
        .expect("a delivery")
        .lease
}
