//! What must go out goes out once, in order, or the owner is asked.

use std::time::Duration;

use yabby_core::{Lang, Time};
use yabby_store::{
    ClaimedDelivery, DeliveryOutcome, KeepFor, NewDelivery, OutboxState, Said, Store, StoreErrorKind, Topic, new_id,
};

use crate::{
    both::{on_both, open},
    given::{LONG, answer, delivery, problem, session},
};

async fn claim(store: &Store) -> ClaimedDelivery {
    store.claim_delivery(LONG).await.expect("a store").expect("a delivery")
}

async fn end(store: &Store, claimed: &ClaimedDelivery, outcome: DeliveryOutcome) {
    store
        .end_delivery(&claimed.lease, claimed.id, outcome)
        .await
        .expect("ended");
}

fn sent() -> DeliveryOutcome {
    DeliveryOutcome::Sent {
        receipt: Some("r".to_owned()),
    }
}

async fn nothing_to_send(store: &Store) {
    assert_eq!(store.claim_delivery(LONG).await.expect("a store"), None);
}

#[tokio::test]
async fn each_place_gets_things_in_order() {
    on_both(async |place| {
        let store = open(place).await;
        let all = ["p1", "p2", "q1", "p3"].map(|key| delivery(key, &key[..1]));
        store.deliver(&session("c"), all.into()).await.unwrap();
        let first = claim(&store).await;
        let other = claim(&store).await;
        assert_eq!((first.key.as_str(), other.key.as_str()), ("p1", "q1"));
        assert_eq!(first.content, Said::Answer(answer("p1")));
        nothing_to_send(&store).await;
        end(&store, &first, sent()).await;
        // Once more, as if the answer had been lost.
        end(&store, &first, sent()).await;
        let second = claim(&store).await;
        assert_eq!(second.key, "p2");
        // It waits for this one.
        let retry = DeliveryOutcome::Retry {
            after: Duration::ZERO,
            problem: problem(),
        };
        end(&store, &second, retry).await;
        let again = claim(&store).await;
        assert_eq!((again.id, again.tries, again.was_sending), (second.id, 2, false));
        let later = DeliveryOutcome::Retry {
            after: LONG,
            problem: problem(),
        };
        end(&store, &again, later).await;
        nothing_to_send(&store).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_being_sent_is_known() {
    on_both(async |place| {
        let store = open(place).await;
        store.deliver(&session("c"), vec![delivery("k", "p")]).await.unwrap();
        let short = Duration::from_millis(1);
        let first = store.claim_delivery(short).await.unwrap().expect("a delivery");
        assert!(!first.was_sending);
        drop(store);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let store = open(place).await;
        let second = claim(&store).await;
        assert_eq!((second.id, second.tries, second.was_sending), (first.id, 1, true));
        let late = store.end_delivery(&first.lease, first.id, sent()).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        end(&store, &second, sent()).await;
    })
    .await;
}

#[tokio::test]
async fn the_owner_is_asked_about_what_may_have_been_sent() {
    on_both(async |place| {
        let store = open(place).await;
        let mut asked = store.wakes(Topic::Approvals);
        store
            .deliver(&session("c"), vec![delivery("k", "p"), delivery("l", "p")])
            .await
            .unwrap();
        let first = claim(&store).await;
        let unknown = DeliveryOutcome::Unknown { problem: problem() };
        end(&store, &first, unknown.clone()).await;
        end(&store, &first, unknown).await;
        asked.changed().await.unwrap();
        let stopped = store.stopped_deliveries(10).await.unwrap();
        assert_eq!(stopped.len(), 1);
        assert_eq!((stopped[0].id, stopped[0].state), (first.id, OutboxState::Unknown));
        assert_eq!(
            stopped[0].problem.as_ref().map(|problem| problem.render(Lang::En)),
            Some(problem().render(Lang::En))
        );
        // The next one does not wait for the answer.
        let second = claim(&store).await;
        assert_eq!(second.key, "l");
        store.requeue_delivery(first.id).await.unwrap();
        store.requeue_delivery(first.id).await.unwrap();
        end(&store, &second, sent()).await;
        let again = claim(&store).await;
        assert_eq!((again.id, again.tries, again.was_sending), (first.id, 1, false));
        end(&store, &again, DeliveryOutcome::Failed { problem: problem() }).await;
        assert_eq!(store.stopped_deliveries(10).await.unwrap().len(), 1);
        store.drop_delivery(first.id).await.unwrap();
        store.requeue_delivery(first.id).await.unwrap();
        assert_eq!(store.stopped_deliveries(10).await.unwrap(), []);
        assert_eq!(
            store.delivery_state(first.id).await.unwrap(),
            Some(OutboxState::Dropped)
        );
        nothing_to_send(&store).await;
        // What was sent is not sent again, whatever the owner says.
        store.requeue_delivery(second.id).await.unwrap();
        nothing_to_send(&store).await;
        let missing = store.requeue_delivery(999).await.unwrap_err();
        assert_eq!(missing.kind, StoreErrorKind::Missing);
    })
    .await;
}

#[tokio::test]
async fn what_is_stale_is_held() {
    on_both(async |place| {
        let store = open(place).await;
        let stale = NewDelivery {
            expires_at: Some(Time(1)),
            ..delivery("old", "p")
        };
        store
            .deliver(&session("c"), vec![stale, delivery("new", "p")])
            .await
            .unwrap();
        let new = claim(&store).await;
        assert_eq!(new.key, "new");
        end(&store, &new, sent()).await;
        nothing_to_send(&store).await;
        let held = store.stopped_deliveries(10).await.unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].state, held[0].created_at > Time(1)), (OutboxState::Held, true));
        store.requeue_delivery(held[0].id).await.unwrap();
        let old = claim(&store).await;
        assert_eq!(old.key, "old");
        end(&store, &old, sent()).await;
        assert_eq!(store.delivery_state(old.id).await.unwrap(), Some(OutboxState::Sent));
    })
    .await;
}

#[tokio::test]
async fn places_do_not_wait_for_each_other() {
    on_both(async |place| {
        let store = open(place).await;
        for n in 0..50 {
            store
                .deliver(&session("c"), vec![delivery(&new_id(), &format!("p{n}"))])
                .await
                .unwrap();
        }
        for _ in 0..50 {
            claim(&store).await;
        }
        nothing_to_send(&store).await;
    })
    .await;
}

#[tokio::test]
async fn what_has_stopped_waits_for_the_owner_however_long() {
    on_both(async |place| {
        let store = open(place).await;
        store.deliver(&session("c"), vec![delivery("k", "p")]).await.unwrap();
        let claimed = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
        let outcome = DeliveryOutcome::Unknown { problem: problem() };
        store.end_delivery(&claimed.lease, claimed.id, outcome).await.unwrap();
        let keep = KeepFor {
            sessions: None,
            max_sessions: None,
            inbox: Duration::ZERO,
        };
        let later = Time(i64::MAX / 2);
        assert_eq!(store.prune(keep, later).await.unwrap().ended, 0);
        store.requeue_delivery(claimed.id).await.unwrap();
        let again = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
        let sent = DeliveryOutcome::Sent { receipt: None };
        store.end_delivery(&again.lease, again.id, sent).await.unwrap();
        assert!(store.prune(keep, later).await.unwrap().ended > 0);
        assert_eq!(store.delivery_state(claimed.id).await.unwrap(), None);
    })
    .await;
}
