//! Who watches which conversation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;
use yabby_core::SessionKey;

use crate::Live;

/// So many events a watcher may be behind; one that is slower misses some, and is told so by the channel.
const BEHIND: usize = 1024;

/// Tells watchers what happens in turns of this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub(Arc<Mutex<HashMap<SessionKey, broadcast::Sender<Live>>>>);

impl Hub {
    /// Watches a conversation from now on.
    pub fn watch(&self, conversation: &SessionKey) -> broadcast::Receiver<Live> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .entry(conversation.clone())
            .or_insert_with(|| broadcast::channel(BEHIND).0)
            .subscribe()
    }

    /// Tells whoever watches.
    pub fn tell(&self, conversation: &SessionKey, live: Live) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = watched.get(conversation) else {
            return;
        };
        if sender.send(live).is_err() {
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
        assert!(hub.0.lock().unwrap().is_empty());
    }
}
