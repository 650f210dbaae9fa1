//! Tools of MCP servers: programs that are spoken to over their standard input and output, and addresses that speak MCP's
//! streamable HTTP. The protocol is the official SDK's (`rmcp`); here is what a server may not do to its owner.
//!
//! - A server is somebody else: what it calls its tools, how it describes them and what it answers is foreign text. Its hints
//!   about what a tool does count for nothing: every call is [`Effect::Send`](crate::Effect::Send), and all arguments are sinks.
//! - Its tools are pinned (`pins`): what the owner has accepted with the server's configuration may not change behind the
//!   owner's back, neither in words nor in arguments, and no tool comes in later unseen.
//! - It does not hold anything up: a task of its own (`keep`) starts it, starts it again when it ends, and knows its tools; a
//!   turn takes what is known (`servers`).
//! - It gets a clean environment and a process group of its own (`program`), says no more than the limits (`metered`), and is
//!   followed to no other address (`http`).

mod error;
mod http;
mod keep;
mod listing;
mod log;
mod metered;
mod name;
mod pins;
mod program;
mod result;
mod schema;
mod server;
mod servers;
mod settings;
#[cfg(test)]
mod tests;
mod tool;

pub use error::{McpNotice, McpTrouble, Withheld};
pub use pins::{Accepted, FolderPins, Pins};
pub use servers::{McpOffer, Servers};
pub use settings::{McpLimits, McpServer, McpSettings, McpTransport};
