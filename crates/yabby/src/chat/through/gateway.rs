//! The API of the page (`docs/api.md`), as far as a chat needs it.

use reqwest::{Client, Method, RequestBuilder, Response, Url, redirect::Policy};
use serde_json::{Value, json};
use yabby_core::{SessionKey, Text, text};
use yabby_gateway::pinned;
use yabby_store::{Keys, StoreError, new_id};

use crate::gateway::{link::Link, sign::Neighbour};

/// So many entries are read at once.
const PAGE: &str = "500";

/// Another Yabby, and the conversation there.
pub(super) struct Gateway {
    client: Client,
    url: Url,
    key: String,
    conversation: String,
}

/// What is known of a conversation.
#[derive(Default)]
pub(super) struct Known {
    session: Option<String>,
    last: Option<u64>,
}

/// What happens there, as it happens.
pub(super) struct Events {
    response: Response,
    bytes: Vec<u8>,
}

/// Why it cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// It has ended, or has taken the key back.
    #[error("the Yabby that runs has ended")]
    Ended,
    /// It has said no, and why.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached.
    #[error("{0}")]
    Away(#[from] reqwest::Error),
    /// No key can be made for it.
    #[error("no key can be made for it")]
    NoKey(#[source] StoreError),
}

impl Gateway {
    /// Signs in, as a browser does with a link.
    pub(super) async fn open(own: &Neighbour, keys: &Keys, conversation: &SessionKey) -> Result<Self, Failed> {
        let url = Url::parse(&own.url).map_err(|error| Failed::Refused(error.to_string()))?;
        let mut gateway = Self {
            client: client(own)?,
            url,
            key: String::new(),
            conversation: conversation.as_str().to_owned(),
        };
        // A code that nobody takes would be left over.
        let health = gateway.client.get(format!("{}/health", own.url));
        answer(health).await?;
        let Link { code, .. } = Link::new(keys, &own.url, "terminal").await.map_err(Failed::NoKey)?;
        let asked = gateway
            .at(Method::POST, &["sign-in"], &[])
            .body(json!({"code": code}).to_string());
        let answer = answer(asked).await?;
        answer["key"].as_str().unwrap_or_default().clone_into(&mut gateway.key);
        Ok(gateway)
    }

    /// Takes the key back.
    pub(super) async fn close(self) {
        // Without that it ends by itself, some day.
        let _ = self.at(Method::POST, &["sign-out"], &[]).send().await;
    }

    /// Says something.
    pub(super) async fn say(&self, text: &str) -> Result<(), Failed> {
        let said = json!({"id": new_id(), "text": text});
        let asked = self.at(Method::POST, &["conversations", &self.conversation, "messages"], &[]);
        answer(asked.body(said.to_string())).await.map(drop)
    }

    /// What happens from now on.
    pub(super) async fn events(&self) -> Result<Events, Failed> {
        let asked = self.at(Method::GET, &["events"], &[("conversation", &self.conversation)]);
        let response = asked.send().await?;
        Ok(Events {
            response: response.error_for_status()?,
            bytes: Vec::new(),
        })
    }

    /// The entries that are new, and whether something is being answered.
    pub(super) async fn news(&self, known: &mut Known) -> Result<(Vec<Value>, bool), Failed> {
        let mut all = Vec::new();
        loop {
            let last = known.last.map(|last| last.to_string());
            let mut query = vec![("limit", PAGE)];
            if let (Some(session), Some(last)) = (&known.session, &last) {
                query.extend([("session", session.as_str()), ("after", last)]);
            }
            let path = ["conversations", &self.conversation, "entries"];
            let asked = self.at(Method::GET, &path, &query);
            let mut answer = answer(asked).await?;
            if let Value::Array(entries) = answer["entries"].take() {
                all.extend(entries);
            }
            let session = answer["session"].as_str().map(str::to_owned);
            let adds = session == known.session && known.last.is_some();
            if session != known.session {
                known.last = None;
            }
            known.session = session;
            // Also of what nobody is shown.
            known.last = answer["last"].as_u64().or(known.last);
            // Of all that there is, only the latest counts.
            if !adds || answer["more"] != true {
                return Ok((all, !answer["turn"].is_null()));
            }
        }
    }

    fn at(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let asked = self.client.request(method, url).bearer_auth(&self.key);
        asked.header("content-type", "application/json")
    }
}

impl Events {
    /// The next one; none when the other one has ended.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|bytes| bytes == b"\n\n") {
                let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
                if let Some(event) = event
                    .strip_prefix(b"data: ")
                    .and_then(|data| serde_json::from_slice(data).ok())
                {
                    return Some(event);
                }
                // A sign of life.
                continue;
            }
            let more = self.response.chunk().await.ok().flatten()?;
            self.bytes.extend_from_slice(&more);
        }
    }
}

impl Failed {
    /// For the person.
    pub(super) fn words(&self) -> Text {
        match self {
            Self::Ended => text!("the Yabby that runs has ended"),
            Self::NoKey(error) => text!(
                "the Yabby that runs cannot be talked to: {error}",
                error = error.message
            ),
            Self::Refused(_) | Self::Away(_) => {
                text!("the Yabby that runs cannot be talked to: {error}", error = self)
            }
        }
    }
}

/// A client of this machine alone. Nobody else vouches for the certificate of the other one, which need not name this machine.
fn client(own: &Neighbour) -> Result<Client, Failed> {
    let mut builder = Client::builder().no_proxy().redirect(Policy::none());
    if let Some(fingerprint) = &own.certificate {
        let tls = pinned(fingerprint).map_err(|error| Failed::Refused(error.to_string()))?;
        builder = builder.tls_backend_preconfigured(tls);
    }
    Ok(builder.build()?)
}

async fn answer(asked: RequestBuilder) -> Result<Value, Failed> {
    let response = asked.send().await?;
    let is_well = response.status().is_success();
    let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
    if is_well {
        Ok(body)
    } else {
        Err(Failed::Refused(
            body["error"]["message"].as_str().unwrap_or_default().to_owned(),
        ))
    }
}
