#![doc = include_str!("../README.md")]

mod manifest;
mod output;
mod profile;
mod registry;
mod tool;
pub mod web;

pub use manifest::{Effect, Group, Manifest, Returns};
pub use output::{Output, ToolError, ToolErrorKind};
pub use profile::{Choice, Profile};
pub use registry::{Registry, Taken};
pub use tool::{At, Tool, Watcher};
