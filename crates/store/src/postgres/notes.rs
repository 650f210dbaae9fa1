//! What other replicas are to be told.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::wakes::Topic;

/// Topics of which there may be new work, for whoever tells the others.
#[derive(Debug, Default)]
pub(super) struct Notes {
    topics: AtomicU8,
    bell: Notify,
}

impl Notes {
    /// The others are to be told of these.
    pub(super) fn add(&self, topics: &[Topic]) {
        let bits = topics.iter().fold(0, |bits, topic| bits | bit(*topic));
        if bits != 0 {
            self.topics.fetch_or(bits, Ordering::SeqCst);
            self.bell.notify_one();
        }
    }

    /// All of them; they are told now.
    pub(super) fn take(&self) -> Vec<Topic> {
        let bits = self.topics.swap(0, Ordering::SeqCst);
        Topic::ALL.into_iter().filter(|topic| bits & bit(*topic) != 0).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.load(Ordering::SeqCst) == 0
    }

    /// Until something was added since the last time.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

const fn bit(topic: Topic) -> u8 {
    1 << topic as u8
}
