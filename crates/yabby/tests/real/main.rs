//! The built binary against a real llama.cpp server with a real model, which the binary installs itself.
//!
//! Downloads and the private Python environment are kept below `target/tmp`, so a fresh clone fetches everything.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod dialects;
mod faults;
mod llama;
mod managed;
mod place;
mod provision;
