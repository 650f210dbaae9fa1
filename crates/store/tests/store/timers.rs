//! Timers fire in time, once, whatever the clock does.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use yabby_core::{Confidentiality, Integrity, Label, Time};
use yabby_store::{FiredTimer, Fires, NewTimer, Store, StoreErrorKind, Timer, Topic};

use crate::{
    both::{on_both, open},
    given::{LONG, done, session},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// A day at noon.
const NOON: i64 = 20_000 * DAY + 12 * HOUR;

fn once(id: &str, at: i64) -> NewTimer {
    NewTimer {
        id: id.to_owned(),
        conversation: session("c"),
        begins_at: Time(at),
        every: None,
        body: json!({"say": "早安"}),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "timer"),
    }
}

fn hourly(id: &str, at: i64) -> NewTimer {
    NewTimer {
        every: Some(Duration::from_hours(1)),
        ..once(id, at)
    }
}

async fn fire(store: &Store, at: i64) -> Fires {
    store.fire_due_at(Time(at)).await.expect("a store")
}

/// What has come in by timers since the last time: their names, the times for which it was, and how many were missed.
async fn came(store: &Store) -> Vec<(String, i64, u64)> {
    let mut came = Vec::new();
    while let Some(claimed) = store.claim_message(LONG).await.unwrap() {
        let fired: FiredTimer = serde_json::from_value(claimed.message.body.clone()).unwrap();
        came.push((fired.timer, fired.due_at.0, fired.missed));
        let mut end = done(&claimed, "t");
        end.deliveries = Vec::new();
        store.end_turn(&claimed.lease, end).await.unwrap();
    }
    came
}

fn one(timer: &str, due: i64, missed: u64) -> Vec<(String, i64, u64)> {
    vec![(timer.to_owned(), due, missed)]
}

async fn due(store: &Store) -> Vec<i64> {
    let timers = store.timers(None, 99).await.unwrap();
    timers.into_iter().map(|timer| timer.due_at.0).collect()
}

