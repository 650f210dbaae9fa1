//! What happens with servers that load, work, are full, are off, come back or change, with the usual deadlines.

mod breaker;
mod cancel;
pub(crate) mod clock;
mod cold;
mod learned;
mod loading;
mod overflow;
mod prefill;
mod queue;
mod replicas;
mod restart;
mod warm;

use std::time::Duration;

/// llama.cpp's answer on every path while it loads.
const LOADING: &str = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
