//! What SQLite says, as kinds.

use std::error::Error as _;

use rusqlite::ffi::ErrorCode;

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
    StoreError::unusable(kind, &error.to_string()).with_source(error)
}

/// Whether SQLite says that its file is damaged.
pub(super) fn is_damage(error: &StoreError) -> bool {
    let of_sqlite = matches!(error.source(), Some(source) if source.is::<rusqlite::Error>());
    of_sqlite && error.kind == StoreErrorKind::Damaged
}
