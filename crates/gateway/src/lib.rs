#![doc = include_str!("../README.md")]

mod api;
mod auth;
mod bell;
mod budget;
mod line;
mod memory;
mod metrics;
mod passing;
mod relay;
mod routes;
mod server;
mod skim;
mod stream;
mod tail;
mod trial;
mod turn;
mod watch;

pub use auth::{Access, Caller};
pub use server::{BindError, Gateway, House, Records};
pub use stream::TlsError;
