//! The way from a request to an answer, against the scripted server.
#![expect(
    clippy::large_futures,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod answer;
mod chain;
mod embeddings;
mod faults;
mod faults_more;
mod hosted;
mod ladder;
mod live;
mod scene;
mod spending;
