//! What was told lately.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Desk};
use crate::log::{Level, LogLine};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// The number of the last line that is known.
    #[serde(default)]
    after: u64,
    /// The least that matters.
    level: Option<Level>,
}

/// Lines, the oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Logs {
    lines: Vec<LogLine>,
}

pub(super) async fn list(State(desk): State<Desk>, wanted: Result<Query<Wanted>, QueryRejection>) -> Answer<Logs> {
    let Query(wanted) = wanted?;
    let lines = desk.0.now.log.lines(wanted.after, wanted.level.unwrap_or(Level::Info));
    Ok(Json(Logs { lines }))
}
