//! Files that only their owner can read.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::error::{StoreError, StoreErrorKind};

/// Makes a folder, and the missing ones above it, that only the owner can look into.
pub(crate) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to read and write, and makes it when it is not there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

/// The error of a store whose file cannot be used.
pub(crate) fn failed(path: &Path, error: io::Error) -> StoreError {
    let said = format!("{}: {error}", path.display());
    StoreError::unusable(StoreErrorKind::of_io(&error), &said).with_source(error)
}
