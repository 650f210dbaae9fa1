#![doc = include_str!("../README.md")]

mod arguments;
mod exec;
mod files;
mod manifest;
pub mod mcp;
mod output;
mod profile;
mod registry;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tool;
pub mod web;

pub use exec::{Exec, ExecSettings};
pub use files::{
    Change, FileLimits, FileRoot, FileSettings, Files, FilesError, FolderVersions, Kept, PROTECTED, RootAccess, State,
    VersionLimits, Versions,
};
pub use manifest::{Effect, Group, Manifest, Returns};
pub use output::{Output, ToolError, ToolErrorKind};
pub use profile::{Choice, Profile};
pub use registry::{Registry, Taken};
pub use tool::{At, Tool, Watcher};
