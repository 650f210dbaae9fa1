//! When a session starts afresh.

use super::time::Time;

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

/// What makes a session start afresh. It is asked when the next message of a person comes in; where both are set, the first
/// of them counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResetPolicy {
    /// The hour of the day, in local time: 0 to 23.
    pub daily_at: Option<u8>,
    /// Minutes of silence; not zero.
    pub idle_minutes: Option<u32>,
}

/// What has happened in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// When it began, or last started afresh.
    pub started: Time,
    /// When a person last wrote in it. What jobs, webhooks and heartbeats do there does not count.
    pub last: Time,
}

/// Why a session starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetReason {
    /// The hour has passed.
    Daily,
    /// Nobody wrote for too long.
    Idle,
}

// === impl ResetPolicy ===

impl ResetPolicy {
    /// Why the session must start afresh, if it must.
    ///
    /// `offset` gives the seconds by which local time is ahead of UTC at a moment. A clock that was set back makes nothing
    /// old.
    pub fn why_stale(self, activity: Activity, now: Time, offset: impl Fn(Time) -> i32) -> Option<ResetReason> {
        let daily = || Some(last_reset(self.daily_at?, now, offset) > activity.started);
        let idle = || Some(now.since(activity.last).as_millis() > u128::from(self.idle_minutes?) * 60_000);
        if daily() == Some(true) {
            Some(ResetReason::Daily)
        } else if idle() == Some(true) {
            Some(ResetReason::Idle)
        } else {
            None
        }
    }
}

/// The last moment up to `now` at which local clocks showed this full hour.
fn last_reset(hour: u8, now: Time, offset: impl Fn(Time) -> i32) -> Time {
    let millis = |time: Time| i64::from(offset(time)) * 1000;
    let today = now.0.saturating_add(millis(now)).div_euclid(DAY);
    let on = |day: i64| {
        let local = day.saturating_mul(DAY).saturating_add(i64::from(hour) * HOUR);
        // Clocks are not set twice within these two days. An hour that comes twice counts when it comes first; one that
        // is left out counts as if clocks had not been set.
        let before = local.saturating_sub(millis(Time(local.saturating_sub(DAY))));
        let after = local.saturating_sub(millis(Time(local.saturating_add(DAY))));
        let shows = |time: i64| time.saturating_add(millis(Time(time))) == local;
        Time(if shows(before) || !shows(after) { before } else { after })
    };
    let today_at = on(today);
    if today_at <= now { today_at } else { on(today - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-03-29, when clocks of Berlin went from 2:00 to 3:00, as the days since 1970.
    const SPRING: i64 = 20541;
    /// 2026-10-25, when they went from 3:00 to 2:00.
    const AUTUMN: i64 = 20751;

    fn utc(day: i64, hour: i64, minute: i64) -> Time {
        Time(day * DAY + hour * HOUR + minute * 60_000)
    }

    fn berlin(time: Time) -> i32 {
        let summer = utc(SPRING, 1, 0)..utc(AUTUMN, 1, 0);
        if summer.contains(&time) { 7200 } else { 3600 }
    }

    fn taipei(_: Time) -> i32 {
        8 * 3600
    }

    fn new_york(_: Time) -> i32 {
        -5 * 3600
    }

    const fn policy(daily_at: Option<u8>, idle_minutes: Option<u32>) -> ResetPolicy {
        ResetPolicy { daily_at, idle_minutes }
    }

    const fn at(started: Time, last: Time) -> Activity {
        Activity { started, last }
    }

    #[test]
    fn the_last_reset_by_local_clocks() {
        type Offset = fn(Time) -> i32;
        let cases: [(u8, Time, Offset, Time); 12] = [
            (4, utc(100, 20, 0), taipei, utc(100, 20, 0)),
            (4, utc(100, 19, 59), taipei, utc(99, 20, 0)),
            (4, utc(100, 8, 59), new_york, utc(99, 9, 0)),
            (4, utc(100, 9, 0), new_york, utc(100, 9, 0)),
            (0, utc(100, 5, 0), new_york, utc(100, 5, 0)),
            (23, utc(100, 3, 59), new_york, utc(99, 4, 0)),
            // Before 1970.
            (4, utc(-1, 10, 0), new_york, utc(-1, 9, 0)),
            // The day that is 23 hours long, and its hour that is not there.
            (4, utc(SPRING, 2, 0), berlin, utc(SPRING, 2, 0)),
            (2, utc(SPRING, 1, 0), berlin, utc(SPRING, 1, 0)),
            (2, utc(SPRING, 0, 59), berlin, utc(SPRING - 1, 1, 0)),
            // The day that is 25 hours long: of the hour that comes twice, the first counts.
            (2, utc(AUTUMN, 1, 30), berlin, utc(AUTUMN, 0, 0)),
            (4, utc(AUTUMN, 2, 59), berlin, utc(AUTUMN - 1, 2, 0)),
        ];
        for (hour, now, offset, expected) in cases {
            assert_eq!(last_reset(hour, now, offset), expected, "{hour} {now:?}");
        }
    }

    #[test]
    fn whichever_comes_first() {
        let (four, half_past) = (utc(100, 4, 0), utc(100, 4, 30));
        let before = Time(four.0 - 1);
        let cases = [
            (policy(None, None), at(Time(0), Time(0)), None),
            (policy(Some(4), None), at(before, before), Some(ResetReason::Daily)),
            (policy(Some(4), None), at(before, half_past), Some(ResetReason::Daily)),
            (policy(Some(4), None), at(four, four), None),
            (policy(None, Some(30)), at(Time(0), four), None),
            (policy(None, Some(29)), at(Time(0), four), Some(ResetReason::Idle)),
            (policy(None, Some(30)), at(Time(0), before), Some(ResetReason::Idle)),
            (policy(Some(4), Some(29)), at(four, four), Some(ResetReason::Idle)),
            (
                policy(Some(4), Some(60)),
                at(before, half_past),
                Some(ResetReason::Daily),
            ),
        ];
        for (policy, activity, expected) in cases {
            assert_eq!(
                policy.why_stale(activity, half_past, |_| 0),
                expected,
                "{policy:?} {activity:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_clock_that_was_set_back_makes_nothing_old(
            hour in 0u8..24,
            idle in 1u32..100_000,
            now in -4_000_000_000_000i64..4_000_000_000_000,
            ahead in 0i64..1_000_000_000_000,
            offset in -50_400i32..50_401,
        ) {
            let later = Time(now + ahead);
            let both = policy(Some(hour), Some(idle));
            prop_assert_eq!(both.why_stale(at(later, later), Time(now), |_| offset), None);
        }

        #[test]
        fn a_reset_is_a_full_local_hour_of_the_last_day(hour in 0u8..24, now in (20_000 * DAY)..(21_000 * DAY)) {
            let now = Time(now);
            let reset = last_reset(hour, now, berlin);
            prop_assert!(reset <= now && now.0 - reset.0 < 25 * HOUR + HOUR);
            let local = (reset.0 + i64::from(berlin(reset)) * 1000).rem_euclid(DAY);
            // The hour that is left out is the next one.
            let left_out = hour == 2 && reset == utc(SPRING, 1, 0);
            prop_assert_eq!(local, (i64::from(hour) + i64::from(left_out)) * HOUR);
        }

        #[test]
        fn no_time_is_too_early_or_too_late(hour in 0u8..24, now: i64, started: i64, last: i64, offset: i32) {
            let _ = policy(Some(hour), Some(5)).why_stale(at(Time(started), Time(last)), Time(now), |_| offset);
        }
    }
}
