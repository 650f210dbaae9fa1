//! The binary that people run.

use std::path::PathBuf;

use crate::{
    repo,
    run::{cargo, run},
};

/// Builds it, as README's first command does, and says where it is.
pub(crate) fn build() -> Result<PathBuf, String> {
    run(&mut cargo(&["build", "--release", "--package", "yabby"]))?;
    Ok(binary())
}

/// Where it is when it was built.
pub(crate) fn binary() -> PathBuf {
    repo::target("release").join(format!("yabby{}", std::env::consts::EXE_SUFFIX))
}
