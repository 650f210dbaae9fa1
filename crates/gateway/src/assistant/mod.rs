//! The assistant behind the model APIs: `model: "yabby"` is the whole of it, with its sessions and tools.
//!
//! A request becomes a message in the inbox like any other, and its answer comes through the outbox; what is streamed
//! meanwhile is what whoever watches the turn sees.

mod before;
mod conversation;
mod counting;
mod course;
mod follow;
mod input;
mod making;
pub(crate) mod open_webui;
mod shown;
mod stored;
mod waiting;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::body::Body;
use futures_util::StreamExt;
use hyper::{HeaderMap, Response, StatusCode, body::Bytes, header::CONTENT_TYPE, header::HeaderValue};
use yabby_core::{SessionKey, ToolChoice};
use yabby_store::{Deliveries, Pace, Scopes, StoreError, StoreErrorKind};
use yabby_wire::clients::{ClientRequest, Failure, Meta, StreamEncoder, WholeEncoder};

use crate::{api::Api, auth::Caller, feed::Feed, office::Office, passing::Out, routes::Routes, translate::LEFT_OUT};

use conversation::Talk;
use making::{Answering, Ended, Followed, Left, Next};
use stored::new_response;
pub(crate) use stored::{Listed, missing};
use waiting::{Stops, Waiting};

/// The conversation of an answer, for the next request.
const SESSION: &str = "x-yabby-session-key";

/// The assistant, for programs.
#[derive(Clone)]
pub(crate) struct Programs(Arc<Inner>, Arc<[String]>);

