//! Times as a model writes them.

use std::time::Duration;

use yabby_core::{Time, calendar};

use super::zone::{Clock, Zone};

/// Nobody is reminded later than in about twenty years.
const FARTHEST: Duration = Duration::from_hours(24 * 366 * 20);

/// What was written is no time, or one that is very far away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotATime;

/// A moment: `2026-11-27T09:00`, with or without seconds and an offset; `tomorrow 09:00`, `today 09:00`; `09:00` for the next
/// time that the clock shows it. Without an offset it is the clock of `zone`. A time that the clock is put forward over is
/// the moment when that happens; of two, it is the first that is to come.
pub(crate) fn at(text: &str, zone: &Zone, now: Time) -> Result<Time, NotATime> {
    let text = text.trim();
    if let Some(time) = with_offset(text) {
        return near(time, now);
    }
    let today = zone.clock(now);
    let on = |day: Clock| zone.when(day).map(|shown| shown.after(now)).ok_or(NotATime);
    if let Some(asked) = set(today, text) {
        let time = on(asked)?;
        return if time > now {
            Ok(time)
        } else {
            on(asked.days_later(1).ok_or(NotATime)?)
        };
    }
    let (day, clock) = text
        .split_once(' ')
        .or_else(|| text.split_once(['T', 't']))
        .ok_or(NotATime)?;
    let day = match day.to_ascii_lowercase().as_str() {
        "today" => today,
        "tomorrow" => today.days_later(1).ok_or(NotATime)?,
        day => date(day, today).ok_or(NotATime)?,
    };
    near(on(set(day, clock).ok_or(NotATime)?)?, now)
}

/// So much later: `20m`, `1h30m`, `2 days`. Days and weeks are those of the calendar of `zone`, so that the clock shows the same
/// time then.
pub(crate) fn later(text: &str, zone: &Zone, now: Time) -> Result<Time, NotATime> {
    let text = text.trim().to_ascii_lowercase();
    let (mut days, mut seconds) = (0_i64, 0_i64);
    let mut rest = text.as_str();
    if rest.is_empty() {
        return Err(NotATime);
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: i64 = number.parse().map_err(|_| NotATime)?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (all, one) = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => (&mut seconds, 1),
            "m" | "min" | "mins" | "minute" | "minutes" => (&mut seconds, 60),
            "h" | "hr" | "hrs" | "hour" | "hours" => (&mut seconds, 3600),
            "d" | "day" | "days" => (&mut days, 1),
            "w" | "week" | "weeks" => (&mut days, 7),
            _ => return Err(NotATime),
        };
        let more = number.checked_mul(one).and_then(|more| all.checked_add(more));
        *all = more.ok_or(NotATime)?;
        rest = after.trim_start_matches([' ', ',']);
    }
    let begin = if days == 0 {
        now
    } else {
        let then = zone.clock(now).days_later(days).ok_or(NotATime)?;
        zone.when(then).ok_or(NotATime)?.first()
    };
    near(begin + Duration::from_secs(seconds.unsigned_abs()), now)
}

fn near(time: Time, now: Time) -> Result<Time, NotATime> {
    if time.since(now) > FARTHEST {
        Err(NotATime)
    } else {
        Ok(time)
    }
}

/// `2026-11-27T09:00+08:00`, with or without seconds.
fn with_offset(text: &str) -> Option<Time> {
    calendar::read(text).or_else(|| {
        // Behind the minutes, which RFC 3339 wants seconds after.
        let (head, tail) = (text.get(..16)?, text.get(16..)?);
        calendar::read(&format!("{head}:00{tail}"))
    })
}

/// `2026-11-27`.
fn date(text: &str, like: Clock) -> Option<Clock> {
    let mut parts = text.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(())?;
    Some(Clock {
        year: i32::from(year),
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        ..like
    })
}

/// The day with the time `09:00`, or with seconds.
fn set(day: Clock, text: &str) -> Option<Clock> {
    let mut parts = text.trim().split(':').map(number);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let is_time = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    is_time.then_some(())?;
    Some(Clock {
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        ..day
    })
}

/// A few digits and nothing else.
fn number(text: &str) -> Option<u16> {
    let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `Wed 2026-11-25 21:10:45` in Berlin.
    const NOW: Time = Time(1_795_637_445_000);

    fn berlin() -> Zone {
        Zone::named("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn told(time: Result<Time, NotATime>) -> String {
        time.map_or_else(|_| "?".to_owned(), |time| berlin().moment(time))
    }

    #[test]
    fn moments() {
        for (text, expected) in [
            ("2026-11-27T09:00", "Fri 2026-11-27 09:00"),
            ("2026-11-27 09:00:30", "Fri 2026-11-27 09:00"),
            ("2026-11-27T09:00Z", "Fri 2026-11-27 10:00"),
            ("2026-11-27T09:00:00.000+08:00", "Fri 2026-11-27 02:00"),
            ("2026-11-27T09:00+08:00", "Fri 2026-11-27 02:00"),
            ("tomorrow 7:05", "Thu 2026-11-26 07:05"),
            ("Today 23:59", "Wed 2026-11-25 23:59"),
            ("21:11", "Wed 2026-11-25 21:11"),
            ("21:10", "Thu 2026-11-26 21:10"),
            // The clock is put forward over it, and shows it twice.
            ("2027-03-28T02:30", "Sun 2027-03-28 03:00"),
            ("2027-10-31T02:30", "Sun 2027-10-31 02:30"),
            // What is past is a time too; whoever asks for it is told so.
            ("2020-01-01 09:00", "Wed 2020-01-01 09:00"),
            ("2027-02-29 09:00", "?"),
            ("2026-11-27", "?"),
            ("2026-11-27T24:00", "?"),
            ("2096-11-27 09:00", "?"),
            ("nine o'clock", "?"),
            ("", "?"),
        ] {
            assert_eq!(told(at(text, &berlin(), NOW)), expected, "{text}");
        }
    }

    #[test]
    fn spans() {
        for (text, expected) in [
            ("20m", "Wed 2026-11-25 21:30"),
            ("1h30m", "Wed 2026-11-25 22:40"),
            ("90 minutes", "Wed 2026-11-25 22:40"),
            ("1 hour, 5 min", "Wed 2026-11-25 22:15"),
            ("2d", "Fri 2026-11-27 21:10"),
            ("1 week 1 day", "Thu 2026-12-03 21:10"),
            // The same time of the day, though an hour of days is missing in between.
            ("180 days", "Mon 2027-05-24 21:10"),
            ("4320h", "Mon 2027-05-24 22:10"),
            ("2 months", "?"),
            ("20", "?"),
            ("m", "?"),
            ("-5m", "?"),
            ("9999999999999999999d", "?"),
            ("9999999999999999d", "?"),
            ("", "?"),
        ] {
            assert_eq!(told(later(text, &berlin(), NOW)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_that_is_shown_is_read_as_itself(seconds in 0_i64..400_000_000) {
            let zone = berlin();
            let minute = Time((NOW.0 / 60_000 + seconds / 60) * 60_000);
            let shown = zone.moment(minute);
            let read = at(&shown[4..], &zone, NOW).unwrap();
            // It is the same but where the clock shows it twice: then it is the first.
            prop_assert!(read == minute || zone.moment(read) == shown && read < minute);
        }

        #[test]
        fn nothing_panics(text in "(?s)(today |tomorrow )?([0-9TZ:dhm .+-]{0,30}|.{0,20})", now: i64) {
            for now in [NOW, Time(now)] {
                let _ = (at(&text, &berlin(), now), later(&text, &berlin(), now));
            }
        }
    }
}
