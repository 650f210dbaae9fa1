//! Responses that are asked for again: `/v1/responses/{id}` and what is below it.
//!
//! A response belongs to the key that has asked for it; the owner's key sees all. For any other key it is not there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use yabby_core::{EndReason, FinalText, SessionKey};
use yabby_store::{InboundState, KeptResponse, KeyKind, NewResponse, Said, StoreError};
use yabby_wire::clients::{Failure, response_found};

use super::{Programs, away, conversation::Talk, input};
use crate::auth::Caller;

/// Whoever follows a response on another replica has so long to write its end.
const WRITES: Duration = Duration::from_secs(1);

/// Which items are wanted.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Those behind the one of this id.
    pub(crate) after: Option<String>,
    /// So many at the most.
    pub(crate) limit: usize,
    /// The first one first.
    pub(crate) ascending: bool,
}

impl Programs {
    /// A response as it is now.
    pub(crate) async fn retrieve(&self, id: &str, by: &Caller) -> Result<Value, Failure> {
        let kept = self.find(id, by).await?;
        self.now(kept).await
    }

    /// Deletes a response. What was said stays in the conversation.
    pub(crate) async fn delete(&self, id: &str, by: &Caller) -> Result<Value, Failure> {
        let kept = self.find(id, by).await?;
        let conversation = kept.new.conversation.clone();
        // One that was made by a gateway that was killed may be over without anybody having written that.
        let over = is_over(&self.now(kept).await?);
        let store = &self.0.office.store;
        store.delete_response(id).await.map_err(|error| away(&error))?;
        if !over {
            self.stop(conversation).await.map_err(|error| away(&error))?;
        }
        Ok(json!({"id": id, "object": "response", "deleted": true}))
    }

    /// Cancels a response, and stops its turn. One that is over stays as it is.
    pub(crate) async fn cancel(&self, id: &str, by: &Caller) -> Result<Value, Failure> {
        let kept = self.find(id, by).await?;
        let conversation = kept.new.conversation.clone();
        let now = self.now(kept).await?;
        if is_over(&now) {
            return Ok(now);
        }
        let marked = self.mark_cancelled(id).await.map_err(|error| away(&error))?;
        let response = marked.ok_or_else(|| missing(id))?;
        if is_cancelled(&response) {
            self.stop(conversation).await.map_err(|error| away(&error))?;
        }
        Ok(response)
    }

