//! Times as the person's clock shows them.

use tz::{DateTime, TimeZone, UtcDateTime};
use yabby_config::Environment;
use yabby_core::Time;

/// The time zone of this machine, or of `TZ`.
pub(crate) struct LocalTime(TimeZone);

impl LocalTime {
    /// UTC, where nothing says what zone it is.
    pub(crate) fn of(env: &Environment) -> Self {
        let zone = match env.get("TZ") {
            Some(named) => TimeZone::from_posix_tz(named),
            None => TimeZone::local(),
        };
        Self(zone.unwrap_or_else(|_| TimeZone::utc()))
    }

    /// `2026-11-25 20:10`.
    pub(crate) fn minute(&self, time: Time) -> String {
        let local = DateTime::from_timespec(time.0.div_euclid(1000), 0, self.0.as_ref());
        local.map_or_else(
            // Beyond what a calendar can say.
            |_| time.0.to_string(),
            |local| {
                format!(
                    "{:04}-{:02}-{:02} {:02}:{:02}",
                    local.year(),
                    local.month(),
                    local.month_day(),
                    local.hour(),
                    local.minute()
                )
            },
        )
    }

    /// `Wed 2026-11-25 20:10 +08:00`, for models.
    pub(crate) fn aside(&self, time: Time) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let offset = self.offset(time);
        let local = time.0.div_euclid(1000) + i64::from(offset);
        // The first day of 1970 was a Thursday.
        let day = usize::try_from(local.div_euclid(86_400).rem_euclid(7)).unwrap_or(0);
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
        format!(
            "{} {} {sign}{:02}:{:02}",
            DAYS[day],
            self.minute(time),
            minutes / 60,
            minutes % 60
        )
    }

    /// The difference to UTC at a moment, in seconds.
    pub(crate) fn offset(&self, time: Time) -> i32 {
        let local = self.0.find_local_time_type(time.0.div_euclid(1000));
        local.map_or(0, tz::LocalTimeType::ut_offset)
    }

    /// When a day like `2026-11-25` begins here.
    pub(crate) fn day(&self, text: &str) -> Option<Time> {
        let mut parts = text.split('-').map(|part| {
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        });
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let utc = UtcDateTime::new(year.into(), month, day, 0, 0, 0, 0).ok()?.unix_time();
        let offset = |at: i64| self.0.find_local_time_type(at).map_or(0, tz::LocalTimeType::ut_offset);
        // The offset of about that time, and then of that time.
        let near = utc - i64::from(offset(utc));
        Some(Time((utc - i64::from(offset(near))) * 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> LocalTime {
        LocalTime::of(&Environment::from_vars([("TZ", name)]))
    }

    #[test]
    fn the_clock_of_a_zone() {
        let time = Time(1_795_637_445_678);
        // Berlin, by the rules of POSIX: summer time from the last Sunday of March to that of October.
        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(berlin.minute(time), "2026-11-25 21:10");
        assert_eq!(berlin.minute(Time(1_784_000_000_000)), "2026-07-14 05:33");
        assert_eq!(zone("CST-8").minute(time), "2026-11-26 04:10");
        assert_eq!(zone("CST-8").aside(time), "Thu 2026-11-26 04:10 +08:00");
        assert_eq!(zone("EST5").aside(Time(0)), "Wed 1969-12-31 19:00 -05:00");
        assert_eq!(zone("nonsense").minute(time), "2026-11-25 20:10");
        // The ends of the type are no times, and are no fault either.
        assert_eq!(zone("CST-8").minute(Time(i64::MAX)), "292278994-08-17 15:12");
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        for day in ["2026-11-25", "2026-03-29", "2026-10-25", "2024-02-29"] {
            let begin = berlin.day(day).unwrap();
            assert_eq!(berlin.minute(begin), format!("{day} 00:00"));
            assert_ne!(berlin.minute(Time(begin.0 - 1)), format!("{day} 00:00"));
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
            assert_eq!(berlin.day(other), None, "{other}");
        }
    }
}
