//! `cargo xtask size`: what people download, and what building it costs.

use std::{path::Path, time::Instant};

use crate::{
    repo,
    run::{cargo, run},
};

/// How the binary is built.
pub(crate) enum Build {
    /// With what is already in `target`.
    Incremental,
    /// In a new target folder, on the clock.
    Clean,
}

/// Builds the release binary and prints its size.
pub(crate) fn report(build: &Build) -> Result<(), String> {
    match build {
        Build::Incremental => measure(&repo::root().join("target"))?,
        Build::Clean => {
            // Downloads are not building.
            run(&mut cargo(&["fetch", "--locked"]))?;
            let target = repo::target(&format!("size-{}", std::process::id()));
            let start = Instant::now();
            let measured = measure(&target);
            let time = start.elapsed();
            let _ = std::fs::remove_dir_all(&target);
            measured?;
            println!("clean release build: {:.0} s", time.as_secs_f64());
        }
    }
    println!("packages in Cargo.lock: {}", repo::packages()?);
    Ok(())
}

fn measure(target: &Path) -> Result<(), String> {
    run(cargo(&["build", "--release", "--package", "yabby", "--target-dir"]).arg(target))?;
    let binary = target
        .join("release")
        .join(format!("yabby{}", std::env::consts::EXE_SUFFIX));
    let bytes = binary
        .metadata()
        .map_err(|error| format!("{}: {error}", binary.display()))?
        .len();
    let hundredths = bytes * 100 / (1024 * 1024);
    println!(
        "release binary: {bytes} bytes, {}.{:02} MiB",
        hundredths / 100,
        hundredths % 100
    );
    Ok(())
}
