//! Values that say where they came from.

use serde::Serialize;

/// A value about a server and its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: FactSource,
}

/// Where a fact came from, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactSource {
    /// The running server said so.
    Probe,
    /// The person's config says so.
    Config,
    /// Yabby chose it.
    Default,
}

impl<T> Fact<T> {
    /// A value and its source.
    pub const fn new(value: T, source: FactSource) -> Self {
        Self { value, source }
    }
}
