//! One file a command.

pub(crate) mod ask;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod hidden;
pub(crate) mod keys;
pub(crate) mod mcp;
pub(crate) mod models;
pub(crate) mod prompt;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod setup;
pub(crate) mod store;
pub(crate) mod up;
pub(crate) mod usage;
