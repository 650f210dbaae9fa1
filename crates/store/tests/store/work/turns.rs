//! Turns.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet};
use yabby_core::Lang;
use yabby_store::{
    Answered, ClaimedDelivery, LookedUp, Pace, Said, Sending, Store, StoreErrorKind, Turn, TurnEnd, TurnOutcome,
};

use super::{Do, Send1, another, answered, deliveries, inbox_is, outbox_is, pace, turns};
use crate::{
    both::{on_both, open},
    given::{LONG, accept, claim, done, problem, session},
};

#[tokio::test]
async fn many_conversations_side_by_side_each_in_order() {
    on_both(async |place| {
        let store = open(place).await;
        for n in 0..200 {
            accept(&store, &format!("c{}", n % 20), &format!("m{n}")).await;
        }
        let seen = Arc::new(Mutex::new(BTreeMap::<String, Vec<String>>::new()));
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let noted = Arc::clone(&seen);
        let handler = Do(move |turn: Turn| {
            let (seen, at_once, most) = (Arc::clone(&seen), Arc::clone(&at_once), Arc::clone(&most));
            async move {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // The first one waits for another, which must not wait for it.
                while most.load(Ordering::SeqCst) < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let conversation = turn.message.conversation.as_str().to_owned();
                seen.lock()
                    .expect("a list")
                    .entry(conversation)
                    .or_default()
                    .push(turn.message.message.clone());
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(answered(&turn))
            }
        });
        turns(&store, handler, pace(), async || inbox_is(&store, "done", 200).await).await;
        let wanted: BTreeMap<String, Vec<String>> = (0..20)
            .map(|c| {
                let messages = (c..200).step_by(20).map(|n| format!("m{n}"));
                (session(&format!("c{c}")).as_str().to_owned(), messages.collect())
            })
            .collect();
        assert_eq!(*noted.lock().expect("a list"), wanted);
        let channel = Send1(
            |_: &ClaimedDelivery| Sending::Sent { receipt: None },
            LookedUp::CannotTell,
        );
        deliveries(&store, channel, async || outbox_is(&store, "sent", 200).await).await;
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_is_told_of_what_comes() {
    on_both(async |place| {
        let store = open(place).await;
        let writer = another(place, &store).await;
        let slow = Pace {
            // Far too long to be what finds it.
            look: LONG * 60,
            ..pace()
        };
        let handler = Do(|turn: Turn| async move { Ok(answered(&turn)) });
        let sent = AtomicUsize::new(0);
        turns(&store, handler, slow, async || {
            let n = sent.load(Ordering::SeqCst);
            if n > 0 && !inbox_is(&store, "done", n as u64).await {
                return false;
            }
            if n == 20 {
                return true;
            }
            accept(&writer, "c", &format!("m{n}")).await;
            sent.store(n + 1, Ordering::SeqCst);
            false
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn two_processes_answer_each_message_once() {
    on_both(async |place| {
        let store = open(place).await;
        let other = another(place, &store).await;
        let mut tasks = JoinSet::new();
        for n in 0..1000 {
            let store = store.clone();
            tasks.spawn(async move { accept(&store, &format!("c{}", n % 100), &format!("m{n}")).await });
        }
        tasks.join_all().await;
        let seen = Arc::new(Mutex::new(BTreeMap::<i64, u64>::new()));
        let handler = || {
            let seen = Arc::clone(&seen);
            Do(move |turn: Turn| {
                *seen.lock().expect("a list").entry(turn.id).or_default() += 1;
                async move { Ok(answered(&turn)) }
            })
        };
        let done = async || inbox_is(&store, "done", 1000).await;
        tokio::join!(
            turns(&store, handler(), pace(), done),
            turns(&other, handler(), pace(), done)
        );
        assert!(outbox_is(&store, "pending", 1000).await);
        let seen = seen.lock().expect("a list");
        assert_eq!((seen.len(), seen.values().max()), (1000, Some(&1)));
    })
    .await;
}

/// The notice that a person got.
async fn notice(store: &Store) -> String {
    let claimed = store.claim_delivery(LONG).await.expect("a store").expect("a delivery");
    let Said::Notice(text) = &claimed.content else {
        panic!("{claimed:?}");
    };
    text.render(Lang::En)
}

#[tokio::test]
async fn what_kills_everybody_is_given_up_and_its_sender_is_told() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        for _ in 0..3 {
            store.release(&claim(&store).await.lease).await.unwrap();
        }
        let handler = Do(|_: Turn| async move { panic!("nobody should be asked") });
        turns(&store, handler, pace(), async || inbox_is(&store, "dead", 1).await).await;
        assert_eq!(
            notice(&store).await,
            "I could not answer your message, and do not try again by myself: Yabby was interrupted 3 times while it worked \
             on it. Send it once more to have me try."
        );
    })
    .await;
}

#[tokio::test]
async fn what_fails_is_tried_again_until_it_works() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let turn_ids = Arc::new(Mutex::new(Vec::new()));
        let ids = Arc::clone(&turn_ids);
        let handler = Do(move |turn: Turn| {
            ids.lock().expect("a list").push(turn.turn.clone());
            async move {
                assert!(turn.failures != 1, "a fault in a turn");
                let how = TurnOutcome::Failed {
                    problem: problem(),
                    retry_after: Duration::ZERO,
                };
                Ok(match turn.failures {
                    0 => Answered {
                        how,
                        deliveries: Vec::new(),
                        items: None,
                    },
                    _ => answered(&turn),
                })
            }
        });
        turns(&store, handler, pace(), async || inbox_is(&store, "done", 1).await).await;
        let ids = turn_ids.lock().expect("a list").clone();
        assert_eq!(ids, [ids[0].as_str(); 3]);
        assert!(outbox_is(&store, "pending", 1).await);
    })
    .await;
}

#[tokio::test]
async fn what_always_fails_is_given_up_and_its_sender_is_told() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "c", "m").await;
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let handler = Do(move |turn: Turn| {
            tries.fetch_add(1, Ordering::SeqCst);
            async move {
                // What a handler meets when it asks for something that is not there.
                turn.store.requeue_delivery(-1).await?;
                Ok(answered(&turn))
            }
        });
        turns(&store, handler, pace(), async || inbox_is(&store, "dead", 1).await).await;
        assert_eq!(counted.load(Ordering::SeqCst), 8);
        assert_eq!(
            notice(&store).await,
            "I could not answer your message, and do not try again by myself: there is no delivery -1. Send it once more to \
             have me try."
        );
    })
    .await;
}

