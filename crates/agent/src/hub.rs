//! Who watches which conversation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};
use yabby_core::SessionKey;

use crate::Live;

/// So many events a watcher may be behind; one that is slower misses some, and is told so by the channel.
const BEHIND: usize = 1024;

/// Whoever watches all conversations sees those that run at once, and is given more time.
const ALL_BEHIND: usize = 8 * BEHIND;

/// Tells watchers what happens in turns of this process. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Watched>);

struct Watched {
    each: Mutex<HashMap<SessionKey, Sender<Live>>>,
    all: Sender<(SessionKey, Live)>,
}

/// A channel has room for all events that a watcher may be behind from its beginning: only for pointers to them.
type Sender<T> = broadcast::Sender<Arc<T>>;

/// Hears what happens.
#[derive(Debug)]
pub struct Watcher<T>(broadcast::Receiver<Arc<T>>);

impl<T: Clone> Watcher<T> {
    /// The next event; an error where this watcher has missed some, or nothing will happen any more.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        self.0.recv().await.map(Arc::unwrap_or_clone)
    }

    /// The same without waiting.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.0.try_recv().map(Arc::unwrap_or_clone)
    }

    /// Whether there is nothing that it has not heard yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self(Arc::new(Watched {
            each: Mutex::default(),
            all: broadcast::channel(ALL_BEHIND).0,
        }))
    }
}

impl Hub {
    /// Watches a conversation from now on.
    pub fn watch(&self, conversation: &SessionKey) -> Watcher<Live> {
        let mut watched = self.0.each.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = watched
            .entry(conversation.clone())
            .or_insert_with(|| broadcast::channel(BEHIND).0);
        Watcher(sender.subscribe())
    }

    /// Watches all conversations from now on.
    pub fn watch_all(&self) -> Watcher<(SessionKey, Live)> {
        Watcher(self.0.all.subscribe())
    }

    /// Tells whoever watches.
    pub fn tell(&self, conversation: &SessionKey, live: Live) {
        if self.0.all.receiver_count() > 0 {
            // Nobody is left only at this moment.
            let _ = self.0.all.send(Arc::new((conversation.clone(), live.clone())));
        }
        let mut watched = self.0.each.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = watched.get(conversation) else {
            return;
        };
        if sender.send(Arc::new(live)).is_err() {
            // The last one has gone.
            watched.remove(conversation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_is_told_and_nobody_else_is_kept() {
        let (hub, here, there) = (Hub::default(), SessionKey::main("a"), SessionKey::main("b"));
        let mut watcher = hub.watch(&here);
        hub.tell(&here, Live::Ended);
        hub.tell(&there, Live::Ended);
        assert_eq!(watcher.try_recv(), Ok(Live::Ended));
        assert!(watcher.try_recv().is_err());
        drop(watcher);
        hub.tell(&here, Live::Ended);
        assert!(hub.0.each.lock().unwrap().is_empty());
        let mut all = hub.watch_all();
        hub.tell(&there, Live::Ended);
        assert_eq!(all.try_recv(), Ok((there, Live::Ended)));
    }
}
