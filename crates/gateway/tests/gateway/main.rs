//! The gateway with real sockets, before scripted model servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod client;
mod errors;
mod fallback;
mod hygiene;
mod page;
mod passing;
mod scene;
mod serving;
mod silence;
