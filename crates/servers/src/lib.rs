#![doc = include_str!("../README.md")]

mod admission;
mod admit;
mod answer;
mod breaker;
mod compat;
mod credentials;
mod discover;
mod endpoint;
mod facts;
pub mod fit;
mod fleet;
mod http;
mod keeper;
mod learned;
mod live;
pub mod managed;
mod probe;
mod reach;
mod refused;
mod replicas;
mod tool_mode;
mod transport;
mod vendor;

pub use admission::{Admission, AdmissionQueue, AdmissionStatus, Permit, Waiting};
pub use answer::AnswerStream;
pub use breaker::{Breaker, BreakerState, BreakerStatus, Jitter, ProbeTicket, Verdict};
pub use discover::{WellKnown, discover};
pub use endpoint::{Endpoint, EndpointOrigin};
pub use facts::{Instance, ModelFacts, ModelState, Reasoning, ServerFacts, ServerKind, TokenCounter};
pub use fleet::Fleet;
pub use http::Http;
pub use keeper::Keeper;
pub use learned::Notebook;
pub use live::{Doing, Observed, Speed, Timing, Trouble};
pub use probe::probe;
pub use reach::Reach;
