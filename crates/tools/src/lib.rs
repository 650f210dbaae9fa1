#![doc = include_str!("../README.md")]

mod arguments;
mod exec;
mod files;
mod manifest;
pub mod mcp;
mod memory;
mod output;
mod profile;
mod registry;
mod remind;
mod send;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tool;
pub mod web;
mod when;

pub use exec::{Exec, ExecSettings};
pub use files::{
    Change, FileLimits, FileRoot, FileSettings, Files, FilesError, FolderVersions, Kept, PROTECTED, RootAccess, State,
    VersionLimits, Versions,
};
pub use manifest::{Effect, Group, Manifest, Returns};
pub use memory::{EmbedError, EmbedErrorKind, Embedded, Embedder, Memory, MemoryError, MemorySettings, MemoryState};
pub use output::{Output, ToolError, ToolErrorKind};
pub use profile::{Choice, Profile};
pub use registry::{Registry, Taken};
pub use remind::{NotCron, Remind, RemindSettings, Reminder, Repeat, Timers};
pub use send::{Outgoing, OutgoingMessage, Recipient, SendMessage, SessionStatus, Status};
pub use tool::{At, Tool, Watcher};
pub use when::{Hours, Zone};
