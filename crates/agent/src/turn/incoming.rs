//! What comes in for a conversation while a turn runs.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::watch, time::sleep};
use yabby_core::{Integrity, Origin};
use yabby_store::{Claimed, Lease, NewInbound, Store, StoreError, Target, Topic};

use super::scene::Scene;
use crate::{Body, Command, Kind, QueueMode};

/// How long to wait before the store is asked again when it was away.
const AGAIN: Duration = Duration::from_secs(1);

/// Messages that have come in behind the one that the turn began with.
pub(super) struct Incoming {
    store: Store,
    lease: Lease,
    mode: QueueMode,
    /// Where the turn answers. What comes from elsewhere is answered there, by a turn of its own.
    place: Target,
    /// Whether the turn is the owner's, which nobody else ends.
    owners: bool,
    /// Whether messages can go into what runs.
    open: bool,
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
    /// A command that is obeyed at once, or refused.
    Command(Box<Claimed>, Command),
    /// A message that goes into this turn.
    LetIn(Heard),
    /// One that is answered afterwards.
    Later(Heard),
    /// One that ends this turn, and is answered next.
    Interrupt(Heard),
}

/// A message that stays in the inbox for now.
pub(super) struct Heard {
    /// Its number there.
    pub(super) id: i64,
    /// Where it was said.
    pub(super) origin: Origin,
}

impl Incoming {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let mut wakes = scene.store.wakes(Topic::Inbox);
        // Something may be there already.
        wakes.mark_changed();
        Self {
            store: scene.store.clone(),
            lease: scene.lease.clone(),
            mode: scene.state.queue.unwrap_or(scene.rules.queue),
            place: Target::answering(&scene.origin),
            owners: scene.owners,
            open: true,
            wakes,
            last: scene.message,
            waiting: VecDeque::new(),
            closed: false,
        }
    }

    /// Another mode, from the next message on.
    pub(super) fn set_mode(&mut self, mode: QueueMode) {
        self.mode = mode;
    }

    /// No message goes into what runs.
    pub(super) fn let_nothing_in(&mut self) {
        self.open = false;
    }

    /// Takes what waits already behind the first message into this turn, up to a command.
    pub(super) async fn collect(&mut self) -> Result<(), StoreError> {
        while self.mode == QueueMode::Collect {
            let Some(claimed) = self.store.claim_next(&self.lease, self.last).await? else {
                break;
            };
            let body = Body::of(&claimed.message);
            if body.kind != Kind::Message || Command::of(&body).is_some() || !self.is_here(&claimed.message) {
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
                    if let Some(disturbed) = self.sort(claimed) {
                        return disturbed;
                    }
                }
                Ok(None) => {
                    let _ = self.wakes.changed().await;
                    self.wakes.mark_changed();
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    fn sort(&mut self, claimed: Claimed) -> Option<Disturbed> {
        let body = Body::of(&claimed.message);
        if body.kind != Kind::Message {
            // Nobody has written it just now: it waits, and there is nobody to be told so.
            self.closed |= body.kind == Kind::Setting;
            return None;
        }
        let heard = Heard {
            id: claimed.id,
            origin: claimed.message.origin.clone(),
        };
        // Who is not the owner ends nothing of the owner's.
        let may_end = is_owners(&claimed.message) || !self.owners;
        match Command::of(&body) {
            Some(command) if command.is_for_now() || !is_owners(&claimed.message) => {
                return Some(Disturbed::Command(Box::new(claimed), command));
            }
            Some(Command::New(_)) if self.mode == QueueMode::Interrupt && !self.closed => {
                self.closed = true;
                return Some(Disturbed::Interrupt(heard));
            }
            Some(_) => {
                self.closed = true;
                return Some(Disturbed::Later(heard));
            }
            None => {}
        }
        // What comes behind a command is meant to be said after it.
        if self.closed {
            return Some(Disturbed::Later(heard));
        }
        Some(match self.mode {
            QueueMode::Steer if self.open && self.is_here(&claimed.message) => {
                self.waiting.push_back(claimed);
                Disturbed::LetIn(heard)
            }
            QueueMode::Interrupt if may_end => Disturbed::Interrupt(heard),
            _ => Disturbed::Later(heard),
        })
    }

    fn is_here(&self, message: &NewInbound) -> bool {
        Target::answering(&message.origin) == self.place
    }
}

/// Whether the owner has written it.
pub(super) fn is_owners(message: &NewInbound) -> bool {
    message.label.integrity == Integrity::Owner
}
