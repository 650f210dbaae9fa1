#![doc = include_str!("../README.md")]

mod api;
mod app;
mod assistant;
mod auth;
mod bell;
mod budget;
mod feed;
mod line;
mod memory;
mod metrics;
mod office;
mod passing;
mod relay;
mod routes;
mod server;
mod site;
mod skim;
mod stream;
mod tail;
mod trial;
mod turn;
mod watch;

pub use auth::{Access, Caller};
pub use feed::Words;
pub use office::Office;
pub use server::{BindError, Gateway, House, Records};
pub use stream::TlsError;
