//! Repeated times.

use std::{cmp::Ordering, time::Duration};

use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
    time::{CivilDateTime, CronDateTime, Resolution, Weekday},
};
use yabby_core::Time;

use crate::when::{Clock, Shown, Zone};

/// So many of the next times are looked at to see how often it fires.
const LOOKED_AT: usize = 24;

/// Times that come again: `0 9 * * 1` for Mondays at nine, as cron writes them.
#[derive(Clone, Debug)]
pub struct Repeat(Cron);

/// What was written says no repeated time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not five fields of cron: minute, hour, day, month, weekday")]
pub struct NotCron;

impl Repeat {
    /// Reads the five fields: minute, hour, day of the month, month, day of the week.
    pub fn read(text: &str) -> Result<Self, NotCron> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        // Its short names (`@daily`) too.
        parser.parse(text).map(Self).map_err(|_| NotCron)
    }

    /// The first of them after a moment, by the clock of `zone`; `None` when there is none. One that the clock is put forward
    /// over comes when that happens, and one that it shows twice comes once, unless it comes every hour anyway.
    pub fn next(&self, zone: &Zone, after: Time) -> Option<Time> {
        let from = Moment {
            zone: zone.clone(),
            seconds: after.0.div_euclid(1000),
        };
        let next = self.0.find_next_occurrence(&from, false).ok()?;
        Some(next.time())
    }

    /// The shortest time between two of the next ones.
    pub(super) fn shortest(&self, zone: &Zone, after: Time) -> Option<Duration> {
        let times: Vec<Time> = std::iter::successors(self.next(zone, after), |last| self.next(zone, *last))
            .take(LOOKED_AT)
            .collect();
        times.windows(2).map(|two| two[1].since(two[0])).min()
    }
}

/// A moment with the clock that shows it.
#[derive(Clone)]
struct Moment {
    zone: Zone,
    seconds: i64,
}

impl Moment {
    const fn time(&self) -> Time {
        Time(self.seconds.saturating_mul(1000))
    }

