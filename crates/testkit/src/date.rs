//! Moments of the wall clock as Go's JSON has them.

use std::time::{Duration, SystemTime};

/// A moment from now, before or after, as RFC 3339 in UTC.
pub(crate) fn from_now(later: Duration, earlier: Duration) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let at = (since.unwrap_or_default() + later).saturating_sub(earlier).as_secs();
    rfc3339(at)
}

fn rfc3339(at: u64) -> String {
    let (mut days, clock) = (at / 86_400, at % 86_400);
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (at, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_825_600, "2000-02-29T12:00:00Z"),
            (1_795_352_401, "2026-11-22T13:00:01Z"),
            (10_987_236_000, "2318-03-05T02:00:00Z"),
        ] {
            assert_eq!(rfc3339(at), expected);
        }
    }
}
