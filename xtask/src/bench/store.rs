//! `cargo xtask bench store`: how many operations a second the store makes durable, on SQLite and on PostgreSQL, beside
//! what the disk can do in the same run. `--kill` shows instead that what it keeps survives being killed.

use std::process::Command;

use crate::{
    repo,
    run::{Proxies, cargo, for_tests, run},
};

/// Builds the measuring program and runs it on the disk of the target folder.
pub(crate) fn all() -> Result<(), String> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "yabby-store",
        "--example",
        "store-bench",
    ]))?;
    let program = repo::target("release")
        .join("examples")
        .join(format!("store-bench{}", std::env::consts::EXE_SUFFIX));
    let mut bench = for_tests(Command::new(program), Proxies::Removed);
    run(bench.arg(repo::target("bench").join("store")))
}

/// Kills a small gateway a thousand times on each database, and compares what was acknowledged with what was done.
pub(crate) fn kill() -> Result<(), String> {
    let test = [
        "test",
        "--release",
        "--package",
        "yabby-store",
        "--test",
        "store",
        "--",
        "--ignored",
        "--nocapture",
        "killed_a_thousand",
    ];
    run(&mut for_tests(cargo(&test), Proxies::Removed))
}
