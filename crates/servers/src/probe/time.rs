//! Moments as Ollama writes them: RFC 3339, with a fraction and an offset.

/// Seconds since 1970 of a moment such as `2025-10-17T16:47:07.93355-07:00`; earlier ones are 0.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-')?;
    let (clock, offset) = if let Some(clock) = rest.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else {
        let (clock, offset) = rest.split_at_checked(rest.rfind(['+', '-'])?)?;
        let [hours, minutes] = numbers(offset.get(1..)?, ':')?;
        let ahead = hours * 3600 + minutes * 60;
        (clock, if offset.starts_with('-') { -ahead } else { ahead })
    };
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !valid {
        return None;
    }
    let at = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(u64::try_from(at).unwrap_or(0))
}

/// Short numbers between separators.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let parts: Vec<i64> = text
        .split(separator)
        .map(|part| {
            let digits = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        })
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Days since 1970 of a date in the Gregorian calendar. Years begin in March here, so that the day of a leap year is the
/// last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2000-03-01T00:00:00+01:00", Some(951_865_200)),
            ("2025-10-17T16:47:07.93355-07:00", Some(1_760_744_827)),
            // Go's zero, and a model that is kept for ever.
            ("0001-01-01T00:00:00Z", Some(0)),
            ("2318-03-05T10:00:00.5+08:00", Some(10_987_236_000)),
            ("2025-13-01T00:00:00Z", None),
            ("2025-10-17 16:47:07", None),
            ("2025-10-17T16:47:07", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[0-9TZ:.+ -]{0,40}|\\PC{0,40}") {
            let _ = seconds(&text);
        }

        /// Days follow one another, and an offset moves the clock by itself.
        #[test]
        fn a_later_moment_is_later(day in 1_i64..3_000_000, offset in 0_i64..14) {
            prop_assert_eq!(days_to(day) + 1, days_to(day + 1));
            let ahead = format!("2024-05-05T20:00:00+{offset:02}:00");
            let expected = seconds("2024-05-05T20:00:00Z").unwrap() - u64::try_from(offset * 3600).unwrap();
            prop_assert_eq!(seconds(&ahead), Some(expected));
        }
    }

    /// Counts the days of the calendar one after the other from March of the year 0.
    fn days_to(day: i64) -> i64 {
        let (mut year, mut left) = (0_i64, day);
        let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let cycles = left / 146_097;
        year += cycles * 400;
        left -= cycles * 146_097;
        // The year from March on has a leap day when the next one is a leap year.
        while left >= if leap(year + 1) { 366 } else { 365 } {
            left -= if leap(year + 1) { 366 } else { 365 };
            year += 1;
        }
        let mut month = 3;
        loop {
            let length = match month {
                4 | 6 | 9 | 11 => 30,
                14 if leap(year + 1) => 29,
                14 => 28,
                _ => 31,
            };
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }
        let (year, month) = if month > 12 {
            (year + 1, month - 12)
        } else {
            (year, month)
        };
        days(year, month, left + 1)
    }
}
