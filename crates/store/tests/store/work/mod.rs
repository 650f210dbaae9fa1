//! The loops that work off what waits.

mod deliveries;
mod turns;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;
use yabby_core::{Confidentiality, Integrity, Label, Time};
use yabby_store::{
    Alarms, Answered, ClaimedDelivery, Deliver, Deliveries, InboundState, LookedUp, NewDelivery, NewTimer, Pace, Place,
    Said, Sending, Store, StoreError, Target, Turn, TurnHandler, TurnOutcome, Turns,
};

use crate::{
    both::{on_both, open},
    given::{LONG, accept, answer, claim, delivery, session, target},
};

/// Small waits, and large limits.
pub(super) fn pace() -> Pace {
    Pace {
        lease: LONG,
        look: Duration::from_secs(5),
        drain: Duration::from_secs(30),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        ..Pace::default()
    }
}

/// What a test does for a message.
pub(super) struct Do<F>(pub(super) F);

impl<F, R> TurnHandler for Do<F>
where
    F: Fn(Turn) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answered, StoreError>> + Send,
{
    fn turn(&self, turn: Turn) -> impl Future<Output = Result<Answered, StoreError>> + Send {
        (self.0)(turn)
    }
}

/// What a test does for a delivery, and what it says when it is asked about one.
pub(super) struct Send1<F>(pub(super) F, pub(super) LookedUp);

impl<F> Deliver for Send1<F>
where
    F: Fn(&ClaimedDelivery) -> Sending + Send + Sync + 'static,
{
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        (self.0)(delivery)
    }

    async fn look_up(&self, _delivery: &ClaimedDelivery) -> LookedUp {
        self.1.clone()
    }
}

pub(super) fn answered(turn: &Turn) -> Answered {
    Answered {
        how: TurnOutcome::Done,
        items: None,
        deliveries: vec![NewDelivery {
            key: format!("{}/0", turn.turn),
            to: Target::answering(&turn.message.origin),
            content: Said::Answer(answer(&turn.message.message)),
            expires_at: None,
        }],
    }
}

/// Runs a loop until `done` says so, and stops it then.
pub(super) async fn until(running: impl AsyncFnOnce(oneshot::Receiver<()>), done: impl AsyncFn() -> bool) {
    let (stop, stopped) = oneshot::channel();
    let watch = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _ = stop.send(());
    };
    let both = async { tokio::join!(running(stopped), watch) };
    tokio::time::timeout(LONG, both).await.expect("it ends");
}

pub(super) async fn turns<H: TurnHandler>(store: &Store, handler: H, pace: Pace, done: impl AsyncFn() -> bool) {
    let turns = Turns::new(store.clone(), handler, pace);
    let run = async |stopped: oneshot::Receiver<()>| {
        turns
            .run(async {
                let _ = stopped.await;
            })
            .await;
    };
    until(run, done).await;
}

pub(super) async fn deliveries<D: Deliver>(store: &Store, channel: D, done: impl AsyncFn() -> bool) {
    let deliveries = Deliveries::new(store.clone(), channel, pace());
    let run = async |stopped: oneshot::Receiver<()>| {
        deliveries
            .run(async {
                let _ = stopped.await;
            })
            .await;
    };
    until(run, done).await;
}

pub(super) async fn inbox_is(store: &Store, state: &str, count: u64) -> bool {
    let backlog = store.backlog().await.expect("a backlog");
    backlog.inbox == BTreeMap::from([(state.to_owned(), count)])
}

pub(super) async fn outbox_is(store: &Store, state: &str, count: u64) -> bool {
    let backlog = store.backlog().await.expect("a backlog");
    backlog.outbox == BTreeMap::from([(state.to_owned(), count)])
}

/// Another process, where there can be one.
pub(super) async fn another(place: &Place, store: &Store) -> Store {
    match place {
        Place::Folder(_) => store.clone(),
        Place::Postgres { .. } => open(place).await,
    }
}

/// A chat on a terminal works off what is its own, and nothing else.
#[tokio::test]
async fn loops_for_a_part_leave_the_rest() {
    on_both(async |place| {
        let store = open(place).await;
        let (one, other) = (accept(&store, "mine", "a").await, accept(&store, "mine-too", "b").await);
        let handler = Do(|turn: Turn| async move { Ok(answered(&turn)) });
        let mine = Turns::new(store.clone(), handler, pace()).only(&session("mine"));
        let run = async |stopped: oneshot::Receiver<()>| {
            mine.run(async {
                let _ = stopped.await;
            })
            .await;
        };
        until(run, async || state(&store, one).await == InboundState::Done).await;
        assert_eq!(state(&store, other).await, InboundState::Received);

        let mut elsewhere = delivery("e", "mine");
        elsewhere.to.account = "ab".to_owned();
        store.deliver(&session("mine"), vec![elsewhere]).await.unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let channel = {
            let sent = Arc::clone(&sent);
            Send1(
                move |delivery: &ClaimedDelivery| {
                    sent.lock().unwrap().push(delivery.to.account.clone());
                    Sending::Sent { receipt: None }
                },
                LookedUp::CannotTell,
            )
        };
        let mine = Deliveries::new(store.clone(), channel, pace()).only("test", "a");
        let run = async |stopped: oneshot::Receiver<()>| {
            mine.run(async {
                let _ = stopped.await;
            })
            .await;
        };
        until(run, async || store.undelivered(&target("mine")).await.unwrap() == 0).await;
        assert_eq!(*sent.lock().unwrap(), ["a"]);
        let waits = Target {
            account: "ab".to_owned(),
            ..target("mine")
        };
        assert_eq!(store.undelivered(&waits).await.unwrap(), 1);
    })
    .await;
}

async fn state(store: &Store, id: i64) -> InboundState {
    store.inbound(id).await.unwrap().expect("it is there").1
}

/// Also one that is set while the loop waits for a later one.
#[tokio::test]
async fn timers_fire_by_themselves() {
    on_both(async |place| {
        let store = open(place).await;
        let now = Time::from(SystemTime::now());
        let timer = |id: &str, after: u64| NewTimer {
            id: id.to_owned(),
            conversation: session("c"),
            begins_at: now + Duration::from_millis(after),
            every: None,
            body: serde_json::json!({"text": id}),
            label: Label::new(Integrity::Owner, Confidentiality::Private, "test"),
        };
        store.set_timer(timer("late", 3_600_000)).await.unwrap();
        let alarms = Alarms::new(store.clone(), &pace());
        let run = async |stopped: oneshot::Receiver<()>| {
            let set = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                store.set_timer(timer("soon", 200)).await.unwrap();
            };
            let run = alarms.run(async {
                let _ = stopped.await;
            });
            tokio::join!(run, set);
        };
        until(run, async || inbox_is(&store, "received", 1).await).await;
        let claimed = claim(&store).await;
        assert_eq!(claimed.message.body["timer"], "soon");
        assert_eq!(store.timers(None, 10).await.unwrap().len(), 1);
    })
    .await;
}
