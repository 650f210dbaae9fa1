//! What clients asked.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

/// One request as the server received it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query, without `?`; empty when there is none.
    pub query: String,
    /// Headers by lower-case name; repeated ones are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON; a string when it is not JSON, null when it is empty.
    pub body: Value,
    /// The body as bytes, for tests of prefix stability.
    pub raw: Bytes,
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// The reply was sent as it was scripted.
    pub complete: bool,
    /// The client left before the reply was complete.
    pub closed_early: bool,
    /// When it came, on the clock of the server's runtime.
    pub at: Instant,
}

impl Recorded {
    /// A header by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// `POST /v1/chat/completions`, for short asserts.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
