//! The whole way of a message: inbox, a turn that repeats it, outbox, a channel that takes it at once.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{io::AsyncReadExt as _, process::Command, sync::oneshot, task::JoinSet, time::sleep};
use yabby_core::{Confidentiality, Integrity, Label, Origin, Peer, PeerKind, SessionKey, Text, Time, text};
use yabby_store::{
    Access, Answered, ClaimedDelivery, Deliver, Deliveries, NewDelivery, NewInbound, Pace, Said, Sending, Store,
    StoreError, Target, Turn, TurnHandler, TurnOutcome, Turns,
};

use crate::{Failed, place_of};

const CONVERSATIONS: u64 = 64;
const EACH: u64 = 50;
const PARALLEL: usize = 32;

struct Echo;

impl TurnHandler for Echo {
    async fn turn(&self, turn: Turn) -> Result<Answered, StoreError> {
        let said: Text = text!(
            "you said: {text}",
            text = turn.message.body["text"].as_str().unwrap_or_default()
        );
        Ok(Answered {
            how: TurnOutcome::Done,
            items: None,
            deliveries: vec![NewDelivery {
                key: format!("{}-0", turn.turn),
                to: Target::answering(&turn.message.origin),
                content: Said::Notice(said),
                expires_at: None,
            }],
        })
    }
}

struct Taken;

impl Deliver for Taken {
    async fn send(&self, _: &ClaimedDelivery) -> Sending {
        Sending::Sent { receipt: None }
    }
}

/// A message of a conversation.
pub(crate) fn message(conversation: &str, number: u64) -> NewInbound {
    NewInbound {
        message: format!("{conversation}-{number}"),
        origin: Origin {
            channel: "bench".to_owned(),
            account: None,
            peer: Peer {
                kind: PeerKind::Direct,
                id: conversation.to_owned(),
            },
            thread: None,
            sender: None,
        },
        conversation: SessionKey::hook("main", conversation),
        received_at: Time(0),
        body: serde_json::json!({"text": "The quick brown fox jumps over the lazy dog."}),
        label: Label::new(Integrity::Owner, Confidentiality::Private, "bench"),
    }
}

/// Works until the standard input ends.
pub(crate) async fn replica(place: &yabby_store::Place) -> Result<(), Failed> {
    let store = Store::open(place, Access::Write).await?;
    let (turns, deliveries) = loops(&store);
    let ended = async {
        let mut rest = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    };
    let (stop_turns, turns_stop) = oneshot::channel::<()>();
    let (stop_deliveries, deliveries_stop) = oneshot::channel::<()>();
    let ending = async {
        ended.await;
        drop((stop_turns, stop_deliveries));
    };
    tokio::join!(
        turns.run(async { drop(turns_stop.await) }),
        deliveries.run(async { drop(deliveries_stop.await) }),
        ending
    );
    Ok(())
}

fn loops(store: &Store) -> (Turns<Echo>, Deliveries<Taken>) {
    let pace = Pace {
        parallel: PARALLEL,
        ..Pace::default()
    };
    (
        Turns::new(store.clone(), Echo, pace.clone()),
        Deliveries::new(store.clone(), Taken, pace),
    )
}

/// Everything is taken in while it is worked off, here and by so many others.
pub(crate) async fn measure(name: &str, place: &str, others: usize) -> Result<(), Failed> {
    let store = Store::open(&place_of(place), Access::Write).await?;
    let mut helpers = Vec::new();
    for _ in 0..others {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["replica", place])
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        helpers.push(command.spawn()?);
    }
    if others > 0 {
        sleep(Duration::from_secs(1)).await;
    }
    let (turns, deliveries) = loops(&store);
    let mut working = JoinSet::new();
    let (stop_turns, turns_stop) = oneshot::channel::<()>();
    let (stop_deliveries, deliveries_stop) = oneshot::channel::<()>();
    let begun = Instant::now();
    working.spawn(turns.run(async { drop(turns_stop.await) }));
    working.spawn(deliveries.run(async { drop(deliveries_stop.await) }));
    let mut feeding = JoinSet::new();
    for conversation in 0..CONVERSATIONS {
        let store = store.clone();
        feeding.spawn(async move {
            for number in 0..EACH {
                store.accept(message(&conversation.to_string(), number)).await?;
            }
            Ok::<_, StoreError>(())
        });
    }
    while let Some(fed) = feeding.join_next().await {
        fed??;
    }
    let wanted = CONVERSATIONS * EACH;
    while store.backlog().await?.outbox.get("sent") != Some(&wanted) {
        sleep(Duration::from_millis(10)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  {name:24} {:>8.0} per second ({wanted} messages of {CONVERSATIONS} conversations)",
        f64::from(u32::try_from(wanted)?) / seconds
    );
    drop((stop_turns, stop_deliveries));
    while working.join_next().await.is_some() {}
    for mut helper in helpers {
        drop(helper.stdin.take());
        helper.wait().await?;
    }
    Ok(())
}
