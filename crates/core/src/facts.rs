//! Values that say where they came from, and when.

use std::time::SystemTime;

use serde::Serialize;

/// A value about a server, its source and its time.
///
/// Two facts are equal when they say the same from the same source, whenever that was.
#[derive(Clone, Debug, Serialize)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: FactSource,
    /// When it was found out, in seconds since 1970.
    pub at: u64,
}

/// Where a fact came from, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactSource {
    /// The running server said so.
    Probe,
    /// Yabby measured it at this server.
    Measured,
    /// The server said so in an error, or showed it by what it did.
    Learned,
    /// The person's config says so.
    Config,
    /// A list of what models usually have.
    Catalogue,
    /// Yabby chose it.
    Default,
}

impl<T> Fact<T> {
    /// A value that was found out now.
    pub fn new(value: T, source: FactSource) -> Self {
        Self::at(value, source, now())
    }

    /// A value that was found out at `at`, in seconds since 1970.
    pub const fn at(value: T, source: FactSource, at: u64) -> Self {
        Self { value, source, at }
    }
}

impl<T: PartialEq> PartialEq for Fact<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.source == other.source
    }
}

impl<T: Eq> Eq for Fact<T> {}

/// Seconds since 1970; zero for a clock that is set before.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
