//! `cargo xtask bench hello`: what the first word to an assistant costs, with a real model on a real llama.cpp. The measuring
//! is a test (`crates/yabby/tests/real/agent/hello.rs`), because the tests know how to get a server and a model.

use crate::run::{Proxies, cargo, for_tests, run};

/// Takes some minutes, and fetches 1.3 GB the first time.
pub(crate) fn all() -> Result<(), String> {
    let test = [
        "test",
        "--release",
        "--package",
        "yabby",
        "--features",
        "real-servers",
        "--test",
        "real",
        "--",
        "--ignored",
        "--nocapture",
        "--exact",
        "agent::hello::hello",
    ];
    run(&mut for_tests(cargo(&test), Proxies::Kept))
}
