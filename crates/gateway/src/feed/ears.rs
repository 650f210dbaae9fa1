//! Who watches. Each has a queue of its own, with what concerns it and nothing else; one that does not keep up loses its queue
//! and reads anew what it has missed, so that nobody who is slow holds memory for long, or others up.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
};

use tokio::sync::mpsc::{self, Receiver, Sender};
use yabby_core::SessionKey;

use super::{Feed, Running, Told};

/// So many events one may be behind.
const BEHIND: usize = 1024;

/// All who watch.
#[derive(Default)]
pub(super) struct Watchers {
    next: u64,
    all: HashMap<u64, Watcher>,
    /// Who watches which conversation.
    of: HashMap<SessionKey, HashSet<u64>>,
}

struct Watcher {
    conversation: Option<SessionKey>,
    /// None after it did not keep up.
    queue: Option<Sender<Arc<Told>>>,
}

/// What one watcher hears, until this is dropped.
pub(crate) struct Ears {
    feed: Feed,
    id: u64,
    queue: Receiver<Arc<Told>>,
}

impl Watchers {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether somebody watches a conversation.
    pub(super) fn is_watched(&self, conversation: &SessionKey) -> bool {
        self.of.contains_key(conversation)
    }

    /// All conversations that somebody watches.
    pub(super) fn watched(&self) -> impl Iterator<Item = &SessionKey> {
        self.of.keys()
    }

    /// Tells all whom it concerns: with a conversation those who watch it, without one everybody.
    pub(super) fn tell(&mut self, conversation: Option<&SessionKey>, told: impl FnOnce() -> Told) {
        let Some(conversation) = conversation else {
            if !self.all.is_empty() {
                let told = Arc::new(told());
                self.all.values_mut().for_each(|watcher| watcher.hear(&told));
            }
            return;
        };
        let Some(ids) = self.of.get(conversation) else { return };
        let told = Arc::new(told());
        for id in ids {
            if let Some(watcher) = self.all.get_mut(id) {
                watcher.hear(&told);
            }
        }
    }

    fn add(&mut self) -> (u64, Receiver<Arc<Told>>) {
        let (queue, receiver) = mpsc::channel(BEHIND);
        self.next += 1;
        let watcher = Watcher {
            conversation: None,
            queue: Some(queue),
        };
        self.all.insert(self.next, watcher);
        (self.next, receiver)
    }

    /// From now on it watches this conversation; gives it a new queue where it has lost its own.
    fn turn(&mut self, id: u64, conversation: Option<&SessionKey>) -> Option<Receiver<Arc<Told>>> {
        let watcher = self.all.get_mut(&id)?;
        let before = mem::replace(&mut watcher.conversation, conversation.cloned());
        let receiver = watcher.queue.is_none().then(|| {
            let (queue, receiver) = mpsc::channel(BEHIND);
            watcher.queue = Some(queue);
            receiver
        });
        self.forget(id, before.as_ref());
        if let Some(conversation) = conversation {
            self.of.entry(conversation.clone()).or_default().insert(id);
        }
        receiver
    }

    fn remove(&mut self, id: u64) {
        let conversation = self.all.remove(&id).and_then(|watcher| watcher.conversation);
        self.forget(id, conversation.as_ref());
    }

    fn forget(&mut self, id: u64, conversation: Option<&SessionKey>) {
        let Some(conversation) = conversation else { return };
        if let Some(ids) = self.of.get_mut(conversation) {
            ids.remove(&id);
            if ids.is_empty() {
                self.of.remove(conversation);
            }
        }
    }
}

impl Watcher {
    fn hear(&mut self, told: &Arc<Told>) {
        if let Some(queue) = &self.queue
            && queue.try_send(Arc::clone(told)).is_err()
        {
            self.queue = None;
        }
    }
}

impl Ears {
    pub(super) fn new(feed: &Feed) -> Self {
        let (id, queue) = feed.lock().watchers.add();
        Self {
            feed: feed.clone(),
            id,
            queue,
        }
    }

