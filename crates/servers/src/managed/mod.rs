//! The llama.cpp server that Yabby runs itself.
//!
//! Three parts: [`provision`] makes the program and the model available (downloads, verified), a *supervisor*
//! process runs the server, restarts it when it crashes and stops it with the last user, and a [`Lease`] is what a
//! Yabby process holds while it uses the server. They meet in one folder per model below the state directory:
//!
//! | file | who | what |
//! |---|---|---|
//! | `lease.lock` | every user, shared; the supervisor, exclusive while it stops | who uses the server |
//! | `supervisor.lock` | the supervisor, exclusive | that there is one |
//! | `status.json` | written by the supervisor, mode 0600 | port, key, state |
//! | `server.log` | the server | its output |
//!
//! The kernel drops a lock with the process that holds it, so nothing is left over after a crash: without users the
//! supervisor stops the server, and without a supervisor the server stops itself (a native `llama-server` only on
//! Linux, where the kernel can bind it to its parent).

mod artefact;
mod bound;
mod download;
mod lease;
mod model;
mod provision;
mod python;
mod status;
mod supervisor;

pub use bound::exec_bound;
pub use lease::Lease;
pub use model::{EMBEDDED, EmbeddedModel};
pub use provision::{is_gguf, provision, provisioned, verify};
pub use supervisor::supervise;

use std::{
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use yabby_core::{ErrorKind, ModelError, Phase, Text};

use artefact::hex;

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

/// How to start one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What runs.
    pub program: Program,
    /// The GGUF file.
    pub model: PathBuf,
    /// The id under which the server offers the model.
    pub alias: String,
    /// Tokens of context per slot.
    pub window: u32,
    /// Requests at the same time.
    pub slots: u32,
    /// Compute threads.
    pub threads: usize,
}

/// A program that serves a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// `llama-server`, found in `PATH`.
    Native(PathBuf),
    /// The Python interpreter of the private environment with the llama.cpp wheel.
    Wheel(PathBuf),
}

impl Spec {
    /// A spec for this machine.
    ///
    /// Half of the hardware threads compute: a llama.cpp that has every one of them spins at its barriers as soon as
    /// anything else runs (measured on two shared cores: 0.6 against 17 tokens per second).
    pub fn new(program: Program, model: PathBuf, alias: String, window: u32) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        Self {
            program,
            model,
            alias,
            window,
            slots: 2,
            threads,
        }
    }

    /// The folder of this server below the state directory: one per model, window and program.
    pub(crate) fn folder(&self, state_dir: &Path) -> PathBuf {
        let what = (&self.program, &self.model, self.window);
        let hash = hex(Sha256::digest(serde_json::to_string(&what).unwrap_or_default()));
        let short = hash.get(..12).unwrap_or_default();
        state_dir.join("managed").join(format!("{}-{short}", self.alias))
    }
}

/// Makes a folder, and the missing ones above it, that only the owner can look into.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A failure to make the managed server available.
pub(crate) fn failure(message: Text) -> ModelError {
    ModelError::new(ErrorKind::Provision, Phase::Connect, PROVIDER, message)
}
