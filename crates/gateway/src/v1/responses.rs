//! Responses of agents that are asked for again (platform.openai.com, "Retrieve a model response" and what follows it).

use hyper::{Response, http::request::Parts};
use serde_json::Value;
use yabby_wire::clients::Failure;

use super::{Answer, query::parameter};
use crate::{
    assistant::{Listed, Programs, missing},
    auth::Caller,
    passing::Out,
    respond::whole,
};

/// So many items are listed when nothing is said of it, and at the most.
const LISTED: usize = 20;
const MOST_LISTED: usize = 100;

pub(super) async fn retrieve(programs: Option<&Programs>, id: &str, head: &Parts, by: &Caller) -> Answer {
    if parameter(head, "stream").is_some_and(|stream| stream != "false") {
        let message =
            "a response is not streamed again: ask without `stream`, until its status is another than in_progress";
        let failure = Failure {
            field: Some("stream".to_owned()),
            ..Failure::new(400, "unsupported_value", message)
        };
        return Err(failure.into());
    }
    Ok(json(&there(programs, id)?.retrieve(id, by).await?))
}

pub(super) async fn delete(programs: Option<&Programs>, id: &str, by: &Caller) -> Answer {
    Ok(json(&there(programs, id)?.delete(id, by).await?))
}

pub(super) async fn cancel(programs: Option<&Programs>, id: &str, by: &Caller) -> Answer {
    Ok(json(&there(programs, id)?.cancel(id, by).await?))
}

pub(super) async fn input_items(programs: Option<&Programs>, id: &str, head: &Parts, by: &Caller) -> Answer {
    let limit = parameter(head, "limit").and_then(|limit| limit.parse().ok());
    let listed = Listed {
        after: parameter(head, "after").filter(|after| !after.is_empty()),
        limit: limit.unwrap_or(LISTED).clamp(1, MOST_LISTED),
        ascending: parameter(head, "order").as_deref() == Some("asc"),
    };
    Ok(json(&there(programs, id)?.input_items(id, &listed, by).await?))
}

/// Where no assistant is, no response is kept.
fn there<'a>(programs: Option<&'a Programs>, id: &str) -> Result<&'a Programs, Failure> {
    programs.ok_or_else(|| missing(id))
}

fn json(value: &Value) -> Response<Out> {
    whole("application/json", value.to_string())
}
