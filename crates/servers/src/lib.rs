#![doc = include_str!("../README.md")]

mod answer;
mod compat;
mod credentials;
mod discover;
mod endpoint;
mod facts;
pub mod fit;
mod fleet;
mod http;
mod learned;
pub mod managed;
mod probe;
mod reach;
mod refused;
mod tool_mode;
mod transport;
mod vendor;
pub mod warm;

pub use answer::AnswerStream;
pub use discover::{WellKnown, discover};
pub use endpoint::{Endpoint, EndpointOrigin};
pub use facts::{Instance, ModelFacts, ModelState, Reasoning, ServerFacts, ServerKind, TokenCounter};
pub use fleet::Fleet;
pub use http::Http;
pub use probe::probe;
pub use reach::Reach;
