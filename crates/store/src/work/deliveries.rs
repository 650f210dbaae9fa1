//! Sending what must go out.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use yabby_core::{Text, text};

use super::{
    Deliver, LookedUp, Pace, Sending,
    backoff::insist,
    crew::{self, Station},
    keep::while_kept,
};
use crate::{
    error::{Result, StoreErrorKind},
    fail,
    inbox::Found,
    lanes::Lease,
    outbox::{ClaimedDelivery, DeliveryOutcome, Target},
    sql::Flavor,
    store::Store,
    wakes::Topic,
};

/// The loop that sends what must go out.
#[derive(Debug)]
pub struct Deliveries<D> {
    store: Store,
    channel: D,
    pace: Pace,
    /// How the names of its lanes begin.
    only: String,
}

/// A delivery, since when it is ours, and how others saw this process then.
pub(super) struct Taken {
    claimed: ClaimedDelivery,
    since: Instant,
    seen: u64,
}

impl<D: Deliver> Deliveries<D> {
    /// A loop that has not begun.
    pub fn new(store: Store, channel: D, pace: Pace) -> Self {
        Self {
            store,
            channel,
            pace,
            only: String::new(),
        }
    }

    /// The same for one account of a channel, and no others.
    #[must_use]
    pub fn only(self, channel: &str, account: &str) -> Self {
        Self {
            only: Target::lanes(channel, account),
            ..self
        }
    }

    /// Works until `stop` is ready, and what was begun has ended or was given back.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        crew::run(self, stop).await;
    }

    /// One delivery, to the end of this try.
    async fn one(&self, taken: &Taken) -> Result<()> {
        let claimed = &taken.claimed;
        let outcome = while_kept(&self.store, &claimed.lease, self.pace.lease, self.outcome(taken)).await?;
        insist(|| self.store.end_delivery(&claimed.lease, claimed.id, outcome.clone())).await
    }

    /// What becomes of a delivery.
    async fn outcome(&self, taken: &Taken) -> DeliveryOutcome {
        let claimed = &taken.claimed;
        if claimed.was_sending {
            self.looked_up(claimed).await
        } else if self.is_late(taken) {
            // This process has slept. Nothing was sent, and another one may take it.
            self.failed(
                claimed,
                text!("the channel was not reached in time"),
                Some(Duration::ZERO),
            )
        } else {
            fail::point("deliver", "before");
            let sending = self.channel.send(claimed).await;
            fail::point("deliver", "sent");
            match sending {
                Sending::Sent { receipt } => DeliveryOutcome::Sent { receipt },
                Sending::NotSent {
                    problem, again: false, ..
                } => DeliveryOutcome::Failed { problem },
                Sending::NotSent { problem, after, .. } => self.failed(claimed, problem, after),
                Sending::MayHaveBeenSent { problem } => self.unknown(claimed, problem).await,
            }
        }
    }

    /// Whether the lease may have passed before anything was sent, or others take this process for dead, or have done so.
    fn is_late(&self, taken: &Taken) -> bool {
        let has_passed = taken.since.elapsed() > self.pace.lease / 2;
        self.store.flavor() == Flavor::Postgres
            && (has_passed || self.store.may_seem_dead(&taken.claimed.lease, taken.seen))
    }

    /// What somebody else began to send.
    async fn looked_up(&self, claimed: &ClaimedDelivery) -> DeliveryOutcome {
        let problem = text!("Yabby was interrupted while it was being sent, so it may have arrived or not");
        self.unknown(claimed, problem).await
    }

    /// It may have been sent: the channel says whether it was, or nobody does.
    async fn unknown(&self, claimed: &ClaimedDelivery, problem: Text) -> DeliveryOutcome {
        match self.channel.look_up(claimed).await {
            LookedUp::Sent { receipt } => DeliveryOutcome::Sent { receipt },
            LookedUp::NotSent => self.failed(claimed, problem, Some(Duration::ZERO)),
            LookedUp::CannotTell => DeliveryOutcome::Unknown { problem },
        }
    }

    /// It was not sent. It is tried again, unless it was often enough.
    fn failed(&self, claimed: &ClaimedDelivery, problem: Text, after: Option<Duration>) -> DeliveryOutcome {
        if claimed.tries >= self.pace.most_tries {
            return DeliveryOutcome::Failed { problem };
        }
        DeliveryOutcome::Retry {
            after: after.unwrap_or_else(|| self.pace.wait(claimed.tries)),
            problem,
        }
    }
}