    /// What a response was asked with.
    pub(crate) async fn input_items(&self, id: &str, listed: &Listed, by: &Caller) -> Result<Value, Failure> {
        let kept = self.find(id, by).await?;
        let mut items = match kept.new.input {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        if !listed.ascending {
            items.reverse();
        }
        if let Some(after) = &listed.after {
            let place = items.iter().position(|item| item["id"] == after.as_str());
            let place = place.ok_or_else(|| {
                let message = format!("there is no item {after} in {id}");
                Failure::new(400, "invalid_value", message)
            })?;
            items.drain(..=place);
        }
        let more = items.len() > listed.limit;
        items.truncate(listed.limit);
        let id_of = |item: Option<&Value>| item.map_or_else(|| "".into(), |item| item["id"].clone());
        Ok(json!({
            "object": "list", "first_id": id_of(items.first()), "last_id": id_of(items.last()), "has_more": more,
            "data": items,
        }))
    }

    /// The conversation of a response that is gone on from, where it is kept.
    pub(super) async fn gone_on_from(&self, previous: &str, by: &Caller) -> Result<Option<SessionKey>, Failure> {
        let kept = self.0.office.store.response(previous).await;
        match kept.map_err(|error| away(&error))? {
            Some(kept) if !may_see(by, &kept) => {
                let message = format!("there is no response {previous}");
                Err(Failure::new(404, "previous_response_not_found", message))
            }
            kept => Ok(kept.map(|kept| kept.new.conversation)),
        }
    }

    /// Notes that a response is cancelled, unless it is over; the response as it is then.
    pub(super) async fn mark_cancelled(&self, id: &str) -> Result<Option<Value>, StoreError> {
        let store = &self.0.office.store;
        let Some(kept) = store.response(id).await? else {
            return Ok(None);
        };
        let cancelled = with(kept.new.body, "status", "cancelled".into());
        store.end_response(id, cancelled).await
    }

    async fn find(&self, id: &str, by: &Caller) -> Result<KeptResponse, Failure> {
        let kept = self.0.office.store.response(id).await.map_err(|error| away(&error))?;
        kept.filter(|kept| may_see(by, kept)).ok_or_else(|| missing(id))
    }

    /// A response as it is, also when the gateway that has made it was ended before its end.
    async fn now(&self, kept: KeptResponse) -> Result<Value, Failure> {
        let store = &self.0.office.store;
        let id = kept.new.id.as_str();
        if kept.ended_at.is_some() || self.0.followed.has(id) {
            return Ok(kept.new.body);
        }
        let inbound = store.inbound(kept.message).await.map_err(|error| away(&error))?;
        if inbound.is_some_and(|(_, state)| !matches!(state, InboundState::Done | InboundState::Dead)) {
            return Ok(kept.new.body);
        }
        sleep(WRITES).await;
        let again = store.response(id).await.map_err(|error| away(&error))?;
        let again = again.ok_or_else(|| missing(id))?;
        if again.ended_at.is_some() {
            return Ok(again.new.body);
        }
        // Nobody follows it any more, and its turn has come to its end: that of what was said counts.
        let said = store.said_to(again.message).await.map_err(|error| away(&error))?;
        let ended = store.end_response(id, found(again.new.body, &said)).await;
        ended.map_err(|error| away(&error))?.ok_or_else(|| missing(id))
    }
}

/// A response that is begun and kept; `body` is the request, and `begun` the response.
pub(super) fn new_response(talk: &Talk, (body, begun): (&[u8], &[u8]), by: &Caller) -> NewResponse {
    NewResponse {
        id: talk.id.clone(),
        key: by.id().to_owned(),
        conversation: talk.conversation.clone(),
        input: input::items(&talk.id, body),
        body: serde_json::from_slice(begun).unwrap_or_default(),
    }
}

/// A response with what was said at the end of its turn.
fn found(begun: Value, said: &[Said]) -> Value {
    let answers = said.iter().filter_map(|said| match said {
        Said::Answer(text) => Some(text),
        Said::Notice(_) => None,
    });
    let answers: Vec<&FinalText> = answers.collect();
    if let Some(last) = answers.last() {
        let reason = if last.is_cut() {
            EndReason::Length
        } else {
            EndReason::Stop
        };
        let texts: Vec<&str> = answers.iter().map(|text| text.as_str()).collect();
        return response_found(begun, &texts.join("\n\n"), reason);
    }
    let notices = said.iter().filter_map(|said| match said {
        Said::Notice(text) => Some(text.english()),
        Said::Answer(_) => None,
    });
    let mut notices: Vec<String> = notices.collect();
    if notices.is_empty() {
        notices.push("nobody has answered".to_owned());
    }
    let error = json!({"code": "server_error", "message": notices.join("\n\n")});
    with(with(begun, "error", error), "status", "failed".into())
}

/// A response in which a field is another one.
fn with(mut response: Value, name: &str, value: Value) -> Value {
    if let Some(fields) = response.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
    response
}

fn may_see(by: &Caller, kept: &KeptResponse) -> bool {
    by.kind() == KeyKind::Owner || by.id() == kept.new.key
}

fn is_over(response: &Value) -> bool {
    !matches!(response["status"].as_str(), Some("in_progress" | "queued"))
}

fn is_cancelled(response: &Value) -> bool {
    response["status"] == "cancelled"
}

/// There is no such response, as far as this key can know.
pub(crate) fn missing(id: &str) -> Failure {
    let message = format!(
        "there is no response {id} for this key: those of agents are kept (unless `store` is false), and those of models, \
         which only pass through here, are not"
    );
    Failure::new(404, "response_not_found", message)
}
