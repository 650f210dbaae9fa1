//! How a loop works.

use std::time::Duration;

/// How a loop works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many pieces side by side.
    pub parallel: usize,
    /// How long another replica waits before it takes over what one that has died has had. Leases are renewed at a third of
    /// it. It is not used with SQLite, where nobody else works.
    pub lease: Duration,
    /// How often to look for work without being told.
    pub look: Duration,
    /// How long work may go on after the loop was asked to stop.
    pub drain: Duration,
    /// A piece that somebody began and did not come to an end with so often is given up: it may be what kills them.
    pub most_claims: u64,
    /// A piece that has failed so often is given up.
    pub most_tries: u64,
    /// How long to wait before a second try; each further one waits twice as long.
    pub first_wait: Duration,
    /// The longest wait before a try.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            parallel: 8,
            lease: Duration::from_secs(30),
            look: Duration::from_secs(10),
            drain: Duration::from_secs(20),
            most_claims: 3,
            most_tries: 8,
            first_wait: Duration::from_secs(2),
            longest_wait: Duration::from_mins(10),
        }
    }
}

impl Pace {
    /// How long to wait before the next try, after so many have failed.
    pub(super) fn wait(&self, failures: u64) -> Duration {
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
        self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_as_long() {
        let pace = Pace::default();
        let waits: Vec<u64> = [1, 2, 3, 8, 9, 10, 1000]
            .map(|failures| pace.wait(failures).as_secs())
            .into();
        assert_eq!(waits, [2, 4, 8, 256, 512, 600, 600]);
    }
}
