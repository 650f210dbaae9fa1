//! PostgreSQL goes away while messages are on their way, and comes back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinSet, time::sleep};
use yabby_core::Secret;
use yabby_store::{
    Answered, ClaimedDelivery, Deliver, Deliveries, NewDelivery, Pace, Place, Said, Sending, Store, StoreError, Target,
    Turn, TurnHandler, TurnOutcome, Turns,
};
use yabby_testkit::Postgres;

use crate::{
    both::open,
    given::{LONG, answer, inbound},
};

const CONVERSATIONS: usize = 6;
const EACH: usize = 20;

struct Echo;

impl TurnHandler for Echo {
    async fn turn(&self, turn: Turn) -> Result<Answered, StoreError> {
        Ok(Answered {
            how: TurnOutcome::Done,
            items: None,
            deliveries: vec![NewDelivery {
                key: format!("{}/0", turn.turn),
                to: Target::answering(&turn.message.origin),
                content: Said::Answer(answer(&turn.message.message)),
                expires_at: None,
            }],
        })
    }
}

/// What has arrived, by conversation.
#[derive(Clone, Default)]
struct Arrived(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Arrived {
    fn count(&self) -> usize {
        self.0.lock().expect("a lock").values().map(Vec::len).sum()
    }
}

impl Deliver for Arrived {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        let Said::Answer(text) = &delivery.content else {
            panic!("it is an answer")
        };
        let mut arrived = self.0.lock().expect("a lock");
        let there = arrived.entry(delivery.to.peer.clone()).or_default();
        there.push(text.as_str().to_owned());
        Sending::Sent { receipt: None }
    }
}

/// A channel: it sends what was not acknowledged again.
async fn feed(store: Store, conversation: String) {
    for number in 0..EACH {
        let message = inbound(&conversation, &format!("{conversation}-{number:02}"));
        while store.accept(message.clone()).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn messages_on_their_way_bear_a_server_that_is_killed_and_comes_back() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place::Postgres {
        url: Secret::new(server.socket_url(&server.new_database())),
        folder: folder.path().to_owned(),
    };
    let store = open(&place).await;
    let arrived = Arrived::default();
    let pace = Pace {
        lease: LONG,
        first_wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(100),
        look: Duration::from_millis(500),
        ..Pace::default()
    };
    let (stop_turns, turns_stop) = oneshot::channel::<()>();
    let (stop_deliveries, deliveries_stop) = oneshot::channel::<()>();
    let mut working = JoinSet::new();
    working.spawn(Turns::new(store.clone(), Echo, pace.clone()).run(async { drop(turns_stop.await) }));
    working.spawn(Deliveries::new(store.clone(), arrived.clone(), pace).run(async { drop(deliveries_stop.await) }));
    let mut feeding = JoinSet::new();
    for conversation in 0..CONVERSATIONS {
        feeding.spawn(feed(store.clone(), format!("c{conversation}")));
    }
    let until = async |count: usize| {
        let all = async {
            while arrived.count() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, all).await.expect("they arrive");
    };
    until(CONVERSATIONS * EACH / 4).await;
    let server = tokio::task::spawn_blocking(move || {
        server.kill_hard();
        std::thread::sleep(Duration::from_millis(500));
        server.start_again();
        server
    });
    let server = server.await.expect("the server is there again");
    until(CONVERSATIONS * EACH).await;
    while feeding.join_next().await.is_some() {}
    drop((stop_turns, stop_deliveries));
    while working.join_next().await.is_some() {}
    let expected: BTreeMap<String, Vec<String>> = (0..CONVERSATIONS)
        .map(|conversation| {
            let texts = (0..EACH).map(|number| format!("c{conversation}-{number:02}"));
            (format!("c{conversation}"), texts.collect())
        })
        .collect();
    assert_eq!(*arrived.0.lock().expect("a lock"), expected);
    drop(store);
    drop(server);
}
