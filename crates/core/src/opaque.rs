//! What only the server that made it can read.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Signed or encrypted reasoning, as the server gave it. It is kept beside the text of an answer and goes back, unread
/// and unchanged, to the same model on the same endpoint and to nobody else: another server refuses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Who made it.
    pub from: OpaqueSource,
    /// The part of the answer, in the form of the API that gave it.
    pub data: Value,
}

/// The only place to which an [`Opaque`] may be sent back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpaqueSource {
    /// The base URL, without credentials.
    pub endpoint: String,
    /// The model id as the server knows it.
    pub model: String,
}
