//! What SQLite and the file system say, as kinds.

use std::{io, path::Path};

use rusqlite::ffi::ErrorCode;
use yabby_core::text;

use crate::error::{StoreError, StoreErrorKind};

/// An error of SQLite.
pub(super) fn sqlite(error: rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreErrorKind::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Unavailable,
        Some(ErrorCode::TooBig) => StoreErrorKind::TooLarge,
        Some(ErrorCode::ConstraintViolation) => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Other,
    };
    of(kind, &error.to_string()).with_source(error)
}

/// An error at a file.
pub(super) fn file(path: &Path, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
        io::ErrorKind::NotFound => StoreErrorKind::Missing,
        _ => StoreErrorKind::Other,
    };
    of(kind, &format!("{}: {error}", path.display())).with_source(error)
}

fn of(kind: StoreErrorKind, said: &str) -> StoreError {
    let error = StoreError::new(kind, text!("the store cannot be used: {error}", error = said));
    match kind {
        StoreErrorKind::Full => error.with_hint(text!("free some space on the disk; Yabby goes on by itself then")),
        StoreErrorKind::ReadOnly => error.with_hint(text!("let Yabby write in the folder of the store")),
        StoreErrorKind::Damaged => error.with_hint(text!("run: yabby store check")),
        _ => error,
    }
}
