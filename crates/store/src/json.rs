//! What is kept as JSON.

use serde::Serialize;
use yabby_core::text;

use crate::error::{Result, StoreError, StoreErrorKind};

/// A value as the text that is kept.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(cannot)
}

/// A value as JSON.
pub(crate) fn to_value(value: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(cannot)
}

fn cannot(error: serde_json::Error) -> StoreError {
    let message = text!("this cannot be kept: {error}", error = error);
    StoreError::new(StoreErrorKind::Invalid, message).with_source(error)
}
