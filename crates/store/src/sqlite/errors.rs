//! What SQLite says, as kinds.

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
