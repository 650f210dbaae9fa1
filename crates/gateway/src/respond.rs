//! What stands behind each path.

use std::sync::Arc;

use axum::Router;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tower_service::Service as _;
use yabby_store::Keys;

use crate::{
    api::{self, Api, Refusal},
    auth::{Caller, Gate, Peer, Visitor},
    budget::Budget,
    passing::Out,
    ready::readiness,
    relay::refused,
    reload::Now,
    room::Room,
    seat::Seat,
    site,
    v1::{self, Place},
};

/// What all connections have.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) now: Arc<Now>,
    pub(crate) budget: Budget,
    pub(crate) room: Room,
    pub(crate) gate: Arc<Gate>,
    /// The API of the page, where there is an assistant.
    pub(crate) app: Option<Router>,
}

/// Whose key it is that is shown, and who answers.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    name: String,
    /// `owner`, `client` or `device`.
    kind: &'static str,
    version: &'static str,
    /// This process, among those that share a store.
    replica: Option<String>,
}

/// The answer to one request.
pub(crate) async fn respond(
    shared: &Shared,
    seat: &Arc<Seat>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Response<Out> {
    let (head, body) = request.into_parts();
    let visitor = match shared.gate.visitor(peer, &head) {
        Ok(visitor) => visitor,
        Err(refusal) => return refused(v1::of_errors(&head), &refusal),
    };
    match api::of_path(head.uri.path()) {
        Some(api) if head.method == Method::POST => {
            let asked = async {
                let caller = shared.gate.caller(&visitor, &head.headers, &seat.last).await?;
                Ok::<_, Refusal>((shared.budget.read(body).await?, caller))
            };
            match asked.await {
                Ok((body, caller)) => {
                    shared
                        .now
                        .relay()
                        .answer(api, &head.headers, body, (&caller, seat))
                        .await
                }
                Err(refusal) => refused(api, &refusal),
            }
        }
        // On the heap: what passes is the most, and does not carry the size of all others.
        _ => Box::pin(other(shared, seat, visitor, head, body)).await,
    }
}

/// The answer to a request that is no question to a model.
async fn other(shared: &Shared, seat: &Seat, visitor: Visitor, head: Parts, body: Incoming) -> Response<Out> {
    let path = head.uri.path();
    let refuse = |refusal: &Refusal| refused(v1::of_errors(&head), refusal);
    let get = |answer: &dyn Fn() -> Response<Out>| {
        if head.method == Method::GET {
            answer()
        } else {
            only(Api::Chat, "GET")
        }
    };
    // What is open to everybody.
    if matches!(head.method, Method::GET | Method::HEAD)
        && let Some(page) = site::respond(path, &head.headers)
    {
        return page;
    }
    match path {
        "/health" => return get(&|| whole("application/json", json!({"status": "ok"}).to_string())),
        "/ready" => return get(&|| ready(&shared.now)),
        "/api/sign-in" => {
            if head.method != Method::POST {
                return only(Api::Chat, "POST");
            }
            let signed_in = async {
                let body = shared.budget.read_short(body).await?;
                shared.gate.sign_in(&visitor, &head.headers, &body.bytes()).await
            };
            return match signed_in.await {
                Ok(signed_in) => {
                    let mut response = whole("application/json", serde_json::to_vec(&signed_in).unwrap_or_default());
                    response
                        .headers_mut()
                        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    response
                }
                Err(refusal) => refuse(&refusal),
            };
        }
        _ => {}
    }
    // A browser cannot send a key with the head of a WebSocket: it says it in its first message.
    if let (Some(app), "/api/socket") = (&shared.app, path)
        && !Gate::shows_key(&visitor, &head.headers)
    {
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(visitor);
        request.extensions_mut().insert(seat.stay.clone());
        let Ok(response) = app.clone().call(request).await;
        return response.map(Out::App);
    }
    let caller = match shared.gate.caller(&visitor, &head.headers, &seat.last).await {
        Ok(caller) => caller,
        Err(refusal) => return refuse(&refusal),
    };
    if path == "/api/me" {
        let me = Me {
            name: caller.name().to_owned(),
            kind: caller.kind().name(),
            version: env!("CARGO_PKG_VERSION"),
            replica: shared.gate.keys().map(Keys::me).map(str::to_owned),
        };
        return get(&|| whole("application/json", json!(me).to_string()));
    }
    let is_of_page = path.starts_with("/api/");
    if (is_of_page || path == "/metrics") && !caller.may_operate() {
        let message = format!(
            "the key {:?} may not operate the gateway: its scope operate is off",
            caller.name()
        );
        return refuse(&Refusal::new(StatusCode::FORBIDDEN, "operate_not_allowed", message));
    }
    if path == "/api/sign-out" {
        if head.method != Method::POST {
            return only(Api::Chat, "POST");
        }
        // What it asks for now is still answered.
        seat.last.leave();
        return match shared.gate.sign_out(&caller).await {
            Ok(()) => whole("application/json", "{}"),
            Err(refusal) => refuse(&refusal),
        };
    }
    if let Some(which) = path.strip_prefix("/api/keys") {
        return match keys(shared, &caller, &head.method, which, body).await {
            Ok(response) => response,
            Err(refusal) => refuse(&refusal),
        };
    }
    if let (Some(app), true) = (&shared.app, is_of_page) {
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(seat.stay.clone());
        let Ok(response) = app.clone().call(request).await;
        return response.map(Out::App);
    }
    if let Some(place) = Place::of(path) {
        return v1::respond(&place, shared, &caller, &head, body).await;
    }
    if let Some(api) = api::of_path(path) {
        return only(api, "POST");
    }
    if path == "/metrics" {
        let text = "text/plain; version=0.0.4; charset=utf-8";
        return get(&|| whole(text, shared.now.relay().metrics.text() + &shared.room.text()));
    }
    let message = format!("there is no {path} here");
    refuse(&Refusal::new(StatusCode::NOT_FOUND, "not_found", message))
}

fn ready(now: &Now) -> Response<Out> {
    let readiness = readiness(now);
    let status = readiness.status();
    let mut response = whole("application/json", json!(readiness).to_string());
    *response.status_mut() = status;
    response
}

pub(crate) fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Response<Out> {
    let mut response = Response::new(Out::Whole(Some(body.into())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn only(api: Api, method: &'static str) -> Response<Out> {
    let message = format!("only {method} is understood here");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    let mut response = refused(api, &refusal);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    response
}

/// The keys, a new one, or the end of one.
async fn keys(
    shared: &Shared,
    caller: &Caller,
    method: &Method,
    which: &str,
    body: Incoming,
) -> Result<Response<Out>, Refusal> {
    let json = |value: Result<Vec<u8>, _>| whole("application/json", value.unwrap_or_default());
    let mut response = match (method, which.strip_prefix('/')) {
        (&Method::GET, None) if which.is_empty() => json(serde_json::to_vec(&shared.gate.list_keys().await?)),
        (&Method::POST, None) if which.is_empty() => {
            let body = shared.budget.read_short(body).await?;
            json(serde_json::to_vec(&shared.gate.make_key(caller, &body.bytes()).await?))
        }
        (&Method::DELETE, Some(id)) => {
            shared.gate.revoke_key(id).await?;
            whole("application/json", "{}")
        }
        _ => {
            let message = "GET and POST /api/keys, and DELETE /api/keys/ID, are understood here";
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                message,
            ));
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
