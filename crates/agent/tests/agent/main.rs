//! The assistant over a real store, with a scripted model and small tools.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod answers;
mod approvals;
mod commands;
mod compaction;
mod desk;
mod epochs;
mod others;
mod places;
mod queue;
mod reminders;
mod restart;
mod reuse;
mod script;
mod spawn;
mod stop;
mod turns;
