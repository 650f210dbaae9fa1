//! What comes in for a conversation while a turn runs.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::watch, time::sleep};
use yabby_store::{Claimed, Lease, Store, StoreError, Topic};

use crate::{Body, Command, Kind, QueueMode};

/// How long to wait before the store is asked again when it was away.
const AGAIN: Duration = Duration::from_secs(1);

/// Messages that have come in behind the one that the turn began with.
pub(super) struct Incoming {
    store: Store,
    lease: Lease,
    mode: QueueMode,
    wakes: watch::Receiver<u64>,
    /// The last message that was taken.
    last: i64,
    /// Those that go into this turn.
    waiting: VecDeque<Claimed>,
    /// Whether a command waits for the end of the turn, and with it everything behind it.
    closed: bool,
}

/// What has come in.
pub(super) enum Disturbed {
    /// A command that is obeyed at once.
    Command(Box<Claimed>, Command),
    /// A message that goes into this turn.
    LetIn(i64),
    /// One that is answered afterwards.
    Later(i64),
    /// One that ends this turn, and is answered next.
    Interrupt(i64),
}

impl Incoming {
    pub(super) fn new(store: &Store, lease: &Lease, first: i64, mode: QueueMode) -> Self {
        let mut wakes = store.wakes(Topic::Inbox);
        // Something may be there already.
        wakes.mark_changed();
        Self {
            store: store.clone(),
            lease: lease.clone(),
            mode,
            wakes,
            last: first,
            waiting: VecDeque::new(),
            closed: false,
        }
    }

    /// Another mode, from the next message on.
    pub(super) fn set_mode(&mut self, mode: QueueMode) {
        self.mode = mode;
    }

    /// Takes what waits already behind the first message into this turn, up to a command.
    pub(super) async fn collect(&mut self) -> Result<(), StoreError> {
        while self.mode == QueueMode::Collect {
            let Some(claimed) = self.store.claim_next(&self.lease, self.last).await? else {
                break;
            };
            let body = Body::of(&claimed.message);
            if body.kind != Kind::Message || Command::of(&body).is_some() {
                break;
            }
            self.last = claimed.id;
            self.waiting.push_back(claimed);
        }
        Ok(())
    }

    /// The next message that goes into this turn.
    pub(super) fn next_to_let_in(&mut self) -> Option<Claimed> {
        self.waiting.pop_front()
    }

    /// What comes in next; waits for it. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Disturbed {
        loop {
            if self.wakes.has_changed().is_err() {
                // The store is closed; the turn will notice.
                return std::future::pending().await;
            }
            self.wakes.mark_unchanged();
            match self.store.claim_next(&self.lease, self.last).await {
                Ok(Some(claimed)) => {
                    self.last = claimed.id;
                    // There may be more behind it.
                    self.wakes.mark_changed();
                    return self.sort(claimed);
                }
                Ok(None) => {
                    let _ = self.wakes.changed().await;
                    self.wakes.mark_changed();
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    fn sort(&mut self, claimed: Claimed) -> Disturbed {
        let (id, body) = (claimed.id, Body::of(&claimed.message));
        match Command::of(&body) {
            Some(command) if command.is_for_now() => return Disturbed::Command(Box::new(claimed), command),
            Some(_) => {
                self.closed = true;
                return Disturbed::Later(id);
            }
            None => {}
        }
        // What comes behind a command is meant to be said after it.
        if self.closed {
            return Disturbed::Later(id);
        }
        match self.mode {
            // What nobody has written just now does not disturb.
            _ if body.kind != Kind::Message => Disturbed::Later(id),
            QueueMode::Steer => {
                self.waiting.push_back(claimed);
                Disturbed::LetIn(id)
            }
            QueueMode::Followup | QueueMode::Collect => Disturbed::Later(id),
            QueueMode::Interrupt => Disturbed::Interrupt(id),
        }
    }
}
