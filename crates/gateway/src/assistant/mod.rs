//! The assistant behind the model APIs: `model: "yabby"` is the whole of it, with its sessions and tools.
//!
//! A request becomes a message in the inbox like any other, and its answer comes through the outbox; what is streamed
//! meanwhile is what whoever watches the turn sees.

mod conversation;
mod follow;
mod waiting;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::body::Body;
use futures_util::StreamExt;
use hyper::{HeaderMap, Response, StatusCode, body::Bytes, header::CONTENT_TYPE, header::HeaderValue};
use yabby_core::EndReason;
use yabby_store::{Deliveries, Pace, Scopes, StoreError};
use yabby_wire::clients::{ClientRequest, Failure, Meta, StreamEncoder, WholeEncoder};

use crate::{api::Api, office::Office, passing::Out, routes::Routes};

use conversation::Talk;
use follow::{Follower, Piece};
use waiting::{Stops, Waiting};

/// The conversation of an answer, for the next request.
const SESSION: &str = "x-yabby-session-key";

/// The assistant, for programs.
#[derive(Clone)]
pub(crate) struct Programs(Arc<Inner>, Arc<[String]>);

struct Inner {
    office: Office,
    waiting: Waiting,
    stops: Stops,
    /// Where answers to requests of this process go: another one cannot give them to their clients.
    account: String,
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Programs")
            .field("agents", &self.1)
            .finish_non_exhaustive()
    }
}

impl Programs {
    /// Those of the agents of a config.
    pub(crate) fn new(office: Office, routes: &Routes) -> Self {
        let account = office.store.me().to_owned();
        let inner = Inner {
            office,
            waiting: Waiting::default(),
            stops: Stops::default(),
            account,
        };
        Self(Arc::new(inner), ids(routes))
    }

    /// The same with the agents of another config.
    pub(crate) fn with(&self, routes: &Routes) -> Self {
        Self(Arc::clone(&self.0), ids(routes))
    }

    /// Hands answers to whoever waits for them and stops what nobody waits for, for ever.
    pub(crate) async fn work(self) {
        let inner = &self.0;
        let never = std::future::pending::<()>();
        let deliveries = Deliveries::new(inner.office.store.clone(), inner.waiting.clone(), Pace::default())
            .only(conversation::CHANNEL, &inner.account);
        tokio::join!(deliveries.run(never), self.stop_abandoned());
    }

    /// What can stand in `model` for the agents that a key may talk to.
    pub(crate) fn names_for(&self, scopes: &Scopes) -> impl Iterator<Item = String> {
        let allowed = self.1.iter().filter(|agent| may_talk_to(scopes, agent).is_ok());
        allowed.map(|agent| format!("yabby/{agent}"))
    }

    /// The agent that a name in `model` means, if it means one.
    pub(crate) fn agent_of(name: &str, headers: &HeaderMap) -> Option<String> {
        let agent = match name.split_once(['/', ':']) {
            None if matches!(name, "yabby" | "openclaw") => "main",
            Some(("yabby" | "openclaw" | "agent", agent)) => agent,
            _ => return None,
        };
        let header = headers.get("x-openclaw-agent-id").and_then(|id| id.to_str().ok());
        Some(match agent {
            "main" | "default" => header.unwrap_or("main").to_owned(),
            named => named.to_owned(),
        })
    }

    /// Answers a request in the name of an agent.
    pub(crate) async fn answer(&self, api: Api, agent: &str, headers: &HeaderMap, body: &[u8]) -> Response<Out> {
        let request = match api.parse(body) {
            Ok(request) => request,
            Err(invalid) => return failed(api, &Failure::from(invalid)),
        };
        match self.begin(agent, headers, &request).await {
            Ok((follower, id)) => self.respond(request, follower, &id).await,
            Err(failure) => failed(api, &failure),
        }
    }

    /// Says what the client says.
    async fn begin(
        &self,
        agent: &str,
        headers: &HeaderMap,
        request: &ClientRequest,
    ) -> Result<(Follower, String), Failure> {
        if !self.1.iter().any(|known| known == agent) {
            let message = format!("there is no agent {agent}; GET /v1/models lists them");
            return Err(Failure::new(404, "model_not_found", message));
        }
        if !request.request.tools.is_empty() {
            let message = "an agent has tools of its own; tools of a client go with the name of a model";
            return Err(Failure::new(400, "unsupported_feature", message));
        }
        let talk = Talk::of(agent, headers, request)?;
        self.say(talk).await
    }

    async fn respond(&self, request: ClientRequest, mut follower: Follower, id: &str) -> Response<Out> {
        let api = request.api;
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let name = request.model.clone().unwrap_or_else(|| "yabby".to_owned());
        let meta = Meta::new(&request, id, name, created);
        let key = HeaderValue::from_str(follower.conversation().as_str());
        let mut response = if request.stream {
            let mut encoder = StreamEncoder::new(meta);
            let bytes = async_stream::stream! {
                loop {
                    let piece = follower.next().await;
                    let mut out = Vec::new();
                    let over = match piece {
                        Piece::Event(event) => {
                            encoder.event(&event, &mut out);
                            false
                        }
                        Piece::End(usage) => {
                            encoder.end(EndReason::Stop, usage, &mut out);
                            true
                        }
                        Piece::Failed(failure) => {
                            encoder.fail(&failure, &mut out);
                            true
                        }
                    };
                    if !out.is_empty() {
                        yield Ok::<_, std::convert::Infallible>(Bytes::from(out));
                    }
                    if over {
                        break;
                    }
                }
            };
            let mut response = Response::new(Out::App(Body::from_stream(bytes.boxed())));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            response
        } else {
            let mut encoder = WholeEncoder::new(meta);
            let usage = loop {
                match follower.next().await {
                    Piece::Event(event) => encoder.event(&event),
                    Piece::End(usage) => break usage,
                    Piece::Failed(failure) => return failed(api, &failure),
                }
            };
            let whole = encoder.end(EndReason::Stop, usage);
            let mut response = Response::new(Out::Whole(Some(whole.into())));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        if let Ok(key) = key {
            response.headers_mut().insert(SESSION, key);
        }
        response
    }
}

fn ids(routes: &Routes) -> Arc<[String]> {
    routes.agents().into_iter().map(|(id, _)| id).collect()
}

/// Whether a key of these scopes may talk to an agent; what is against it otherwise. An agent chooses its models by itself, so
/// that a key which may not ask every model, or not everywhere, or not for any money, talks to none.
pub(crate) fn may_talk_to(scopes: &Scopes, agent: &str) -> Result<(), String> {
    // What comes in with the key counts as said by the owner, answers to the agent's questions too.
    if !scopes.operate {
        return Err("an agent acts in the name of its owner, and its scope operate is off".to_owned());
    }
    if !scopes.allow_agent(agent) {
        return Err(format!("its scope agents allows only {}", scopes.agents.join(", ")));
    }
    let limits = [
        ("models", !scopes.allow_every_model()),
        ("zone", scopes.zone.is_some()),
        ("budget", scopes.budget.is_some()),
    ];
    match limits.into_iter().find(|(_, limits)| *limits) {
        Some((name, _)) => Err(format!(
            "agents choose their models by themselves, and its scope {name} limits that"
        )),
        None => Ok(()),
    }
}

/// A response that says no.
fn failed(api: Api, failure: &Failure) -> Response<Out> {
    let mut response = Response::new(Out::Whole(Some(failure.body(api).into())));
    *response.status_mut() = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The store does not take a request.
fn away(error: &StoreError) -> Failure {
    Failure::new(503, "store_unavailable", error.message.english())
}
