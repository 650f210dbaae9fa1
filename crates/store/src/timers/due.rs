//! The times at which a repeated timer is due: its beginning, and every so long after that.

use std::time::Duration;

use yabby_core::Time;

/// A clock that is put right by less than this was not put back.
const SLACK: Duration = Duration::from_mins(5);

/// The times of a timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) begins: Time,
    /// In milliseconds, more than none.
    every: i64,
}

impl Times {
    /// `None` when it does not repeat.
    pub(super) fn new(begins: Time, every: Option<Duration>) -> Option<Self> {
        let every = i64::try_from(every?.as_millis()).unwrap_or(i64::MAX);
        (every > 0).then_some(Self { begins, every })
    }

    /// The first of them after a moment.
    pub(super) fn after(self, now: Time) -> Time {
        if now < self.begins {
            return self.begins;
        }
        let passed = now.0.saturating_sub(self.begins.0) / self.every;
        Time(
            self.begins
                .0
                .saturating_add(passed.saturating_add(1).saturating_mul(self.every)),
        )
    }

    /// How many of them are over that nobody was told of, apart from `due`.
    pub(super) fn missed(self, due: Time, now: Time) -> u64 {
        (now.0.saturating_sub(due.0) / self.every).max(0).unsigned_abs()
    }

    /// Whether the clock was put back since the timer was told to go on at `due`.
    pub(super) fn is_astray(self, due: Time, now: Time) -> bool {
        let slack = SLACK.min(Duration::from_millis(self.every.unsigned_abs()));
        due > self.begins && due > Time(now.0.saturating_add(self.every)) + slack
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_time_is_one_of_its_times_and_the_first_after_now(
            begins in -100_000_i64..100_000, every in 1_i64..5_000, now in -200_000_i64..200_000,
        ) {
            let times = Times { begins: Time(begins), every };
            let next = times.after(Time(now));
            prop_assert!(next > Time(now) && next >= times.begins);
            prop_assert_eq!((next.0 - begins) % every, 0);
            prop_assert!(next == times.begins || next.0 - every <= now);
            // Who goes on at the next time has not gone astray.
            prop_assert!(!times.is_astray(next, Time(now)));
        }

        #[test]
        fn nothing_overflows(begins: i64, every in 1_i64.., due: i64, now: i64) {
            let times = Times { begins: Time(begins), every };
            let _ = (times.after(Time(now)), times.missed(Time(due), Time(now)), times.is_astray(Time(due), Time(now)));
        }
    }

    #[test]
    fn what_is_missed_is_counted() {
        let times = Times::new(Time(0), Some(Duration::from_millis(10))).unwrap();
        let missed = [20, 29, 30, 39, 129].map(|now| times.missed(Time(20), Time(now)));
        assert_eq!(missed, [0, 0, 1, 1, 10]);
        assert!(Times::new(Time(0), None).is_none());
    }
}
