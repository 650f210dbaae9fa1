//! Going back to before a message, and saying something else.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use yabby_core::{Message, SessionKey};
use yabby_store::{Content, Item, Lease, new_id};

use super::{
    Desk, Problem,
    messages::{Said, Taken, origin},
};
use crate::branch::branch;

/// Copying takes no longer, and a turn does not begin meanwhile.
const LEASE: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Edit {
    /// The message that is said instead.
    #[serde(flatten)]
    said: Said,
    /// The place of the message that it is said instead of.
    seq: u64,
}

pub(super) async fn edit(
    State(desk): State<Desk>,
    Path(key): Path<String>,
    edit: Result<Json<Edit>, JsonRejection>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let key = Desk::key(&key)?;
    let Json(edit) = edit?;
    let store = &desk.0.office.store;
    let Some(held) = store.hold(key.as_str(), LEASE).await? else {
        let message = "something is being answered in this conversation";
        return Err(Problem::new(StatusCode::CONFLICT, "busy", message).with_hint("stop it first"));
    };
    desk.go_back(held.lease(), &key, edit.seq).await?;
    held.release().await?;
    desk.accept(&key, &edit.said).await
}

impl Desk {
    /// Begins a session with all that was there before a message of the person. The old one stays.
    async fn go_back(&self, lease: &Lease, key: &SessionKey, seq: u64) -> Result<(), Problem> {
        let store = &self.0.office.store;
        let known = store.conversation(key).await?.and_then(|known| known.session);
        let session = known.ok_or_else(|| Problem::not_found("message in this conversation yet"))?;
        let most = usize::try_from(seq).unwrap_or(usize::MAX).saturating_add(1);
        let mut items = store.items(&session, 0, most).await?;
        let last = items.pop().filter(|item| item.seq == seq && is_of_a_person(item));
        if last.is_none() {
            return Err(Problem::bad_request(format!(
                "`seq` {seq} is no message of a person in it"
            )));
        }
        branch(store, lease, &origin(key), (&new_id(), items)).await?;
        Ok(())
    }
}

fn is_of_a_person(item: &Item) -> bool {
    matches!(
        &item.item.content,
        Content::Message {
            message: Message::User { .. }
        }
    )
}
