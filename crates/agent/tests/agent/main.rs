//! The assistant over a real store, with a scripted model and small tools.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod approvals;
mod commands;
mod desk;
mod epochs;
mod queue;
mod reminders;
mod restart;
mod reuse;
mod script;
mod spawn;
mod turns;
