//! What has come in is answered once, in order.

use std::{collections::BTreeMap, time::Duration};

use tokio::task::JoinSet;
use yabby_core::{Message, Time};
use yabby_store::{Accepted, Content, InboundState, NewItem, NewItems, StoreErrorKind, TurnEnd, TurnOutcome, new_id};

use crate::{
    both::{on_both, open},
    given::{LONG, accept, answer_next, claim, delivery, done, inbound, problem, session},
};

fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
    of.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect()
}

/// R4.
#[tokio::test]
async fn a_message_that_comes_a_hundred_times_at_once_is_one() {
    on_both(async |place| {
        let store = open(place).await;
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let store = store.clone();
            tasks.spawn(async move { store.accept(inbound("c", "m")).await.expect("accepted") });
        }
        let answers = tasks.join_all().await;
        let new = answers.iter().filter(|answer| matches!(answer, Accepted::New { .. }));
        assert_eq!(new.count(), 1);
        answer_next(&store, "t").await;
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        let backlog = store.backlog().await.unwrap();
        assert_eq!(backlog.inbox, counts(&[("done", 1)]));
        assert_eq!(backlog.outbox, counts(&[("pending", 1)]));
    })
    .await;
}

/// R5.
#[tokio::test]
async fn a_message_that_comes_again_a_day_later_is_known() {
    on_both(async |place| {
        let store = open(place).await;
        let id = accept(&store, "c", "m").await;
        answer_next(&store, "t").await;
        drop(store);
        let store = open(place).await;
        let mut later = inbound("c", "m");
        later.received_at = later.received_at + Duration::from_hours(24);
        let state = InboundState::Done;
        assert_eq!(store.accept(later).await.unwrap(), Accepted::Known { id, state });
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        // The same name in another account is another message.
        let mut other = inbound("c", "m");
        other.origin.account = None;
        assert!(matches!(store.accept(other).await.unwrap(), Accepted::New { .. }));
    })
    .await;
}

