#![doc = include_str!("../README.md")]

mod api;
mod app;
mod assistant;
mod auth;
mod bell;
mod budget;
mod feed;
mod line;
mod log;
mod memory;
mod metrics;
mod office;
mod passing;
mod ready;
mod relay;
mod reload;
mod routes;
mod server;
mod site;
mod skim;
mod stream;
mod swap;
mod tail;
mod trial;
mod turn;
mod upkeep;
mod watch;

pub use app::Settings;
pub use auth::{Access, Caller};
pub use feed::Words;
pub use log::{Level, Log};
pub use office::Office;
pub use reload::{ConfigState, Furniture, Reload};
pub use server::{BindError, Gateway, House, Records};
pub use stream::TlsError;
pub use upkeep::Upkeep;
