//! Times that were measured.

use std::time::Duration;

/// Times of one thing.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds: the time that so many of a thousand do not exceed.
    pub(crate) fn part(&mut self, of_thousand: usize) -> f64 {
        self.0.sort_unstable();
        let at = self.0.len() * of_thousand / 1000;
        self.0.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}
