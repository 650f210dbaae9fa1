//! One row that cannot be read holds up nothing else.

use std::time::Duration;

use yabby_core::Time;
use yabby_store::{Fires, InboundState, NewTimer, OutboxState, Said, StoreErrorKind};

use crate::{
    both::{change, on_both, open},
    given::{LONG, accept, claim, delivery, inbound, session, target},
};

/// So deep that it can be written and not be read.
fn too_deep() -> String {
    format!("{}{}", "[".repeat(200), "]".repeat(200))
}

fn nested(levels: usize) -> serde_json::Value {
    (0..levels).fold(serde_json::Value::Null, |inner, _| serde_json::json!([inner]))
}

fn timer(id: &str, body: serde_json::Value) -> NewTimer {
    let message = inbound("c", "m");
    NewTimer {
        id: id.to_owned(),
        conversation: message.conversation,
        begins_at: Time(1),
        every: None,
        body,
        label: message.label,
    }
}

#[tokio::test]
async fn what_could_not_be_read_back_is_refused() {
    on_both(async |place| {
        let store = open(place).await;
        let mut message = inbound("c", "m");
        message.body = nested(101);
        let refused = store.accept(message.clone()).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::TooLarge);
        assert!(refused.hint.is_some());
        message.body = nested(100);
        store.accept(message.clone()).await.unwrap();
        assert_eq!(claim(&store).await.message, message);
        // As a message it would be one level deeper.
        let refused = store.set_timer(timer("t", nested(100))).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::TooLarge);
        store.set_timer(timer("t", nested(99))).await.unwrap();
        assert_eq!(store.fire_due().await.unwrap(), Fires { fired: 1, wait: None });
    })
    .await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_given_up_and_its_sender_told() {
    on_both(async |place| {
        let store = open(place).await;
        let damaged = accept(&store, "c", "damaged").await;
        let nobody = accept(&store, "d", "nobody").await;
        let next = accept(&store, "c", "next").await;
        let other = accept(&store, "e", "other").await;
        let deep = too_deep();
        change(
            place,
            &format!("UPDATE inbox SET body = '{deep}' WHERE id = {damaged}; UPDATE inbox SET origin = '{deep}' WHERE id = {nobody}"),
        );
        let mut claimed = [claim(&store).await.id, claim(&store).await.id];
        claimed.sort_unstable();
        assert_eq!(claimed, [next, other]);
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        let told = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
        assert_eq!(told.to, target("c"));
        let Said::Notice(notice) = told.content else {
            panic!("{told:?}");
        };
        insta::allow_duplicates! {
            insta::assert_snapshot!(notice.english(), @"I could not answer your message, and do not try again by myself: the store holds other JSON in column 4 of a row, where something else belongs. Send it once more to have me try.");
        }
        assert_eq!(store.claim_delivery(LONG).await.unwrap(), None);
        let again = store.accept(inbound("c", "damaged")).await.unwrap();
        let known = yabby_store::Accepted::Known {
            id: damaged,
            state: InboundState::Dead,
        };
        assert_eq!(again, known);
    })
    .await;
}

#[tokio::test]
async fn the_owner_is_asked_about_a_delivery_that_cannot_be_read() {
    on_both(async |place| {
        let store = open(place).await;
        store
            .deliver(&session("c"), vec![delivery("damaged", "p"), delivery("next", "p")])
            .await
            .unwrap();
        change(
            place,
            &format!("UPDATE outbox SET body = '{}' WHERE key = 'damaged'", too_deep()),
        );
        let next = store.claim_delivery(LONG).await.unwrap().expect("a delivery");
        assert_eq!(next.key, "next");
        let stopped = store.stopped_deliveries(9).await.unwrap();
        let states: Vec<_> = stopped.iter().map(|stopped| stopped.state).collect();
        assert_eq!(states, [OutboxState::Failed]);
        assert_eq!(store.open_approvals(9).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_timer_that_cannot_be_read_does_not_fire_and_holds_up_no_other() {
    on_both(async |place| {
        let store = open(place).await;
        store.set_timer(timer("damaged", nested(1))).await.unwrap();
        store.set_timer(timer("other", nested(1))).await.unwrap();
        let later = NewTimer {
            begins_at: Time(1) + Duration::from_hours(1),
            ..timer("later", nested(1))
        };
        store.set_timer(later).await.unwrap();
        change(
            place,
            &format!("UPDATE timers SET body = '{}' WHERE id = 'damaged'", too_deep()),
        );
        let wait = Some(Duration::from_hours(1));
        assert_eq!(store.fire_due_at(Time(1)).await.unwrap(), Fires { fired: 1, wait });
        let left = store.timers(None, 9).await.unwrap();
        let left: Vec<_> = left.iter().map(|timer| timer.set.id.as_str()).collect();
        assert_eq!(left, ["later"]);
        // It is there, and fires when it is set anew.
        assert!(!store.check().await.unwrap().is_good());
        store.set_timer(timer("damaged", nested(2))).await.unwrap();
        assert_eq!(store.fire_due_at(Time(1)).await.unwrap(), Fires { fired: 1, wait });
    })
    .await;
}
