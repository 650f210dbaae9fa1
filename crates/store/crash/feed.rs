//! People who write, and a channel that sends again what was not acknowledged.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use yabby_core::{Label, Origin, Peer, PeerKind, SessionKey, Time};
use yabby_store::{NewInbound, Store, StoreError};

use crate::ledger;

/// So many may wait for an answer; above that, people write slowly.
const AHEAD: i64 = 20;
const SLOWLY: Duration = Duration::from_secs(1);

/// Takes in all messages that were not acknowledged; number N belongs to conversation N modulo `conversations`.
pub(crate) async fn feed(
    store: &Store,
    acked: &Path,
    messages: usize,
    conversations: usize,
    ahead: &Arc<AtomicI64>,
) -> Result<(), StoreError> {
    let known: BTreeSet<usize> = ledger::lines(acked)
        .iter()
        .filter_map(|name| name[1..].parse().ok())
        .collect();
    let mut all = tokio::task::JoinSet::new();
    for conversation in 0..conversations {
        let is_mine = |n: &usize| n % conversations == conversation;
        let mut known: BTreeSet<usize> = known.iter().copied().filter(is_mine).collect();
        // The last one that was acknowledged comes once more.
        let last = known.pop_last();
        let (store, acked, ahead) = (store.clone(), acked.to_owned(), Arc::clone(ahead));
        all.spawn(async move {
            for n in (conversation..messages).step_by(conversations) {
                if known.contains(&n) {
                    continue;
                }
                let begun = Instant::now();
                while ahead.load(Ordering::SeqCst) >= AHEAD && begun.elapsed() < SLOWLY {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                ahead.fetch_add(1, Ordering::SeqCst);
                store.accept(message(n, conversation)).await?;
                if Some(n) != last {
                    ledger::add(&acked, &name(n));
                }
            }
            Ok(())
        });
    }
    all.join_all().await.into_iter().collect()
}

fn name(n: usize) -> String {
    format!("m{n}")
}

fn message(n: usize, conversation: usize) -> NewInbound {
    NewInbound {
        message: name(n),
        origin: Origin {
            channel: "ledger".to_owned(),
            account: None,
            peer: Peer {
                kind: PeerKind::Direct,
                id: format!("p{conversation}"),
            },
            thread: None,
            sender: None,
        },
        conversation: SessionKey::hook("main", &format!("c{conversation}")),
        received_at: Time(0),
        body: serde_json::json!(name(n)),
        label: Label::of_nothing(),
    }
}
