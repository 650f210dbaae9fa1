//! Questions to the owner.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use yabby_store::{ApprovalState, new_id};

use super::{
    Answer, Desk, Problem,
    messages::{Said, Taken},
};
use crate::feed::Question;

/// So many are listed.
const MOST: usize = 200;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Verdict {
    /// Yes or no.
    approve: bool,
}

pub(super) async fn list(State(desk): State<Desk>) -> Answer<Vec<Question>> {
    let open = desk.0.office.store.open_approvals(MOST).await?;
    Ok(Json(open.iter().map(Question::of).collect()))
}

/// The answer is a message in the conversation of the question, as at every other place.
pub(super) async fn answer(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    verdict: Result<Json<Verdict>, JsonRejection>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let Json(verdict) = verdict?;
    let asked = desk.0.office.store.approval(&id).await?;
    let asked = asked.ok_or_else(|| Problem::not_found(&format!("question {id}")))?;
    if asked.state != ApprovalState::Open {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "answered",
            "this question was answered already",
        ));
    }
    let word = if verdict.approve { "approve" } else { "deny" };
    let said = Said {
        id: new_id(),
        text: format!("/{word} {id}"),
        images: Vec::new(),
    };
    desk.accept(&asked.asked.conversation, &said).await
}
