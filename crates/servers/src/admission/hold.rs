//! How long permits are held, and how long one has to wait therefore.

use std::{collections::VecDeque, time::Duration};

/// How many times are remembered.
const MEMORY: usize = 32;

/// The times that the last permits were held.
#[derive(Debug, Default)]
pub(super) struct HoldTimes {
    recent: VecDeque<Duration>,
}

impl HoldTimes {
    /// Adds a time.
    pub(super) fn record(&mut self, held: Duration) {
        if self.recent.len() == MEMORY {
            self.recent.pop_front();
        }
        self.recent.push_back(held);
    }

    /// Their median; the greater of the two in the middle.
    pub(super) fn median(&self) -> Option<Duration> {
        let mut sorted: Vec<_> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// How long a request with `ahead` others before it waits, if each holds one of `limit` slots for `hold`, and the
/// running ones for what is `left` of it. `None` when there are no slots.
pub(super) fn expected_wait(hold: Duration, mut left: Vec<Duration>, limit: usize, ahead: usize) -> Option<Duration> {
    left.sort_unstable();
    // The slots of the first to end are gone.
    let gone = left.len().saturating_sub(limit);
    let first = left.get(gone + ahead.checked_rem(limit)?).copied().unwrap_or_default();
    let rounds = u32::try_from(ahead.checked_div(limit)?).ok()?;
    hold.checked_mul(rounds)?.checked_add(first)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn the_median_of_the_last_times() {
        let mut times = HoldTimes::default();
        assert_eq!(times.median(), None);
        for (held, median) in [(9, 9), (1, 9), (2, 2), (50, 9), (3, 3)] {
            times.record(Duration::from_secs(held));
            assert_eq!(times.median(), Some(Duration::from_secs(median)));
        }
        for _ in 0..MEMORY {
            times.record(Duration::from_secs(7));
        }
        times.record(Duration::from_secs(1));
        assert_eq!(times.recent.len(), MEMORY);
        assert_eq!(times.median(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn no_slots_no_expectation() {
        assert_eq!(expected_wait(Duration::from_secs(1), Vec::new(), 0, 0), None);
        assert_eq!(expected_wait(Duration::MAX, vec![Duration::MAX], 1, 2), None);
    }

    /// Slots end one after the other; those within the limit are taken by the next in line.
    fn played(hold: Duration, mut left: Vec<Duration>, limit: usize, ahead: usize) -> Duration {
        let mut started = 0;
        loop {
            let first = (0..left.len()).min_by_key(|slot| left[*slot]).unwrap();
            let end = left.swap_remove(first);
            if left.len() < limit {
                if started == ahead {
                    return end;
                }
                started += 1;
                left.push(end + hold);
            }
        }
    }

    proptest! {
        #[test]
        fn the_formula_is_what_would_happen(
            hold in 0..50_u64,
            left in vec(0..=100_u64, 1..8),
            limit in 1..8_usize,
            ahead in 0..30_usize,
        ) {
            let hold = Duration::from_secs(hold);
            let left: Vec<_> = left.iter().map(|percent| hold * u32::try_from(*percent).unwrap() / 100).collect();
            // Nobody waits while a slot is free.
            let limit = limit.min(left.len());
            let expected = expected_wait(hold, left.clone(), limit, ahead);
            prop_assert_eq!(expected, Some(played(hold, left, limit, ahead)));
        }
    }
}
