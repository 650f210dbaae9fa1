//! What the supervisor says of its server, in a file that only the owner can read.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::spec::Piped;

/// The file of a supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Status {
    /// The supervisor's process id.
    pub(super) supervisor: u32,
    /// The server's process id, while there is one.
    pub(super) server: Option<u32>,
    /// When that one was started, in seconds since 1970.
    pub(super) since: Option<u64>,
    /// The loopback port, where the supervisor chose it.
    pub(super) port: Option<u16>,
    /// The key that the server asks for, where the supervisor chose it.
    pub(super) key: Option<Piped>,
    /// How it is.
    pub(super) state: State,
    /// How often it was started again after a crash.
    pub(super) restarts: u32,
}

/// The state of a server that Yabby runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does not run; the next request starts it.
    Stopped,
    /// Being started, or loading the model.
    Starting,
    /// Answering.
    Ready,
    /// Given up; the last lines of the log.
    Failed(String),
    /// Given up, because it was not ready in time.
    Late,
}

/// A server that Yabby runs, or would run, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// How it is. A server that somebody else started counts as stopped.
    pub state: State,
    /// The process id of its supervisor.
    pub supervisor: Option<u32>,
    /// Its own process id.
    pub server: Option<u32>,
    /// When it was started, in seconds since 1970.
    pub since: Option<u64>,
    /// How often its supervisor started it again after a crash.
    pub restarts: u32,
    /// What it printed, without secrets; the file need not be there.
    pub log: PathBuf,
}

impl Status {
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join("status.json")).ok()?).ok()
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        crate::private::replace(&folder.join("status.json"), &serde_json::to_vec_pretty(self)?)
    }

    pub(super) fn remove(folder: &Path) {
        let _ = fs::remove_file(folder.join("status.json"));
    }
}