/// R10, as far as the store goes.
#[tokio::test]
async fn a_loop_that_stops_lets_turns_end_and_gives_back_the_rest() {
    on_both(async |place| {
        let store = open(place).await;
        accept(&store, "quick", "m").await;
        accept(&store, "endless", "n").await;
        let begun = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(Notify::new());
        let (count, stops) = (Arc::clone(&begun), Arc::clone(&stopping));
        let handler = Do(move |turn: Turn| {
            let (count, stops) = (Arc::clone(&count), Arc::clone(&stops));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                if turn.message.message == "n" {
                    std::future::pending::<()>().await;
                }
                stops.notified().await;
                Ok(answered(&turn))
            }
        });
        let short = Pace {
            drain: Duration::from_millis(300),
            ..pace()
        };
        turns(&store, handler, short, async || {
            let all = begun.load(Ordering::SeqCst) == 2;
            if all {
                stopping.notify_one();
            }
            all
        })
        .await;
        let backlog = store.backlog().await.unwrap();
        assert_eq!(
            backlog.inbox,
            BTreeMap::from([("done".to_owned(), 1), ("received".to_owned(), 1)])
        );
        let again = claim(&store).await;
        assert_eq!((again.message.message.as_str(), again.claims), ("n", 1));
    })
    .await;
}
/// A turn takes what comes behind its message, ends it before its own, or leaves it for a turn of its own.
#[tokio::test]
async fn a_turn_takes_what_comes_behind_its_message() {
    on_both(async |place| {
        let store = open(place).await;
        let first = accept(&store, "c", "first").await;
        accept(&store, "d", "elsewhere").await;
        let claimed = claim(&store).await;
        let (lease, turn) = (claimed.lease.clone(), "t");
        store.begin_turn(&lease, first, turn).await.unwrap();
        assert_eq!(store.claim_next(&lease, first).await.unwrap(), None);
        let second = accept(&store, "c", "second").await;
        let third = accept(&store, "c", "third").await;
        let next = store.claim_next(&lease, first).await.unwrap().unwrap();
        assert_eq!(
            (next.id, next.message.message.as_str(), next.claims),
            (second, "second", 0)
        );
        // The same again, as when its answer was lost; and the one behind it.
        assert_eq!(store.claim_next(&lease, first).await.unwrap(), Some(next.clone()));
        let last = store.claim_next(&lease, second).await.unwrap().unwrap();
        assert_eq!(last.id, third);
        let taken_in = TurnEnd {
            keep_lease: true,
            ..done(&next, "t-second")
        };
        store.end_turn(&lease, taken_in).await.unwrap();
        store.end_turn(&lease, done(&claimed, turn)).await.unwrap();
        // The lease has ended with its turn.
        let late = store.claim_next(&lease, second).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Fenced);
        let mut left = [claim(&store).await, claim(&store).await];
        left.sort_by_key(|claimed| claimed.id);
        let left: Vec<(&str, u64)> = left
            .iter()
            .map(|claimed| (claimed.message.message.as_str(), claimed.claims))
            .collect();
        assert_eq!(left, [("elsewhere", 1), ("third", 1)]);
    })
    .await;
}
