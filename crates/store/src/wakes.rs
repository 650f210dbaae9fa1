//! Who waits for work is told that there is some.

use tokio::sync::watch;

/// What there may be new work of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A message has come in, or a lane with messages is free again.
    Inbox,
    /// Something is to be delivered.
    Outbox,
    /// A question to the owner was asked or answered.
    Approvals,
    /// A timer was set.
    Timers,
    /// A key of the gateway was made or taken back.
    Keys,
}

/// A counter for each topic, which goes up with each wake-up. Whoever waits for a change misses none.
#[derive(Debug)]
pub(crate) struct Wakes([watch::Sender<u64>; Topic::ALL.len()]);

impl Topic {
    pub(crate) const ALL: [Self; 5] = [Self::Inbox, Self::Outbox, Self::Approvals, Self::Timers, Self::Keys];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::Approvals => "approvals",
            Self::Timers => "timers",
            Self::Keys => "keys",
        }
    }

    /// The topic of a name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl Default for Wakes {
    fn default() -> Self {
        Self(std::array::from_fn(|_| watch::Sender::new(0)))
    }
}

impl Wakes {
    /// There is something new.
    pub(crate) fn wake(&self, topic: Topic) {
        if let Some(counter) = self.0.get(topic as usize) {
            counter.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// There may be something new of everything.
    pub(crate) fn wake_all(&self) {
        for topic in Topic::ALL {
            self.wake(topic);
        }
    }

    pub(crate) fn subscribe(&self, topic: Topic) -> watch::Receiver<u64> {
        // Each topic has its counter; the first one stands for none that could be missing.
        let counter = self.0.get(topic as usize).unwrap_or(&self.0[0]);
        counter.subscribe()
    }
}
