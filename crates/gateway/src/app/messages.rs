//! Saying something.

use std::time::SystemTime;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use yabby_agent::Body;
use yabby_core::{Confidentiality, Image, Integrity, Label, Origin, Peer, PeerKind, SessionKey, Time};
use yabby_store::{Accepted, NewInbound};

use super::{CHANNEL, Desk, Problem};

/// The most characters of an id that a caller makes up.
const LONGEST_ID: usize = 64;

/// A picture.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Picture {
    /// Its bytes, as base64.
    data: String,
}

/// A message.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Said {
    /// Unique: sent again with the same id it is taken once.
    pub(super) id: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) images: Vec<Picture>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Taken {
    /// Its number in the inbox.
    accepted: i64,
}

pub(super) async fn say(
    State(desk): State<Desk>,
    Path(key): Path<String>,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let key = Desk::key(&key)?;
    let Json(said) = said?;
    desk.accept(&key, &said).await
}

impl Desk {
    /// Takes a message of the owner in.
    pub(super) async fn accept(&self, key: &SessionKey, said: &Said) -> Result<(StatusCode, Json<Taken>), Problem> {
        if said.id.is_empty() || said.id.len() > LONGEST_ID {
            let message = format!("`id` must have 1 to {LONGEST_ID} characters");
            return Err(Problem::bad_request(message));
        }
        if said.text.trim().is_empty() && said.images.is_empty() {
            return Err(Problem::bad_request("a message needs a text or a picture"));
        }
        let body = Body {
            text: said.text.clone(),
            images: pictures(&said.images)?,
            ..Body::default()
        };
        let new = NewInbound {
            message: format!("{CHANNEL}:{}:{}", key.as_str(), said.id),
            origin: origin(key),
            conversation: key.clone(),
            received_at: Time::from(SystemTime::now()),
            body: body.to_value(),
            label: Label::new(Integrity::Owner, Confidentiality::Private, CHANNEL),
        };
        let (Accepted::New { id } | Accepted::Known { id, .. }) = self.0.office.store.accept(new).await?;
        Ok((StatusCode::ACCEPTED, Json(Taken { accepted: id })))
    }
}

/// Where answers to the page go: each conversation is a place of its own, so that none waits for another.
pub(super) fn origin(key: &SessionKey) -> Origin {
    Origin {
        channel: CHANNEL.to_owned(),
        account: None,
        peer: Peer {
            kind: PeerKind::Direct,
            id: key.as_str().to_owned(),
        },
        thread: None,
        sender: None,
    }
}

fn pictures(given: &[Picture]) -> Result<Vec<Image>, Problem> {
    let read = given.iter().enumerate().map(|(n, picture)| {
        let image = STANDARD.decode(&picture.data).ok().and_then(|bytes| Image::new(&bytes));
        image.ok_or_else(|| Problem::bad_request(format!("`images[{n}].data` is no PNG, JPEG, GIF or WebP as base64")))
    });
    read.collect()
}
