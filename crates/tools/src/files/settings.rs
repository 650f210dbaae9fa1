//! Where the tools for files may go, and how much they take.

use std::path::PathBuf;

/// The settings of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSettings {
    /// The workspace: where names without a folder are, readable and writable.
    pub workspace: PathBuf,
    /// What `~` means; without it, `~` is refused.
    pub home: Option<PathBuf>,
    /// Folders beside the workspace. One inside of another counts for what is in it.
    pub roots: Vec<FileRoot>,
    /// Names and paths that tell the agent what it is, or programs what to run, beside [`PROTECTED`](super::PROTECTED):
    /// `name`, `folder/name`, or `/name` for one that is only meant at the top of a root.
    pub protected: Vec<String>,
    /// How much.
    pub limits: FileLimits,
}

/// A folder that tools may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRoot {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// For what.
    pub access: RootAccess,
}

/// What a root is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootAccess {
    /// Only to be read.
    Read,
    /// To be read and changed.
    Write,
}

/// How much the tools take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// A file that is changed, written or searched has at most so many bytes.
    pub file_bytes: u64,
    /// A picture has at most so many bytes.
    pub image_bytes: u64,
    /// A search shows at most so many lines.
    pub matches: usize,
    /// A list shows at most so many entries.
    pub entries: usize,
    /// A search or a list looks at so many entries at most.
    pub visited: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            file_bytes: 8 << 20,
            image_bytes: 5 << 20,
            matches: 100,
            entries: 300,
            visited: 100_000,
        }
    }
}
