//! The built binary against a real llama.cpp server with real models. It installs the server and the small model itself;
//! `qwen` fetches the larger one.
//!
//! The private Python environment is kept below `target/tmp`, and the downloads in `yabby-tests` in the user's cache
//! folder, so that another clone does not fetch them again; `provision` has a test that fetches the small model anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod agent;
#[path = "../shared/binary.rs"]
mod binary;
mod capability;
#[path = "../shared/chat.rs"]
mod chat;
mod conformance;
mod constrained;
mod counting;
mod dialects;
mod embeddings;
mod faults;
mod fit;
mod ladder;
mod live;
mod llama;
mod managed;
#[cfg(target_os = "linux")]
mod native;
#[cfg(feature = "otel")]
mod otel;
mod page;
mod place;
mod prompt;
mod provision;
mod qwen;
#[path = "../shared/running.rs"]
mod running;
mod sdk;