#[tokio::test]
async fn a_timer_becomes_a_message() {
    on_both(async |place| {
        let store = open(place).await;
        let mut wakes = store.wakes(Topic::Timers);
        wakes.mark_unchanged();
        store.set_timer(once("t", NOON)).await.unwrap();
        wakes.changed().await.unwrap();
        let waits = |millis| Fires {
            fired: 0,
            wait: Some(Duration::from_millis(millis)),
        };
        assert_eq!(fire(&store, NOON - 1).await, waits(1));
        assert_eq!(came(&store).await, []);
        let mut inbox = store.wakes(Topic::Inbox);
        inbox.mark_unchanged();
        assert_eq!(fire(&store, NOON + 5).await, Fires { fired: 1, wait: None });
        inbox.changed().await.unwrap();
        let claimed = store.claim_message(LONG).await.unwrap().expect("a message");
        let message = claimed.message;
        assert_eq!(message.message, format!("t/{NOON}/0"));
        assert_eq!(message.conversation, session("c"));
        assert_eq!(message.received_at, Time(NOON + 5));
        assert_eq!(message.label, once("t", NOON).label);
        let origin = json!({"channel": "timer", "peer": {"kind": "direct", "id": "agent:main:c"}});
        assert_eq!(serde_json::to_value(&message.origin).unwrap(), origin);
        let body = json!({"timer": "t", "due_at": NOON, "missed": 0, "body": {"say": "早安"}});
        assert_eq!(message.body, body);
        assert_eq!(fire(&store, NOON + DAY).await, Fires { fired: 0, wait: None });
        assert_eq!(store.timers(None, 9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn timers_are_listed_changed_and_cancelled() {
    on_both(async |place| {
        let store = open(place).await;
        store.set_timer(hourly("b", NOON)).await.unwrap();
        store.set_timer(once("a", NOON + 1)).await.unwrap();
        let mut other = once("c", NOON - 1);
        other.conversation = session("d");
        store.set_timer(other.clone()).await.unwrap();
        let listed = |set: NewTimer, due_at, fired| Timer {
            set,
            due_at: Time(due_at),
            fired,
        };
        let all = [
            listed(other, NOON - 1, 0),
            listed(hourly("b", NOON), NOON, 0),
            listed(once("a", NOON + 1), NOON + 1, 0),
        ];
        assert_eq!(store.timers(None, 9).await.unwrap(), all);
        assert_eq!(store.timers(None, 1).await.unwrap(), all[..1]);
        assert_eq!(store.timers(Some(&session("c")), 9).await.unwrap(), all[1..]);
        store.cancel_timer("c").await.unwrap();
        store.cancel_timer("c").await.unwrap();
        store.cancel_timer("a").await.unwrap();
        assert_eq!(fire(&store, NOON).await.fired, 1);
        // To set it as it is does not bring the past back, also with other words.
        let mut changed = hourly("b", NOON);
        changed.body = json!("other words");
        store.set_timer(changed.clone()).await.unwrap();
        assert_eq!(store.timers(None, 9).await.unwrap(), [listed(changed, NOON + HOUR, 1)]);
        // Other times are other times.
        store.set_timer(hourly("b", NOON + 7)).await.unwrap();
        assert_eq!(
            store.timers(None, 9).await.unwrap(),
            [listed(hourly("b", NOON + 7), NOON + 7, 1)]
        );
        let mut too_often = once("x", NOON);
        too_often.every = Some(Duration::from_millis(999));
        let refused = store.set_timer(too_often).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Invalid);
    })
    .await;
}

#[tokio::test]
async fn a_timer_that_all_replicas_see_fires_once() {
    on_both(async |place| {
        let store = open(place).await;
        for at in 0..250 {
            let mut timer = once(&format!("t{at}"), NOON + at % 7);
            timer.conversation = session(&format!("c{}", at % 5));
            store.set_timer(timer).await.unwrap();
        }
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            tasks.spawn(async move {
                let mut fired = 0;
                loop {
                    let fires = fire(&store, NOON + 10).await;
                    fired += fires.fired;
                    if fires.wait.is_none() {
                        return fired;
                    }
                }
            });
        }
        let fired: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(fired, 250);
        let mut names: Vec<String> = came(&store).await.into_iter().map(|(name, ..)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 250);
    })
    .await;
}

/// R8: nobody was there, or the clock has jumped ahead.
#[tokio::test]
async fn what_was_missed_many_times_fires_once_and_goes_on() {
    on_both(async |place| {
        let store = open(place).await;
        store.set_timer(hourly("t", NOON)).await.unwrap();
        store.set_timer(once("o", NOON + HOUR)).await.unwrap();
        assert_eq!(fire(&store, NOON).await.fired, 1);
        assert_eq!(came(&store).await, one("t", NOON, 0));
        let later = NOON + DAY + 90;
        assert_eq!(
            fire(&store, later).await,
            Fires {
                fired: 2,
                wait: Some(Duration::from_millis(HOUR.unsigned_abs() - 90)),
            }
        );
        let both = [one("o", NOON + HOUR, 0), one("t", NOON + HOUR, 23)].concat();
        assert_eq!(came(&store).await, both);
        assert_eq!(fire(&store, later).await.fired, 0);
        assert_eq!(due(&store).await, [NOON + DAY + HOUR]);
    })
    .await;
}

/// R8.
#[tokio::test]
async fn a_clock_that_is_put_back_a_day_delays_no_repeated_timer_for_a_day() {
    on_both(async |place| {
        let store = open(place).await;
        store.set_timer(hourly("t", NOON)).await.unwrap();
        // One that begins later does not begin before its time.
        store.set_timer(hourly("later", NOON + 2 * DAY)).await.unwrap();
        for (now, expected) in [
            (NOON + DAY, one("t", NOON, 24)),
            // It was a mistake.
            (NOON + 70, Vec::new()),
            (NOON + HOUR - 1, Vec::new()),
            (NOON + HOUR, one("t", NOON + HOUR, 0)),
            (NOON + 2 * HOUR, one("t", NOON + 2 * HOUR, 0)),
            // Once more, over what has fired already.
            (NOON + 10, Vec::new()),
            (NOON + HOUR, one("t", NOON + HOUR, 0)),
            // Before it began.
            (NOON - DAY, Vec::new()),
            (NOON - 1, Vec::new()),
            (NOON, one("t", NOON, 0)),
        ] {
            fire(&store, now).await;
            assert_eq!(came(&store).await, expected, "at {now}");
            assert_eq!(fire(&store, now).await.fired, 0);
        }
        assert_eq!(due(&store).await, [NOON + HOUR, NOON + 2 * DAY]);
    })
    .await;
}

/// R8.
#[tokio::test]
async fn a_clock_that_is_put_right_a_little_repeats_nothing() {
    on_both(async |place| {
        let store = open(place).await;
        store.set_timer(hourly("t", NOON)).await.unwrap();
        fire(&store, NOON + 20).await;
        assert_eq!(came(&store).await, one("t", NOON, 0));
        for now in [NOON - 60_000, NOON, NOON + 20, NOON + HOUR - 1] {
            assert_eq!(fire(&store, now).await.fired, 0, "at {now}");
        }
        assert_eq!(due(&store).await, [NOON + HOUR]);
    })
    .await;
}

#[tokio::test]
async fn the_clock_of_the_store_is_used() {
    on_both(async |place| {
        let store = open(place).await;
        let now = Time::from(std::time::SystemTime::now());
        store.set_timer(once("past", now.0 - 1000)).await.unwrap();
        store.set_timer(once("later", now.0 + HOUR)).await.unwrap();
        let fires = store.fire_due().await.unwrap();
        assert_eq!(fires.fired, 1);
        assert!(
            fires.wait.is_some_and(|wait| wait <= Duration::from_hours(1)),
            "{fires:?}"
        );
        assert_eq!(came(&store).await, one("past", now.0 - 1000, 0));
    })
    .await;
}
