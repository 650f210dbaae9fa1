//! The gateway with real sockets, before scripted model servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod auth;
mod client;
mod edited;
mod errors;
mod fallback;
mod hardening;
mod hygiene;
mod page;
mod passing;
mod scene;
mod scopes;
mod serving;
mod silence;
mod tls;
mod translate;
mod v1;