    fn at(&self, time: Time) -> Self {
        Self {
            zone: self.zone.clone(),
            seconds: time.0.div_euclid(1000),
        }
    }
}

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let clock = self.zone.clock(self.time());
        let day = croner::time::CivilDate::from_parts_unchecked(clock.year, clock.month.into(), clock.day.into());
        let time =
            croner::time::CivilTime::from_parts_unchecked(clock.hour.into(), clock.minute.into(), clock.second.into());
        CivilDateTime::new(day, time)
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.zone.weekday(self.time()).into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let small = |number: u32| u8::try_from(number).map_err(|_| CronError::InvalidDate);
        let clock = Clock {
            year: civil.year(),
            month: small(civil.month())?,
            day: small(civil.day())?,
            hour: small(civil.hour())?,
            minute: small(civil.minute())?,
            second: small(civil.second())?,
        };
        Ok(match self.zone.when(clock).ok_or(CronError::InvalidDate)? {
            Shown::Once(time) => Resolution::Single(self.at(time)),
            Shown::Twice(first, last) => Resolution::Ambiguous(self.at(first), self.at(last)),
            Shown::Never(_) => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        Some(Self {
            zone: self.zone.clone(),
            seconds: self.seconds.checked_add(seconds)?,
        })
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.seconds.cmp(&other.seconds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn next(cron: &str, after: &str) -> Vec<String> {
        let zone = Zone::named(BERLIN).unwrap();
        let repeat = Repeat::read(cron).unwrap();
        let begin = crate::when::at(after, &zone, Time(1_770_000_000_000)).unwrap();
        std::iter::successors(repeat.next(&zone, begin), |last| repeat.next(&zone, *last))
            .take(3)
            .map(|time| zone.moment(time))
            .collect()
    }

    #[test]
    fn the_next_times() {
        let cases = [
            ("0 9 * * 1", "2026-11-25 12:00"),
            ("30 8 1 * *", "2026-11-25 12:00"),
            ("0 9 * * 1-5", "2026-11-26 09:00"),
            ("@weekly", "2026-11-25 12:00"),
            ("0 9 29 2 *", "2026-11-25 12:00"),
            // The clock is put forward from two to three, and back from three to two.
            ("30 2 * * *", "2026-03-28 12:00"),
            ("30 2 * * *", "2026-10-24 12:00"),
            ("0 * * * *", "2026-03-29 01:00"),
            ("0 * * * *", "2026-10-25 01:30"),
            ("0 9 * * *", "2026-03-28 10:00"),
        ];
        let told: Vec<String> = cases
            .iter()
            .map(|(cron, after)| format!("{cron:<12} after {after}: {}", next(cron, after).join(", ")))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn what_is_no_cron_is_refused_and_what_never_comes_has_no_time() {
        for text in [
            "",
            "every day",
            "0 9 * *",
            "0 0 9 * * 1",
            "61 * * * *",
            "0 9 * * 1 2027",
            "@often",
        ] {
            assert_eq!(Repeat::read(text).map(|_| ()), Err(NotCron), "{text}");
        }
        let never = Repeat::read("0 9 31 2 *").unwrap();
        assert_eq!(never.next(&Zone::utc(), Time(1_795_637_445_000)), None);
    }

    #[test]
    fn how_often() {
        let shortest = |cron: &str| {
            Repeat::read(cron)
                .unwrap()
                .shortest(&Zone::utc(), Time(1_795_637_445_000))
        };
        assert_eq!(shortest("*/5 * * * *"), Some(Duration::from_mins(5)));
        assert_eq!(shortest("58,59 9 * * *"), Some(Duration::from_mins(1)));
        assert_eq!(shortest("0 9 * * *"), Some(Duration::from_hours(24)));
    }

    proptest! {
        /// Against the plainest way to find it: one minute after the other. Away from where the clock is changed.
        #[test]
        fn the_next_time_is_the_first_at_which_the_clock_shows_it(
            start in 1_795_600_000_i64..1_796_600_000, minute in 0_u8..60, hour in 0_u8..24, weekday in 0_u8..7,
        ) {
            let zone = Zone::named(BERLIN).unwrap();
            let repeat = Repeat::read(&format!("{minute} {hour} * * {weekday}")).unwrap();
            let fits = |time: &Time| {
                let clock = zone.clock(*time);
                (clock.minute, clock.hour, zone.weekday(*time)) == (minute, hour, weekday)
            };
            let minutes = (start / 60 + 1..).map(|minute| Time(minute * 60_000));
            let expected = minutes.take(60 * 24 * 8).find(fits);
            prop_assert_eq!(repeat.next(&zone, Time(start * 1000)), expected);
        }

        /// Also where the clock is changed: no day is left out, and none has two.
        #[test]
        fn a_daily_time_comes_once_a_day(
            year in 2026_i64..2040, minute in 0_u8..60, hour in 0_u8..24,
            zone in prop::sample::select(vec![BERLIN, "CST-8", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"]),
        ) {
            let zone = Zone::named(zone).unwrap();
            let repeat = Repeat::read(&format!("{minute} {hour} * * *")).unwrap();
            let begin = Time((year - 1970) * 31_556_952_000);
            let times = std::iter::successors(repeat.next(&zone, begin), |last| repeat.next(&zone, *last)).take(366);
            let days: Vec<String> = times.map(|time| zone.day(time)).collect();
            let first = zone.clock(repeat.next(&zone, begin).unwrap());
            let all: Vec<String> = (0..366)
                .map(|days| first.days_later(days).unwrap())
                .map(|day| format!("{:04}-{:02}-{:02}", day.year, day.month, day.day))
                .collect();
            prop_assert_eq!(days, all);
        }

        #[test]
        fn nothing_panics(text in "([0-9*/,LW#@a-z? -]{0,24}|.{0,20})", now: i64) {
            if let Ok(repeat) = Repeat::read(&text) {
                let _ = repeat.next(&Zone::named(BERLIN).unwrap(), Time(now / 1000));
            }
        }
    }
}
