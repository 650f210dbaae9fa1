//! What happened outside, line by line.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::broken;

/// Where a ledger is.
pub(crate) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// Adds a line; it is on the disk when this returns.
pub(crate) fn add(path: &Path, line: &str) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let added = file.and_then(|mut file| {
        // One call, so that lines of several processes do not mix.
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    });
    if let Err(error) = added {
        broken(path, &error);
    }
}

/// All lines.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    match fs::read_to_string(path) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => broken(path, &error),
    }
}
