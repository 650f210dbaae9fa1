//! The scripted server as a raw client sees it.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod client;
mod faults;
mod handle;
mod ollama;
mod shapes;
