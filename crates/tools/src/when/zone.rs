//! The time zone of the person.

use std::sync::Arc;

use tz::{DateTime, TimeZone, datetime::FoundDateTimeKind};
use yabby_core::{Time, calendar};

const DAY: i64 = 86_400;
/// Some thousand years, in seconds: nobody means a time that is farther away.
const FARTHEST: i64 = 200_000_000_000;

/// The time zone of the person. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Zone(Arc<TimeZone>);

/// What a clock and a calendar show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clock {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

/// When a clock shows something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Once(Time),
    /// It is put back in between.
    Twice(Time, Time),
    /// It is put forward over it, at this moment.
    Never(Time),
}

impl Zone {
    /// A zone by its name: `Asia/Taipei` (from the system's files), or a rule of POSIX such as `CST-8`. `None` when there is
    /// no such zone.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::from_posix_tz(name).ok().map(|zone| Self(Arc::new(zone)))
    }

    /// That of this machine; UTC where nothing says what it is.
    pub fn local() -> Self {
        Self(Arc::new(TimeZone::local().unwrap_or_else(|_| TimeZone::utc())))
    }

    /// UTC.
    pub fn utc() -> Self {
        Self(Arc::new(TimeZone::utc()))
    }

    /// `2026-11-25`.
    pub(crate) fn day(&self, time: Time) -> String {
        let clock = self.clock(time);
        format!("{:04}-{:02}-{:02}", clock.year, clock.month, clock.day)
    }

    /// `20:10`.
    pub(crate) fn minute(&self, time: Time) -> String {
        let clock = self.clock(time);
        format!("{:02}:{:02}", clock.hour, clock.minute)
    }

    /// `Wed 2026-11-25 20:10`.
    pub(crate) fn moment(&self, time: Time) -> String {
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let weekday = weekday
            .get(usize::from(self.weekday(time)))
            .copied()
            .unwrap_or_default();
        format!("{weekday} {} {}", self.day(time), self.minute(time))
    }

    /// The day of the week, from Sunday on.
    pub(crate) fn weekday(&self, time: Time) -> u8 {
        // 1970 began on a Thursday.
        let day = (self.seconds(time).div_euclid(DAY) + 4).rem_euclid(7);
        u8::try_from(day).unwrap_or_default()
    }

    pub(crate) fn clock(&self, time: Time) -> Clock {
        let seconds = self.seconds(time);
        let (year, month, day) = calendar::date(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let small = |number: i64| u8::try_from(number).unwrap_or_default();
        Clock {
            year: i32::try_from(year).unwrap_or_default(),
            month: small(month),
            day: small(day),
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// Seconds since 1970 as the clock here counts them.
    fn seconds(&self, time: Time) -> i64 {
        let seconds = time.0.div_euclid(1000).clamp(-FARTHEST, FARTHEST);
        // UTC where the zone says nothing of that time.
        let offset = self
            .0
            .find_local_time_type(seconds)
            .map_or(0, tz::LocalTimeType::ut_offset);
        seconds + i64::from(offset)
    }

    /// When the clock shows this; `None` when the calendar has no such day.
    pub(crate) fn when(&self, clock: Clock) -> Option<Shown> {
        let Clock {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = clock;
        let found = DateTime::find(year, month, day, hour, minute, second, 0, TimeZone::as_ref(&self.0)).ok()?;
        let time = |found: &DateTime| Time(found.unix_time().saturating_mul(1000));
        let found = found.into_inner();
        let mut shown = found.iter().filter_map(|found| match found {
            FoundDateTimeKind::Normal(found) => Some(time(found)),
            FoundDateTimeKind::Skipped { .. } => None,
        });
        match (shown.next(), shown.next_back()) {
            (Some(first), None) => Some(Shown::Once(first)),
            (Some(first), Some(last)) => Some(Shown::Twice(first, last)),
            (None, _) => found.iter().find_map(|found| match found {
                FoundDateTimeKind::Skipped { after_transition, .. } => Some(Shown::Never(time(after_transition))),
                FoundDateTimeKind::Normal(_) => None,
            }),
        }
    }
}

impl Shown {
    /// The first moment at which, or right after which, the clock shows it.
    pub(crate) const fn first(&self) -> Time {
        match *self {
            Self::Once(time) | Self::Twice(time, _) | Self::Never(time) => time,
        }
    }

    /// The first such moment after `now`, or else the last one.
    pub(crate) fn after(&self, now: Time) -> Time {
        match *self {
            Self::Twice(first, last) if first <= now => last,
            _ => self.first(),
        }
    }
}

impl Clock {
    /// The same time on a day so many days later.
    pub(crate) fn days_later(self, days: i64) -> Option<Self> {
        let midnight = tz::UtcDateTime::new(self.year, self.month, self.day, 0, 0, 0, 0).ok()?;
        let seconds = days.checked_mul(DAY)?.checked_add(midnight.unix_time())?;
        let day = tz::UtcDateTime::from_timespec(seconds, 0).ok()?;
        Some(Self {
            year: day.year(),
            month: day.month(),
            day: day.month_day(),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Berlin, by the rules of POSIX.
    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn clock(year: i32, month: u8, day: u8, hour: u8, minute: u8) -> Clock {
        Clock {
            year,
            month,
            day,
            hour,
            minute,
            second: 0,
        }
    }

    #[test]
    fn a_clock_that_is_changed_shows_a_time_twice_or_never() {
        let berlin = Zone::named(BERLIN).unwrap();
        let (spring, autumn) = (Time(1_774_746_000_000), Time(1_792_890_000_000));
        assert_eq!(berlin.moment(spring), "Sun 2026-03-29 03:00");
        assert_eq!(berlin.moment(autumn), "Sun 2026-10-25 02:00");
        assert_eq!(berlin.when(clock(2026, 3, 29, 2, 30)), Some(Shown::Never(spring)));
        let half_an_hour = std::time::Duration::from_mins(30);
        let twice = Shown::Twice(autumn - half_an_hour, autumn + half_an_hour);
        assert_eq!(berlin.when(clock(2026, 10, 25, 2, 30)), Some(twice.clone()));
        assert_eq!(twice.after(autumn), autumn + half_an_hour);
        assert_eq!(berlin.when(clock(2026, 2, 30, 2, 30)), None);
        assert!(Zone::named("Mars/Olympus").is_none());
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(clock(2024, 2, 28, 9, 0).days_later(2), Some(clock(2024, 3, 1, 9, 0)));
        assert_eq!(clock(2026, 1, 1, 9, 0).days_later(-1), Some(clock(2025, 12, 31, 9, 0)));
        assert_eq!(clock(2026, 1, 1, 9, 0).days_later(i64::MAX), None);
    }

    proptest! {
        #[test]
        fn a_moment_is_one_at_which_the_clock_shows_it(
            seconds in 0_i64..4_000_000_000,
            zone in prop::sample::select(vec![BERLIN, "CST-8", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "NZST-12NZDT,M9.5.0,M4.1.0/3"]),
        ) {
            let zone = Zone::named(zone).unwrap();
            let time = Time(seconds * 1000);
            match zone.when(zone.clock(time)).unwrap() {
                Shown::Once(shown) => prop_assert_eq!(shown, time),
                Shown::Twice(first, last) => prop_assert!(first < last && (first == time || last == time)),
                Shown::Never(_) => prop_assert!(false, "it is shown now"),
            }
        }
    }
}
