//! `cargo xtask bench store`: how many operations a second the store makes durable, on SQLite and on PostgreSQL, beside
//! what the disk can do in the same run.

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
