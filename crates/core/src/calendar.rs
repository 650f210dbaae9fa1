//! Times as people and other programs write them: `2026-11-25T20:10:45.123Z`.

use crate::Time;

const DAY_MS: i64 = 86_400_000;

/// A time of UTC for the name of a file: `20261125-201045`. It sorts as the times do.
pub fn stamp(time: Time) -> String {
    let (days, rest) = (time.0.div_euclid(DAY_MS), time.0.rem_euclid(DAY_MS) / 1000);
    let (year, month, day) = date(days);
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Reads `2026-11-25T20:10:45.123Z` (RFC 3339) with any number of decimals and any offset; `None` for anything else.
pub fn read(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9999 {
        return None;
    }
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, decimals) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = number(hours)? * 60 + number(minutes)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let millis = if decimals.is_empty() {
        0
    } else {
        number(decimals)?;
        number(&format!("{decimals:0<3}")[..3])?
    };
    let seconds = (hour * 60 + minute - offset) * 60 + second;
    Some(Time(days(year, month, day) * DAY_MS + seconds * 1000 + millis))
}

/// Digits and nothing else.
fn number(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The year, month and day of a day that is counted from 1970, in the Gregorian calendar: years begin in March, so that the leap day is the last one (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
pub fn date(days: i64) -> (i64, i64, i64) {
    let since = days + 719_468;
    let (era, in_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The inverse of [`date()`] (`days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * march + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_and_read() {
        for (time, expected) in [
            (0, "19700101-000000"),
            (951_782_399_000, "20000228-235959"),
            (951_782_400_000, "20000229-000000"),
            (1_709_251_199_999, "20240229-235959"),
            (-1, "19691231-235959"),
        ] {
            assert_eq!(stamp(Time(time)), expected);
        }
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-04-20T10:00:02.000Z", Some(1_776_679_202_000)),
            ("2026-04-20T10:00:02.5Z", Some(1_776_679_202_500)),
            ("2026-04-20T12:00:02.123456+02:00", Some(1_776_679_202_123)),
            ("2024-02-29T23:59:59.999Z", Some(1_709_251_199_999)),
            ("2026-04-20", None),
            ("2026-04-20T10:00Z", None),
            ("2026-13-20T10:00:00Z", None),
            ("2026-04-20T10:00:00.é1Z", None),
            ("not-a-date", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected.map(Time), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_day_is_its_date(day in -700_000_i64..2_900_000) {
            let (year, month, date) = date(day);
            prop_assert_eq!(days(year, month, date), day);
        }

        #[test]
        fn nothing_panics(text in "(?s)([0-9TZ:.+-]{0,30}|.{0,30})") {
            let _ = read(&text);
        }
    }
}
