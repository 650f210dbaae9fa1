//! What files were before they were changed.

mod folder;

use std::{io, path::Path};

use sha2::{Digest, Sha256};
use yabby_core::{Label, Time};

pub use folder::{FolderVersions, VersionLimits};

/// A file at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permissions; zero for what a new file gets.
    pub mode: u32,
}

/// A change of a file that is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The file: absolute, without links in it.
    pub path: &'a Path,
    /// What it is; `None` when it is not there.
    pub before: Option<&'a State>,
    /// What it will be.
    pub after: Option<&'a State>,
    /// What it will have been made from.
    pub label: &'a Label,
    /// When.
    pub at: Time,
}

/// A change that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What the file was.
    pub before: Option<State>,
    /// The SHA-256 of what the file became, in hex; `None` when it was taken away.
    pub after: Option<String>,
}

/// Keeps old versions of files, for some time. The methods read and write the disk.
pub trait Versions: Send + Sync {
    /// Keeps what a file is, before it is changed. When that fails, the file is not changed.
    fn keep(&self, change: &Change<'_>) -> io::Result<()>;

    /// The last change of a file.
    fn last(&self, path: &Path) -> io::Result<Option<Kept>>;

    /// Forgets the last change of a file, because it was taken back.
    fn forget_last(&self, path: &Path) -> io::Result<()>;

    /// What a file was made from, when that is less to be trusted or more secret than what the owner keeps. It stays when
    /// somebody else changes the file, and goes when all of it is written anew.
    fn label(&self, path: &Path) -> io::Result<Option<Label>>;
}

impl Kept {
    /// Whether `now` is what the change left.
    pub fn left(&self, now: Option<&State>) -> bool {
        self.after == now.map(|state| digest(&state.bytes))
    }
}

/// The SHA-256 of `bytes` in hex.
fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
