//! The servers that Yabby runs itself: llama.cpp with a GGUF file, and programs that the config names
//! (`models.providers.<id>.localService`).
//!
//! A *supervisor* process runs the server, takes secrets out of its log, starts it again when it crashes and stops it
//! when nobody uses it. Users meet it in one folder per server below the state directory:
//!
//! | file | who | what |
//! |---|---|---|
//! | `lease.lock` | every user, shared; the supervisor, exclusive while it stops | who uses the server, and since when nobody |
//! | `supervisor.lock` | the supervisor, exclusive | that there is one |
//! | `status.json` | written by the supervisor, mode 0600 | port, key, state |
//! | `server.log`, `server.log.1` | written by the supervisor, mode 0600 | what the server prints |
//! | `supervisor.log` | the supervisor | its own trouble |
//!
//! What is to be started goes to the supervisor through a pipe ([`spec`]): it holds secrets, which are never written to
//! a disk.
//!
//! A user of llama.cpp is a process that has a [`Lease`]; [`provision`] makes program and model available (downloads,
//! verified). A user of a program of the config is a request where there is an `idleStopMs`, else a process as well
//! ([`Service`]). Both are started by [`Endpoint::ensure_running`](crate::Endpoint::ensure_running).
//!
//! The kernel drops a lock with the process that holds it, so nothing is left over after a crash: without users the
//! supervisor stops the server, and without a supervisor the server stops itself (llama.cpp's wheel by its pipe; others
//! only on Linux, where the kernel can bind a process to its parent). What such a server has started itself does not
//! know of that: it ends with the server's process group whenever the supervisor ends the server, but outlives a
//! supervisor that was killed, until it prints something or is ended by hand.

mod artefact;
mod bound;
mod download;
mod group;
mod health;
mod hold;
mod launch;
mod lease;
mod log;
mod model;
mod provision;
mod python;
mod redact;
mod service;
mod site;
mod spec;
mod status;
mod supervisor;

pub use crate::private::folder as private_folder;
pub use bound::exec_bound;
pub use lease::Lease;
pub use model::{EMBEDDED, EmbeddedModel};
pub use provision::{is_gguf, provision, provisioned, verify};
pub use service::{Service, Services};
pub use spec::{Llama, Program};
pub use status::{ServerStatus, State};
pub use supervisor::supervise;

pub(crate) use hold::Hold;

use yabby_core::{ErrorKind, ModelError, Phase, Text};

/// The provider id of the managed server.
pub const PROVIDER: &str = "embedded";

/// What a person sees of a long step.
pub trait Report: Send + Sync {
    /// A step begins. `total` is its size in bytes, where it has one.
    fn begin(&self, what: Text, total: Option<u64>);
    /// The step has come this far, in bytes.
    fn advance(&self, done: u64);
    /// The step is complete.
    fn end(&self);
}

impl Report for () {
    fn begin(&self, _what: Text, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn end(&self) {}
}

/// A failure to make the managed server available.
pub(crate) fn failure(message: Text) -> ModelError {
    ModelError::new(ErrorKind::Provision, Phase::Connect, PROVIDER, message)
}
