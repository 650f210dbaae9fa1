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

/// How the hours of a day are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hours {
    /// `8:10 PM`.
    Twelve,
    /// `20:10`.
    TwentyFour,
}

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
        format!("{} {}", self.weekday_and_day(time), self.minute(time))
    }

    fn weekday_and_day(&self, time: Time) -> String {
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let weekday = weekday
            .get(usize::from(self.weekday(time)))
            .copied()
            .unwrap_or_default();
        format!("{weekday} {}", self.day(time))
    }

    /// `2026-11-25 20:10`.
    pub fn date_and_minute(&self, time: Time) -> String {
        format!("{} {}", self.day(time), self.minute(time))
    }

    /// `Wed 2026-11-25 20:10 +08:00`, or `Wed 2026-11-25 8:10 PM +08:00`.
    pub fn moment_with_offset(&self, time: Time, hours: Hours) -> String {
        let offset = self.offset(time);
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        let offset = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        match hours {
            Hours::TwentyFour => format!("{} {offset}", self.moment(time)),
            Hours::Twelve => {
                let Clock { hour, minute, .. } = self.clock(time);
                let half = if hour < 12 { "AM" } else { "PM" };
                let hour = (hour + 11) % 12 + 1;
                format!("{} {hour}:{minute:02} {half} {offset}", self.weekday_and_day(time))
            }
        }
    }

    /// The difference to UTC at a moment, in seconds.
    pub fn offset(&self, time: Time) -> i32 {
        let seconds = time.0.div_euclid(1000).clamp(-FARTHEST, FARTHEST);
        // UTC where the zone says nothing of that time.
        let local = self.0.find_local_time_type(seconds);
        local.map_or(0, tz::LocalTimeType::ut_offset)
    }

    /// When a day like `2026-11-25` begins.
    pub fn begin_of(&self, day: &str) -> Option<Time> {
        let mut parts = day.split('-').map(|part| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        let midnight = Clock {
            year: year.into(),
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
            hour: 0,
            minute: 0,
            second: 0,
        };
        self.when(midnight).map(|shown| shown.first())
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
        seconds + i64::from(self.offset(time))
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

    #[test]
    fn the_clock_of_a_zone() {
        let time = Time(1_795_637_445_678);
        let zone = |name| Zone::named(name).unwrap();
        let berlin = zone(BERLIN);
        assert_eq!(berlin.date_and_minute(time), "2026-11-25 21:10");
        assert_eq!(berlin.date_and_minute(Time(1_784_000_000_000)), "2026-07-14 05:33");
        let shown = |name, time, hours| zone(name).moment_with_offset(time, hours);
        assert_eq!(shown("CST-8", time, Hours::TwentyFour), "Thu 2026-11-26 04:10 +08:00");
        assert_eq!(shown("CST-8", time, Hours::Twelve), "Thu 2026-11-26 4:10 AM +08:00");
        assert_eq!(shown("EST5", Time(0), Hours::TwentyFour), "Wed 1969-12-31 19:00 -05:00");
        assert_eq!(shown("EST5", Time(0), Hours::Twelve), "Wed 1969-12-31 7:00 PM -05:00");
        let at = |hour: i64| shown("UTC0", Time(hour * 3_600_000), Hours::Twelve);
        assert_eq!(at(0), "Thu 1970-01-01 12:00 AM +00:00");
        assert_eq!(at(12), "Thu 1970-01-01 12:00 PM +00:00");
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let berlin = Zone::named(BERLIN).unwrap();
        for day in ["2026-11-25", "2026-03-29", "2026-10-25", "2024-02-29"] {
            let begin = berlin.begin_of(day).unwrap();
            assert_eq!(berlin.date_and_minute(begin), format!("{day} 00:00"));
            assert_ne!(berlin.date_and_minute(Time(begin.0 - 1)), format!("{day} 00:00"));
        }
        for other in [
            "2026-13-01",
            "2026-02-30",
            "2026-1",
            "26",
            "",
            "2026-01-01-01",
            "+2026-01-01",
        ] {
            assert_eq!(berlin.begin_of(other), None, "{other}");
        }
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