struct Inner {
    office: Office,
    /// What other gateways answer.
    feed: Feed,
    waiting: Waiting,
    stops: Stops,
    left: Left,
    followed: Followed,
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
    pub(crate) fn new(office: Office, feed: Feed, routes: &Routes) -> Self {
        let account = office.store.me().to_owned();
        let inner = Inner {
            office,
            feed,
            waiting: Waiting::default(),
            stops: Stops::default(),
            left: Left::default(),
            followed: Followed::default(),
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
        tokio::join!(deliveries.run(never), self.stop_abandoned(), self.finish_left());
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

    /// Whether there is an agent of this id.
    pub(crate) fn has(&self, agent: &str) -> bool {
        self.1.iter().any(|known| known == agent)
    }

    /// Answers a request in the name of an agent.
    pub(crate) async fn answer(
        &self,
        api: Api,
        agent: &str,
        headers: &HeaderMap,
        body: &[u8],
        by: &Caller,
    ) -> Response<Out> {
        let request = match api.parse(body) {
            Ok(request) => request,
            Err(invalid) => return failed(api, &Failure::from(invalid)),
        };
        match self.begin(agent, headers, (&request, body), by).await {
            Ok((begun, answering)) => respond(&request, begun, answering).await,
            Err(failure) => failed(api, &failure),
        }
    }

    /// Says what the client says.
    async fn begin(
        &self,
        agent: &str,
        headers: &HeaderMap,
        (request, body): (&ClientRequest, &[u8]),
        by: &Caller,
    ) -> Result<(Begun, Answering), Failure> {
        self.allows(agent, request)?;
        let keeps = request.api == Api::Responses && request.store != Some(false);
        if request.background && !keeps {
            let message = "a response in the background must be kept: leave `store` out";
            return Err(Failure::new(400, "invalid_value", message));
        }
        let previous = match &request.previous_response_id {
            Some(previous) => self.gone_on_from(previous, by).await?,
            None => None,
        };
        let talk = Talk::of(agent, headers, request, previous.as_ref())?;
        let created = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let name = request.model.clone().unwrap_or_else(|| "yabby".to_owned());
        let id = talk.id.clone();
        let meta = Meta::new(request, &id, name, created);
        let (mut begun, mut kept) = (Vec::new(), None);
        if keeps {
            begun = WholeEncoder::begun(meta.clone());
            kept = Some(new_response(&talk, (body, &begun), by));
        }
        let follower = self.say(talk, kept).await?;
        let conversation = follower.conversation().clone();
        let whole = WholeEncoder::new(meta.clone());
        let kept = keeps.then_some(id.as_str());
        let answering = Answering::new(self, follower, whole, kept, request.background);
        let begun = Begun {
            meta,
            conversation,
            body: begun,
        };
        Ok((begun, answering))
    }

    /// Whether an agent can do what is asked.
    fn allows(&self, agent: &str, request: &ClientRequest) -> Result<(), Failure> {
        if !self.has(agent) {
            let message = format!("there is no agent {agent}; GET /v1/models lists them");
            return Err(Failure::new(404, "model_not_found", message));
        }
        let must_call = matches!(request.request.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        if must_call && !request.request.tools.is_empty() {
            let message = "an agent has tools of its own and calls none of a client: leave `tool_choice` out, or give the \
                           name of a model";
            return Err(Failure {
                field: Some("tool_choice".to_owned()),
                ..Failure::new(400, "unsupported_feature", message)
            });
        }
        Ok(())
    }
}

/// An answer that is begun.
struct Begun {
    meta: Meta,
    conversation: SessionKey,
    /// The response as it is now, where it is kept.
    body: Vec<u8>,
}

async fn respond(request: &ClientRequest, begun: Begun, answering: Answering) -> Response<Out> {
    let key = HeaderValue::from_str(begun.conversation.as_str());
    let api = request.api;
    let mut response = if request.stream {
        streamed(api, begun.meta, answering)
    } else if request.background {
        // Left behind, it is brought to its end.
        drop(answering);
        json(begun.body)
    } else {
        whole(api, answering).await
    };
    if let Ok(key) = key {
        response.headers_mut().insert(SESSION, key);
    }
    // A program offers its tools to whatever answers; nobody has to call one.
    if !request.request.tools.is_empty() {
        response
            .headers_mut()
            .insert(LEFT_OUT, HeaderValue::from_static("tools"));
    }
    response
}

fn streamed(api: Api, meta: Meta, mut answering: Answering) -> Response<Out> {
    let mut encoder = StreamEncoder::new(meta);
    let bytes = async_stream::stream! {
        let mut out = Vec::new();
        if api == Api::Responses {
            // Whoever wants to cancel it needs its id.
            encoder.start(&mut out);
        }
        loop {
            if !out.is_empty() {
                yield Ok::<_, std::convert::Infallible>(Bytes::from(std::mem::take(&mut out)));
            }
            match answering.next().await {
                Next::Event(event) => {
                    encoder.event(&event, &mut out);
                    continue;
                }
                Next::Over(Ended::Whole { reason, usage, .. }) => encoder.end(reason, usage, &mut out),
                Next::Over(Ended::Failed(failure)) => encoder.fail(&failure, &mut out),
                Next::Over(Ended::Cancelled(_)) => {
                    let failure = Failure::new(409, "cancelled", "the response was cancelled");
                    encoder.fail(&failure, &mut out);
                }
            }
            break;
        }
        yield Ok(Bytes::from(out));
    };
    let mut response = Response::new(Out::App(Body::from_stream(bytes.boxed())));
    let stream = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, stream);
    response
}

async fn whole(api: Api, mut answering: Answering) -> Response<Out> {
    loop {
        match answering.next().await {
            Next::Event(_) => {}
            Next::Over(Ended::Whole { body, .. } | Ended::Cancelled(body)) => return json(body),
            Next::Over(Ended::Failed(failure)) => return failed(api, &failure),
        }
    }
}

fn json(body: Vec<u8>) -> Response<Out> {
    let mut response = Response::new(Out::Whole(Some(body.into())));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
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
pub(crate) fn failed(api: Api, failure: &Failure) -> Response<Out> {
    let mut response = json(failure.body(api));
    *response.status_mut() = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::BAD_GATEWAY);
    response
}

/// The store does not take a request.
fn away(error: &StoreError) -> Failure {
    if error.kind == StoreErrorKind::TooLarge {
        return Failure::new(400, "invalid_value", error.message.english());
    }
    Failure::new(503, "store_unavailable", error.message.english())
}
