//! The built binary against the scripted server: what a person sees, what is sent, how it exits.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod ask;
mod assistant;
#[path = "../shared/binary.rs"]
mod binary;
mod chain;
#[path = "../shared/chat.rs"]
mod chat;
mod client;
mod config;
mod doctor;
mod elsewhere;
mod entry;
mod faults;
mod help;
mod home;
mod hosted;
mod kept;
mod keys;
mod many;
mod mcp;
mod models;
mod open_webui;
mod operators;
mod page;
mod privacy;
mod probe;
mod programs;
mod prompt;
mod real_sockets;
mod reload;
mod replicas;
mod responses;
mod route;
#[path = "../shared/running.rs"]
mod running;
mod secrets;
mod serve;
mod service;
mod sessions;
mod setup;
#[cfg(target_os = "linux")]
mod setup_terminal;
mod socket;
mod sockets;
mod store;
mod think;
#[cfg(target_os = "linux")]
mod through;
mod tools;
#[cfg(target_os = "linux")]
mod tty;
mod two;
mod up;
mod usage;
