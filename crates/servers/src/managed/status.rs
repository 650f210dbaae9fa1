//! What the supervisor says of its server, in a file that only the owner can read.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

/// The state of the managed server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The supervisor's process id.
    pub(crate) supervisor: u32,
    /// The server's process id, while there is one.
    pub(crate) server: Option<u32>,
    /// The loopback port.
    pub(crate) port: u16,
    /// The key that the server asks for.
    pub(crate) key: String,
    /// How it is.
    pub(crate) state: State,
    /// How often it was started again after a crash.
    pub(crate) restarts: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Being started, or loading the model.
    Starting,
    /// Answering.
    Ready,
    /// Given up; the last lines of the log.
    Failed(String),
}

impl Status {
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join("status.json")).ok()?).ok()
    }

    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let part = folder.join("status.json.part");
        let _ = fs::remove_file(&part);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&part)?.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(part, folder.join("status.json"))
    }
}
