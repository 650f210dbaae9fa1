//! The scripted server as a raw client sees it.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod client;
mod engines;
mod faults;
mod handle;
mod hosted;
mod loading;
mod ollama;
mod postgres;
mod shapes;
