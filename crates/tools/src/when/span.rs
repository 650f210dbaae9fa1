//! How long something is, in a few words.

use std::time::Duration;

/// `3 days 2 h`, `1 h 5 min`, `40 s`: at most two units, which is as exact as anybody speaks.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "day"), (hours, "h"), (minutes, "min")];
    let Some(first) = parts.iter().position(|(count, _)| *count > 0) else {
        return format!("{seconds} s");
    };
    let said = parts.iter().skip(first).take(2).filter(|(count, _)| *count > 0);
    let said = said.map(|(count, unit)| {
        let many = if *unit == "day" && *count > 1 { "s" } else { "" };
        format!("{count} {unit}{many}")
    });
    said.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        let spans =
            [0, 40, 60, 61, 3_600, 3_660, 86_400, 90_000, 86_460, 200_000].map(|s| span(Duration::from_secs(s)));
        let expected = [
            "0 s",
            "40 s",
            "1 min",
            "1 min",
            "1 h",
            "1 h 1 min",
            "1 day",
            "1 day 1 h",
            "1 day",
            "2 days 7 h",
        ];
        assert_eq!(spans, expected);
    }
}
