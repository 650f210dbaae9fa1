//! A scripted model server for tests, with faults by name.
//!
//! ```
//! use yabby_testkit::{Fault, ModelServer, ServerKind, script};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let server = ModelServer::start().await;
//! server.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
//! server.models(&["m1"]);
//! server.chat(script![text("Hel"), text("lo"), finish("stop")]); // the next chat completion
//! server.responses(script![tool_call("c1", "add", r#"{"a":1}"#)]); // the next response
//! server.fault_once(Fault::LoadingFor(2)); // the first two requests of all: 503 Loading model
//! println!("{}", server.base_url()); // http://127.0.0.1:PORT/v1
//! # });
//! ```
//!
//! A [`Reply`] is a list of [`Step`]s. The same steps are put on the wire in whichever API was called, in the shape of
//! the server kind, streamed when the request says `"stream": true` and otherwise as one JSON. What a script leaves out
//! is added at its end (a finish, the usage, the terminator) unless its last step ends the connection. Replies wait in
//! one queue an API; an empty queue answers with the default reply, `ok`.
//!
//! The server lives in the runtime that started it, so that a paused clock moves its sleeps too;
//! [`ModelServer::start_on_thread`] gives it a runtime of its own, for tests that block.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test helper fails the test at the place where it goes wrong"
)]

mod answer;
mod certificate;
mod connection;
mod control;
mod date;
mod embedding;
mod emulate;
mod fault;
mod files;
mod fixtures;
mod hosted;
mod http;
mod kinds;
mod log;
mod memory;
mod overflow;
mod postgres;
mod refusal;
mod reply;
mod server;
mod shape;
mod state;

pub use certificate::Certificate;
pub use fault::Fault;
pub use files::{FileRequest, FileServer};
pub use fixtures::{Canary, dead_port, dead_url};
pub use hosted::Documented;
pub use kinds::ServerKind;
pub use log::Recorded;
pub use overflow::Dialect;
pub use postgres::Postgres;
pub use refusal::Refusal;
pub use reply::{Latch, Reply, Step, ToolCall, Usage, step};
pub use server::ModelServer;