    /// Watches this conversation from now on: what its running turn has brought so far, and the number of the last event that
    /// is in it.
    pub(crate) fn turn(&mut self, conversation: Option<&SessionKey>) -> (Option<Running>, u64) {
        let mut state = self.feed.lock();
        if let Some(queue) = state.watchers.turn(self.id, conversation) {
            self.queue = queue;
        }
        let running = conversation.and_then(|conversation| state.running.get(conversation).cloned());
        if let (Some(conversation), None) = (conversation, &running) {
            // It may run elsewhere.
            state.others.watched(conversation);
        }
        (running, state.seq)
    }

    /// The next event; nothing when it was too slow and others are lost: from [`Ears::turn`] on it hears again.
    pub(crate) async fn next(&mut self) -> Option<Arc<Told>> {
        self.queue.recv().await
    }
}

#[cfg(test)]
impl Ears {
    /// The next event, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Arc<Told>> {
        self.queue.try_recv().ok()
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.feed.lock().watchers.remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::feed::Event;

    fn key(text: &str) -> SessionKey {
        text.parse().unwrap()
    }

    fn text(delta: &str) -> Event {
        Event::Text {
            delta: delta.to_owned(),
        }
    }

    async fn heard(ears: &mut Ears) -> Value {
        let told = ears.next().await.unwrap();
        serde_json::from_slice(&told.line.clone().json()).unwrap()
    }

    #[tokio::test]
    async fn each_hears_what_concerns_it() {
        let feed = Feed::default();
        let (one, other) = (key("agent:main:main"), key("agent:main:other"));
        assert!(!feed.is_watched());
        let (mut first, mut second) = (feed.watch(), feed.watch());
        assert!(first.turn(Some(&one)).0.is_none());
        second.turn(Some(&other));
        feed.tell(Some(&one), &text("a"));
        feed.tell(Some(&other), &text("b"));
        feed.tell(None, &Event::Conversations);
        let conversations = json!({"seq": 3, "type": "conversations"});
        let of = |seq: u64, key: &SessionKey, delta: &str| json!({"seq": seq, "conversation": key.as_str(), "type": "text", "delta": delta});
        assert_eq!(
            [heard(&mut first).await, heard(&mut first).await],
            [of(1, &one, "a"), conversations.clone()]
        );
        assert_eq!(
            [heard(&mut second).await, heard(&mut second).await],
            [of(2, &other, "b"), conversations]
        );
        // One that turns to another conversation hears nothing more of the one before.
        assert_eq!(first.turn(Some(&other)).1, 3);
        feed.tell(Some(&one), &text("c"));
        feed.tell(Some(&other), &text("d"));
        assert_eq!(heard(&mut first).await, of(5, &other, "d"));
        let told = second.next().await.unwrap();
        assert_eq!(
            told.line.clone().event(),
            "data: {\"seq\":5,\"conversation\":\"agent:main:other\",\"type\":\"text\",\"delta\":\"d\"}\n\n"
        );
        drop((first, second));
        let state = feed.lock();
        assert!(state.watchers.all.is_empty() && state.watchers.of.is_empty());
    }

    #[tokio::test]
    async fn who_does_not_keep_up_reads_anew_and_holds_nothing() {
        let feed = Feed::default();
        let conversation = key("agent:main:main");
        let (mut slow, mut fast) = (feed.watch(), feed.watch());
        slow.turn(Some(&conversation));
        fast.turn(Some(&conversation));
        for n in 0..3 * BEHIND {
            feed.tell(Some(&conversation), &text(&n.to_string()));
            assert_eq!(heard(&mut fast).await["delta"], n.to_string());
        }
        let before: Vec<_> = std::iter::from_fn(|| slow.queue.try_recv().ok()).collect();
        assert_eq!(before.len(), BEHIND);
        assert!(slow.next().await.is_none(), "it has missed something");
        assert_eq!(slow.turn(Some(&conversation)).1, 3 * BEHIND as u64);
        feed.tell(Some(&conversation), &text("again"));
        assert_eq!(heard(&mut slow).await["delta"], "again");
        // What nobody has to hear any more is gone.
        assert!(before.iter().all(|told| Arc::strong_count(told) == 1));
    }
}
