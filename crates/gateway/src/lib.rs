#![doc = include_str!("../README.md")]

mod api;
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
mod tail;
mod trial;
mod turn;
mod watch;

pub use server::{BindError, Gateway, House, Records};
