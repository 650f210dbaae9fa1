//! `POST /v1/embeddings`: what texts mean, by a model that is named, or by the one that an agent's memory uses.
//!
//! There is no fallback to another model, only to another address of the same one: embeddings of two models cannot be compared.

mod asking;
mod whom;

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use yabby_wire::clients::{EmbeddingsRequest, embeddings};

use super::Answer;
use crate::{
    auth::Caller,
    relay::{ATTEMPTS, MODEL, Relay, ZONE, zone},
    respond::whole,
};

use asking::{Texts, ask};
use whom::whom;

/// Which model is asked, instead of the one of the memory.
const WANTED: [HeaderName; 2] = [
    HeaderName::from_static("x-yabby-model"),
    HeaderName::from_static("x-openclaw-model"),
];

pub(super) async fn answer(relay: &Relay, headers: &HeaderMap, body: &[u8], by: &Caller) -> Answer {
    let request = EmbeddingsRequest::parse(body)?;
    let asked = whom(relay, request.model.as_deref(), headers, by).await?;
    let texts = Texts {
        extra: extra(&request),
        texts: request.input,
    };
    let made = ask(relay, &asked, &texts, headers, by).await?;
    let name = made.target.model.to_string();
    let tokens = made.embedded.tokens.unwrap_or(0);
    let body = embeddings(request.encoding, &name, &made.embedded.numbers, tokens);
    let mut response = whole("application/json", body);
    let head = response.headers_mut();
    head.insert(ATTEMPTS, HeaderValue::from(made.attempts));
    head.insert(ZONE, zone(&made.target));
    head.insert(MODEL, made.target.name.clone());
    Ok(response)
}

/// What goes to the server beside the texts. How numbers are written is a matter between the client and us.
fn extra(request: &EmbeddingsRequest) -> Map<String, Value> {
    let mut extra = request.others.clone();
    if let Some(dimensions) = request.dimensions {
        extra.insert("dimensions".to_owned(), dimensions.into());
    }
    if let Some(user) = &request.user {
        extra.insert("user".to_owned(), user.as_str().into());
    }
    extra
}
