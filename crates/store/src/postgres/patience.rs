//! Waits that become longer.

use std::time::Duration;

/// How long is waited before the next try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    next: Duration,
    most: Duration,
}

impl Patience {
    /// Before a new connection.
    pub(super) const RECONNECT: Self = Self {
        next: Duration::from_millis(50),
        most: Duration::from_secs(2),
    };
    /// After another transaction was in the way.
    pub(super) const AGAIN: Self = Self {
        next: Duration::from_millis(2),
        most: Duration::from_millis(500),
    };

    /// Between half of the wait and all of it, so that replicas do not come at the same moment. The next one is twice as
    /// long.
    pub(super) fn next(&mut self) -> Duration {
        let all = self.next;
        self.next = (all * 2).min(self.most);
        let mut random = [0];
        // Without random numbers it is half of it.
        let _ = getrandom::fill(&mut random);
        all / 2 + all / 2 * u32::from(random[0]) / 255
    }
}