impl<D: Deliver> Station for Deliveries<D> {
    type Work = Taken;
    type Held = Lease;

    const TOPIC: Topic = Topic::Outbox;

    fn store(&self) -> &Store {
        &self.store
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn take(&self, most: usize) -> Result<Found<Taken>> {
        let (since, seen) = (Instant::now(), self.store.seen());
        let Found { work, due } = self.store.claim_deliveries(self.pace.lease, most, &self.only).await?;
        let taken = work.into_iter().map(|claimed| Taken { claimed, since, seen });
        Ok(Found {
            work: taken.collect(),
            due,
        })
    }

    fn held(&self, taken: &Taken) -> Lease {
        taken.claimed.lease.clone()
    }

    async fn work(self: Arc<Self>, taken: Taken) {
        let lease = &taken.claimed.lease;
        let ended = self.one(&taken).await;
        if ended.is_err_and(|error| error.kind != StoreErrorKind::Fenced) {
            // Nothing to be done about it here: whoever takes it next tries again, but not at once.
            tokio::time::sleep(self.pace.first_wait).await;
            let _ = self.store.release(lease).await;
        }
    }

    async fn give_back(&self, lease: Lease) {
        // It stays `sending`: whoever takes it next looks it up.
        let _ = self.store.release(&lease).await;
    }

    async fn panicked(&self, lease: Lease) {
        self.give_back(lease).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;
    use yabby_core::SessionKey;
    use yabby_testkit::Postgres;

    use super::*;
    use crate::{
        outbox::{NewDelivery, Said},
        postgres::tests::given::{listener, open, sql},
    };

    /// Counts what it is given.
    #[derive(Default)]
    struct Counts(Arc<AtomicUsize>);

    impl Deliver for Counts {
        async fn send(&self, _delivery: &ClaimedDelivery) -> Sending {
            self.0.fetch_add(1, Ordering::SeqCst);
            Sending::Sent { receipt: None }
        }
    }

    async fn until(holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it does not come");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Others may have taken it over meanwhile, and have looked it up as not sent.
    #[tokio::test]
    async fn what_was_taken_before_others_saw_this_process_no_more_is_not_sent() {
        let server = Postgres::shared();
        let url = server.new_database();
        let name = url.split(['/', '?']).nth(3).expect("a name");
        let store = open(&url).await;
        let between = store.between().expect("others may come");
        until(|| between.is_present()).await;
        let conversation = SessionKey::main("main");
        let new = NewDelivery {
            key: "k".to_owned(),
            to: Target {
                channel: "test".to_owned(),
                account: "a".to_owned(),
                peer: "p".to_owned(),
                thread: None,
            },
            content: Said::Notice(text!("the store is closed")),
            expires_at: None,
        };
        store.deliver(&conversation, vec![new]).await.unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let deliveries = Deliveries::new(store.clone(), Counts(Arc::clone(&sent)), Pace::default());
        let taken = deliveries.take(1).await.unwrap().work.pop().expect("a delivery");
        let seen = between.seen();
        let listens = listener(server, name);
        assert_eq!(
            sql(server, &format!("SELECT pg_terminate_backend({listens}, 5000)")),
            "t"
        );
        // It is seen again, and what it takes from now on is its own.
        until(|| between.is_present() && between.seen() != seen).await;
        deliveries.one(&taken).await.unwrap();
        assert_eq!(sent.load(Ordering::SeqCst), 0);
        let taken = deliveries.take(1).await.unwrap().work.pop().expect("the same delivery");
        deliveries.one(&taken).await.unwrap();
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }
}
