//! A moment, as it is stored.

use std::{
    ops::{Add, Sub},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970 in UTC, negative before. Arithmetic stops at the ends instead of wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

// === impl Time ===

impl Time {
    /// How long after `earlier` it is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0)).map_or(Duration::ZERO, Duration::from_millis)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(0) + after,
            Err(before) => Self(0) - before.duration(),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Time(5) + second, Time(1005));
        assert_eq!(Time(5) - second, Time(-995));
        assert_eq!(Time(i64::MAX) + second, Time(i64::MAX));
        assert_eq!(Time(i64::MIN) - Duration::MAX, Time(i64::MIN));
        assert_eq!(Time(1005).since(Time(5)), second);
        assert_eq!(Time(5).since(Time(1005)), Duration::ZERO);
        assert_eq!(
            Time(i64::MAX).since(Time(i64::MIN)),
            Duration::from_millis(i64::MAX.unsigned_abs())
        );
    }

    #[test]
    fn the_clock_of_the_machine_before_and_after_1970() {
        let day = Duration::from_hours(24);
        assert_eq!(Time::from(UNIX_EPOCH + day), Time(86_400_000));
        assert_eq!(Time::from(UNIX_EPOCH - day), Time(-86_400_000));
    }

    #[test]
    fn it_is_stored_as_a_number() {
        assert_eq!(serde_json::to_string(&Time(17)).unwrap(), "17");
        assert_eq!(serde_json::from_str::<Time>("-3").unwrap(), Time(-3));
    }
}