#[tokio::test]
async fn what_was_taken_in_comes_out_as_it_was() {
    on_both(async |place| {
        let store = open(place).await;
        let mut told = inbound("agent:main:main", "m");
        told.origin.thread = Some("7".to_owned());
        told.body = serde_json::json!({"text": "早安 \u{0} 👋", "n": [1, null]});
        assert_eq!(told.received_at, Time(1_700_000_000_000));
        store.accept(told.clone()).await.unwrap();
        let claimed = claim(&store).await;
        assert_eq!(claimed.message, told);
        assert_eq!((claimed.claims, claimed.failures, claimed.turn), (1, 0, None));
        let kept = store.inbound(claimed.id).await.unwrap();
        assert_eq!(kept, Some((told, InboundState::Claimed)));
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_answered_in_order_and_others_beside_it() {
    on_both(async |place| {
        let store = open(place).await;
        for message in ["a1", "b1", "a2", "c1", "b2"] {
            accept(&store, &message[..1], message).await;
        }
        let first: Vec<_> = [claim(&store).await, claim(&store).await, claim(&store).await].into();
        let names: Vec<&str> = first.iter().map(|claimed| claimed.message.message.as_str()).collect();
        assert_eq!(names, ["a1", "b1", "c1"]);
        // The others wait for them.
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        store.end_turn(&first[1].lease, done(&first[1], "t")).await.unwrap();
        let last = claim(&store).await;
        assert_eq!(last.message.message, "b2");
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        assert!(store.is_open(&session("b")).await.unwrap());
        store.end_turn(&last.lease, done(&last, "u")).await.unwrap();
        assert!(!store.is_open(&session("b")).await.unwrap());
        assert!(store.is_open(&session("a")).await.unwrap());
        assert!(!store.is_open(&session("nobody")).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_turn_ends_once() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let claimed = claim(&store).await;
        store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
        store
            .begin_session(&claimed.lease, None, "new", ("s", Time(1)))
            .await
            .unwrap();
        let mut end = done(&claimed, "t");
        end.items = Some(NewItems {
            session: "s".to_owned(),
            items: vec![NewItem {
                id: new_id(),
                turn: Some("t".to_owned()),
                at: Time(1),
                content: Content::Message {
                    message: Message::user("m"),
                },
                label: claimed.message.label.clone(),
                attempts: Vec::new(),
                files: Vec::new(),
            }],
        });
        store.end_turn(&claimed.lease, end.clone()).await.unwrap();
        // As if the answer to the first had been lost.
        store.end_turn(&claimed.lease, end.clone()).await.unwrap();
        let other = TurnEnd {
            turn: "u".to_owned(),
            ..end.clone()
        };
        let refused = store.end_turn(&claimed.lease, other).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Fenced);
        let backlog = store.backlog().await.unwrap();
        assert_eq!(backlog.outbox, counts(&[("pending", 1)]));
        // Also for one that keeps its lease.
        accept(&store, "c", "n").await;
        let claimed = claim(&store).await;
        let end = TurnEnd {
            keep_lease: true,
            ..done(&claimed, "v")
        };
        store.end_turn(&claimed.lease, end.clone()).await.unwrap();
        store.end_turn(&claimed.lease, end).await.unwrap();
        accept(&store, "c", "o").await;
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        store.release(&claimed.lease).await.unwrap();
        assert_eq!(claim(&store).await.message.message, "o");
    })
    .await;
}

/// As a session does that answers one message after the other.
#[tokio::test]
async fn who_keeps_a_conversation_gets_its_messages_in_order() {
    on_both(async |place| {
        let store = open(place).await;
        for message in ["m", "n", "o", "p"] {
            accept(&store, "c", message).await;
        }
        accept(&store, "d", "other").await;
        let first = claim(&store).await;
        let kept = |claimed: &yabby_store::Claimed, turn: &str| TurnEnd {
            keep_lease: true,
            ..done(claimed, turn)
        };
        store.begin_turn(&first.lease, first.id, "t").await.unwrap();
        store.end_turn(&first.lease, kept(&first, "t")).await.unwrap();
        let second = store
            .claim_next(&first.lease, first.id)
            .await
            .unwrap()
            .expect("a message");
        assert_eq!((second.message.message.as_str(), second.claims), ("n", 0));
        assert_eq!(second.lease, first.lease);
        store.begin_turn(&second.lease, second.id, "u").await.unwrap();
        let again = store
            .claim_next(&first.lease, first.id)
            .await
            .unwrap()
            .expect("a message");
        assert_eq!(
            (again.id, again.claims, again.turn.as_deref()),
            (second.id, 0, Some("u"))
        );
        store.end_turn(&second.lease, kept(&second, "u")).await.unwrap();
        // Nobody else comes between.
        assert_eq!(claim(&store).await.message.message, "other");
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        let third = store
            .claim_next(&first.lease, second.id)
            .await
            .unwrap()
            .expect("a message");
        assert_eq!(third.message.message, "o");
        // One that fails gives the conversation back, and is tried again before what came later.
        let failed = TurnEnd {
            how: TurnOutcome::Failed {
                problem: problem(),
                retry_after: Duration::ZERO,
            },
            deliveries: Vec::new(),
            ..kept(&third, "v")
        };
        store.begin_turn(&third.lease, third.id, "v").await.unwrap();
        store.end_turn(&third.lease, failed).await.unwrap();
        let late = store.claim_next(&first.lease, second.id).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        let again = claim(&store).await;
        assert_eq!((again.id, again.failures), (third.id, 1));
        let late = store.claim_next(&first.lease, second.id).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        store.begin_turn(&again.lease, again.id, "v").await.unwrap();
        store.end_turn(&again.lease, kept(&again, "v")).await.unwrap();
        let last = store
            .claim_next(&again.lease, again.id)
            .await
            .unwrap()
            .expect("a message");
        store.end_turn(&last.lease, kept(&last, "w")).await.unwrap();
        assert_eq!(store.claim_next(&again.lease, last.id).await.unwrap(), None);
        // What comes while it is kept is seen by its owner alone.
        accept(&store, "c", "q").await;
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        let new = store
            .claim_next(&again.lease, last.id)
            .await
            .unwrap()
            .expect("a message");
        assert_eq!(new.message.message, "q");
        store.give_back(&new.lease, new.id).await.unwrap();
        assert_eq!(claim(&store).await.id, new.id);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_turn_remains_when_its_end_is_refused() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let claimed = claim(&store).await;
        store.release(&claimed.lease).await.unwrap();
        let again = claim(&store).await;
        assert_eq!((again.id, again.claims), (claimed.id, 2));
        for refused in [
            store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap_err(),
            store.end_turn(&claimed.lease, done(&claimed, "t")).await.unwrap_err(),
        ] {
            assert_eq!(refused.kind, StoreErrorKind::Fenced);
        }
        assert_eq!(store.backlog().await.unwrap().outbox, counts(&[]));
        store.end_turn(&again.lease, done(&again, "u")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_turn_that_fails_is_tried_again_before_what_came_later() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        accept(&store, "c", "n").await;
        let failed = |claimed: &yabby_store::Claimed, wait| TurnEnd {
            how: TurnOutcome::Failed {
                problem: problem(),
                retry_after: wait,
            },
            deliveries: Vec::new(),
            ..done(claimed, "t")
        };
        let claimed = claim(&store).await;
        let end = failed(&claimed, Duration::ZERO);
        store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
        store.end_turn(&claimed.lease, end.clone()).await.unwrap();
        store.end_turn(&claimed.lease, end).await.unwrap();
        let again = claim(&store).await;
        assert_eq!((again.id, again.claims, again.failures), (claimed.id, 1, 1));
        assert_eq!(again.turn.as_deref(), Some("t"));
        // Not before its time.
        store.end_turn(&again.lease, failed(&again, LONG)).await.unwrap();
        assert_eq!(store.claim_message(LONG).await.unwrap(), None);
        assert_eq!(
            store.backlog().await.unwrap().inbox,
            counts(&[("failed", 1), ("received", 1)])
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_was_not_tried() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        for _ in 0..5 {
            let claimed = claim(&store).await;
            assert_eq!(claimed.claims, 1);
            store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
            store.give_back(&claimed.lease, claimed.id).await.unwrap();
            store.give_back(&claimed.lease, claimed.id).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn what_its_owner_died_over_is_taken_again() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let short = Duration::from_millis(1);
        let claimed = store.claim_message(short).await.unwrap().expect("a message");
        store.begin_turn(&claimed.lease, claimed.id, "t").await.unwrap();
        // As far as SQLite knows, it was killed; for PostgreSQL its lease has run out.
        drop(store);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let store = open(place).await;
        let again = claim(&store).await;
        assert_eq!((again.id, again.claims), (claimed.id, 2));
        assert_eq!(again.turn.as_deref(), Some("t"));
        assert!(again.lease.fence() > claimed.lease.fence());
        let late = store.end_turn(&claimed.lease, done(&claimed, "t")).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        store.end_turn(&again.lease, done(&again, "t")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_goes_out_once() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let claimed = claim(&store).await;
        store
            .deliver(&session("c"), vec![delivery("k", "p"), delivery("k", "p")])
            .await
            .unwrap();
        let mut end = done(&claimed, "t");
        end.deliveries = vec![delivery("k", "p"), delivery("l", "p"), delivery("l", "q")];
        store.end_turn(&claimed.lease, end).await.unwrap();
        assert_eq!(store.backlog().await.unwrap().outbox, counts(&[("pending", 2)]));
    })
    .await;
}

/// R8: what was put off by a clock that was a year ahead.
#[tokio::test]
async fn a_clock_that_was_wrong_puts_nothing_off_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = yabby_store::Place::Folder(folder.path().to_owned());
    let store = open(&place).await;
    accept(&store, "c", "m").await;
    let claimed = claim(&store).await;
    let end = TurnEnd {
        how: TurnOutcome::Failed {
            problem: problem(),
            retry_after: LONG,
        },
        deliveries: Vec::new(),
        ..done(&claimed, "t")
    };
    store.end_turn(&claimed.lease, end).await.unwrap();
    assert_eq!(store.claim_message(LONG).await.unwrap(), None);
    drop(store);
    let connection = rusqlite::Connection::open(folder.path().join("yabby.db")).expect("a database");
    connection
        .execute("UPDATE lanes SET until = until + 31536000000", [])
        .expect("changed");
    drop(connection);
    let store = open(&place).await;
    assert_eq!(claim(&store).await.id, claimed.id);
}
