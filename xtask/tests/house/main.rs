//! The rules of the house that no compiler checks.
#![expect(clippy::expect_used, clippy::panic, reason = "these are tests")]

mod architecture;
mod sources;
mod translations;
