//! The assistant over a real store, with a scripted model and small tools.

mod approvals;
mod commands;
mod desk;
mod queue;
mod reminders;
mod restart;
mod script;
mod spawn;
mod turns;
