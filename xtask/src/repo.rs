//! Where things are, and what the lock file says.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// A folder under `target`.
pub(crate) fn target(name: &str) -> PathBuf {
    root().join("target").join(name)
}

/// How many packages the lock file holds, our own included.
pub(crate) fn packages() -> Result<usize, String> {
    let path = root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().filter(|line| *line == "[[package]]").count())
}
