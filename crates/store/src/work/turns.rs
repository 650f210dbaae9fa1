//! Answering what has come in.

use std::{sync::Arc, time::Duration};

use yabby_core::{SessionKey, Text, text};

use super::{
    Answered, Pace, Turn, TurnHandler,
    backoff::insist,
    crew::{self, Station},
    keep::while_kept,
};
use crate::{
    error::{Result, StoreErrorKind},
    ids::new_id,
    inbox::{Claimed, Found, TurnEnd, TurnOutcome},
    lanes::Lease,
    outbox::{NewDelivery, Target},
    store::Store,
    wakes::Topic,
};

/// The loop that answers what has come in.
#[derive(Debug)]
pub struct Turns<H> {
    store: Store,
    handler: H,
    pace: Pace,
    /// The only conversation; empty for all.
    only: String,
}

/// A message in work, when nobody works on it any more.
pub(super) struct HeldTurn {
    lease: Lease,
    claimed: Arc<Claimed>,
    turn: String,
}

/// A message, and the turn that works on it.
pub(super) struct Taken {
    claimed: Arc<Claimed>,
    turn: String,
}

impl<H: TurnHandler> Turns<H> {
    /// A loop that has not begun.
    pub fn new(store: Store, handler: H, pace: Pace) -> Self {
        Self {
            store,
            handler,
            pace,
            only: String::new(),
        }
    }

    /// The same for one conversation, and no others.
    #[must_use]
    pub fn only(self, conversation: &SessionKey) -> Self {
        Self {
            only: conversation.as_str().to_owned(),
            ..self
        }
    }

    /// Works until `stop` is ready, and what was begun has ended or was given back.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        crew::run(self, stop).await;
    }

    /// One turn, from its beginning to its end.
    async fn one(&self, taken: &Taken) -> Result<()> {
        let Claimed { lease, id, message, .. } = &*taken.claimed;
        insist(|| self.store.begin_turn(lease, *id, &taken.turn)).await?;
        if taken.claimed.claims > self.pace.most_claims {
            let problem = text!(
                "Yabby was interrupted {count} times while it worked on it",
                count = taken.claimed.claims - 1
            );
            return self.end(taken, self.given_up(taken, problem)).await;
        }
        let turn = Turn {
            store: self.store.clone(),
            lease: lease.clone(),
            turn: taken.turn.clone(),
            id: *id,
            message: message.clone(),
            claims: taken.claimed.claims,
            failures: taken.claimed.failures,
        };
        let answering = self.handler.turn(turn);
        let answered = match while_kept(&self.store, lease, self.pace.lease, answering).await? {
            Ok(answered) => self.limited(taken, answered),
            Err(error) if error.kind == StoreErrorKind::Fenced => return Err(error),
            Err(error) => self.failed(taken, error.message),
        };
        match self.end(taken, answered).await {
            // It cannot be kept as it is: this must be said, or it would be tried for ever.
            Err(error) if !matches!(error.kind, StoreErrorKind::Fenced | StoreErrorKind::Damaged) => {
                self.end(taken, self.given_up(taken, error.message)).await
            }
            other => other,
        }
    }

    async fn end(&self, taken: &Taken, answered: Answered) -> Result<()> {
        let end = TurnEnd {
            message: taken.claimed.id,
            turn: taken.turn.clone(),
            how: answered.how,
            items: answered.items,
            deliveries: answered.deliveries,
            keep_lease: false,
        };
        insist(|| self.store.end_turn(&taken.claimed.lease, end.clone())).await
    }

    /// The same, unless it has failed too often by now.
    fn limited(&self, taken: &Taken, answered: Answered) -> Answered {
        match answered.how {
            TurnOutcome::Failed { problem, .. } if taken.claimed.failures + 1 >= self.pace.most_tries => {
                self.given_up(taken, problem)
            }
            how => Answered { how, ..answered },
        }
    }

    /// The turn has failed, and is tried again later.
    fn failed(&self, taken: &Taken, problem: Text) -> Answered {
        let failed = Answered {
            how: TurnOutcome::Failed {
                problem,
                retry_after: self.pace.wait(taken.claimed.failures + 1),
            },
            items: None,
            deliveries: Vec::new(),
        };
        self.limited(taken, failed)
    }

    /// The message is given up, and its sender is told.
    fn given_up(&self, taken: &Taken, problem: Text) -> Answered {
        let key = format!("{}/given-up", taken.turn);
        let to = Target::answering(&taken.claimed.message.origin);
        let notice = NewDelivery::given_up(key, to, &problem);
        Answered {
            how: TurnOutcome::Dead { problem },
            items: None,
            deliveries: vec![notice],
        }
    }
}

impl<H: TurnHandler> Station for Turns<H> {
    type Work = Taken;
    type Held = HeldTurn;

    const TOPIC: Topic = Topic::Inbox;

    fn store(&self) -> &Store {
        &self.store
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn take(&self, most: usize) -> Result<Found<Taken>> {
        let Found { work, due } = self.store.claim_messages(self.pace.lease, most, &self.only).await?;
        let taken = work.into_iter().map(|claimed| Taken {
            turn: claimed.turn.clone().unwrap_or_else(new_id),
            claimed: Arc::new(claimed),
        });
        Ok(Found {
            work: taken.collect(),
            due,
        })
    }

    fn held(&self, taken: &Taken) -> HeldTurn {
        HeldTurn {
            lease: taken.claimed.lease.clone(),
            claimed: Arc::clone(&taken.claimed),
            turn: taken.turn.clone(),
        }
    }

    async fn work(self: Arc<Self>, taken: Taken) {
        let lease = &taken.claimed.lease;
        let ended = self.one(&taken).await;
        self.handler.over(&taken.claimed.message.conversation);
        if ended.is_err_and(|error| error.kind != StoreErrorKind::Fenced) {
            // Nothing to be done about it here: whoever takes it next tries again, but not at once.
            tokio::time::sleep(self.pace.first_wait).await;
            let _ = self.store.release(lease).await;
        }
    }

    async fn give_back(&self, held: HeldTurn) {
        let _ = self.store.give_back(&held.lease, held.claimed.id).await;
    }

    async fn panicked(&self, held: HeldTurn) {
        let taken = Taken {
            claimed: held.claimed,
            turn: held.turn,
        };
        let problem = text!("a fault in Yabby: the turn has broken off");
        let ended = self.end(&taken, self.failed(&taken, problem));
        // It holds up the loop, so not for ever.
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        if !matches!(ended, Ok(Ok(()))) {
            let _ = self.store.release(&held.lease).await;
        }
    }
}
