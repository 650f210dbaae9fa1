//! Programs that follow a conversation while another gateway answers in it. What this process answers they hear from the hub.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::broadcast::{
    self,
    error::RecvError::{Closed, Lagged},
};
use yabby_core::SessionKey;

use super::{Event, Feed};

/// So many events one may be behind.
const BEHIND: usize = 256;

/// All who follow.
#[derive(Default)]
pub(super) struct Followers(HashMap<SessionKey, broadcast::Sender<Arc<Event>>>);

/// What one of them hears of a conversation, until this is dropped: a snapshot, what follows it, and the end. Another snapshot
/// comes when something was missed, or another gateway goes on.
pub(crate) struct Elsewhere {
    feed: Feed,
    of: SessionKey,
    events: broadcast::Receiver<Arc<Event>>,
}

impl Followers {
    pub(super) fn has(&self, of: &SessionKey) -> bool {
        self.0.contains_key(of)
    }

    /// All conversations that somebody follows.
    pub(super) fn all(&self) -> impl Iterator<Item = &SessionKey> {
        self.0.keys()
    }

    /// Something happens in a turn of another gateway.
    pub(super) fn tell(&self, of: &SessionKey, event: &Event) {
        if let Some(events) = self.0.get(of) {
            // Nobody is left only at this moment.
            let _ = events.send(Arc::new(event.clone()));
        }
    }
}

impl Feed {
    /// Follows what other gateways answer in a conversation from now on.
    pub(crate) fn elsewhere(&self, of: &SessionKey) -> Elsewhere {
        let mut guard = self.lock();
        let state = &mut *guard;
        let events = state.followers.0.entry(of.clone());
        let events = events.or_insert_with(|| broadcast::channel(BEHIND).0).subscribe();
        state.others.watched(of);
        drop(guard);
        Elsewhere {
            feed: self.clone(),
            of: of.clone(),
            events,
        }
    }
}

impl Elsewhere {
    /// What happens next. Dropped before it is ready, nothing is lost.
    pub(crate) async fn next(&mut self) -> Arc<Event> {
        match self.events.recv().await {
            Ok(event) => event,
            Err(Lagged(_)) => {
                let state = self.feed.lock();
                self.events = self.events.resubscribe();
                let turn = state.running.get(&self.of).filter(|_| state.others.follows(&self.of));
                Arc::new(match turn.cloned() {
                    None => Event::Ended,
                    turn => Event::Snapshot { turn },
                })
            }
            // The sender is dropped behind the last receiver.
            Err(Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let followers = &mut self.feed.lock().followers.0;
        if followers
            .get(&self.of)
            .is_some_and(|events| events.receiver_count() <= 1)
        {
            followers.remove(&self.of);
        }
    }
}
