//! One request through its candidates, until the first byte of an answer.
//!
//! What follows an error is decided by the table of `yabby-route`. Nothing is tried again once a byte has reached the
//! client.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Response,
    body::{Body as _, Bytes},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};
use yabby_core::{Caller, ErrorKind, ModelError, ModelRef, Priority, Text};
use yabby_route::{Decision, PlanError, Situation, decide};
use yabby_servers::{Admission, BreakerState, Http, Permit, ProbeTicket};

use crate::{
    api::{Api, Refusal},
    budget::Held,
    line::{Connector, Sent},
    metrics::Metrics,
    passing::{Out, Passing, Slot},
    routes::{Routes, Target, Way},
    skim::skim,
    trial::{Failure, Opened, Trial, has_type},
};

/// Between two looks at a server that is loading its model.
const LOADING_PAUSE: Duration = Duration::from_millis(500);

/// Which model has answered.
const MODEL: HeaderName = HeaderName::from_static("x-yabby-model");
/// How many attempts it took.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-yabby-attempts");
/// Requests of one session go to the same replica, and do not push others of the line back.
const SESSIONS: [HeaderName; 2] = [
    HeaderName::from_static("x-yabby-session"),
    HeaderName::from_static("x-openclaw-session-key"),
];

/// Passes requests on.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) routes: Routes,
    pub(crate) http: Http,
    pub(crate) connector: Connector,
    pub(crate) metrics: Arc<Metrics>,
}

/// Everything about one request that is the same for all candidates.
struct Asked<'a> {
    api: Api,
    headers: &'a HeaderMap,
    body: Bytes,
    caller: Caller,
}

/// What was tried, and why each failed.
#[derive(Default)]
struct Tried {
    attempts: u32,
    failures: Vec<(ModelRef, Failure)>,
}

impl Relay {
    /// The answer to a request, or what its client is told instead.
    pub(crate) async fn answer(&self, api: Api, headers: &HeaderMap, body: Held) -> Response<Out> {
        let asked = Asked {
            api,
            headers,
            body: body.bytes(),
            caller: caller(headers),
        };
        match self.relay(&asked).await {
            Ok(response) => response,
            Err(refusal) => refused(api, &refusal),
        }
    }

    async fn relay(&self, asked: &Asked<'_>) -> Result<Response<Out>, Refusal> {
        let unreadable = |_| {
            Refusal::of_kind(
                ErrorKind::BadRequest,
                "the body is not a JSON object, or its model is not a string".to_owned(),
            )
        };
        let found = skim(&asked.body).map_err(unreadable)?;
        let name = found.model(&asked.body).map_err(unreadable)?;
        let route = self
            .routes
            .find(asked.api, name.as_deref())
            .map_err(|error| no_plan(&error))?;
        drop(name);
        let mut tried = Tried::default();
        let targets = route.in_order_for(&asked.caller);
        for (at, target) in targets.iter().enumerate() {
            let way = match &target.way {
                Ok(way) => way,
                Err(error) => {
                    tried.failures.push((target.model.clone(), error.again().into()));
                    continue;
                }
            };
            // The last one is asked whatever the breaker says: it may be back, and there is nothing else.
            let mut trial = None;
            if at + 1 < targets.len() {
                match may_ask(target, &self.http).await {
                    Ok(ticket) => trial = ticket,
                    Err(error) => {
                        tried.failures.push((target.model.clone(), error.into()));
                        continue;
                    }
                }
            }
            let mut slot = Slot {
                _permit: enter(target, &asked.caller).await,
                _trial: trial,
                running: None,
            };
            target.endpoint.used();
            let sent = Sent::new(found.spliced(&asked.body, &way.model, way.provider.as_ref()));
            let opened = self.ask(asked, target, way, &sent, &mut slot, &mut tried).await;
            if let Some((opened, trial)) = opened {
                return Ok(passing(asked.api, tried.attempts, way, opened, trial, slot));
            }
        }
        Err(tried.refusal())
    }

    /// Asks one target as often as is decided; `None` goes on with the next one.
    async fn ask(
        &self,
        asked: &Asked<'_>,
        target: &Arc<Target>,
        way: &Way,
        sent: &Sent,
        slot: &mut Slot,
        tried: &mut Tried,
    ) -> Option<(Opened, Trial)> {
        let mut retries = 0;
        tried.attempts += 1;
        let mut trial = Trial::start(target, &self.http, &self.metrics);
        loop {
            let opened = if target.endpoint.is_managed() {
                Box::pin(self.open_managed(&mut trial, asked, sent, slot)).await
            } else {
                trial.open(&self.connector, way, asked.api, asked.headers, sent).await
            };
            let failure = match opened {
                Ok(opened) => return Some((opened, trial)),
                Err(failure) => failure,
            };
            let decision = decide(&Situation {
                kind: failure.error.kind,
                phase: failure.error.phase,
                visible: false,
                managed: target.endpoint.is_managed(),
                responses: false,
                retries,
                step: false,
            });
            if decision == Decision::Wait && trial.watch.outlasts(LOADING_PAUSE) {
                // The same attempt goes on. The breaker is told that it loads, which is no failure.
                target.endpoint.failed(target.model.model(), &failure.error);
                tokio::time::sleep(LOADING_PAUSE).await;
                continue;
            }
            trial.failed(&failure.error);
            if decision == Decision::Retry {
                retries += 1;
                tried.attempts += 1;
                trial = Trial::start(target, &self.http, &self.metrics);
                continue;
            }
            tried.failures.push((target.model.clone(), failure));
            return None;
        }
    }

    /// The same for a server that Yabby runs, which may have to be started and may have another port then.
    async fn open_managed(
        &self,
        trial: &mut Trial,
        asked: &Asked<'_>,
        sent: &Sent,
        slot: &mut Slot,
    ) -> Result<Opened, Failure> {
        let target = Arc::clone(&trial.target);
        let starting = target.endpoint.ensure_running(&self.http, &());
        let running = trial.watch.within(yabby_core::Phase::Connect, starting).await??;
        let way = self.routes.way(asked.api, &target.model, &running, None)?;
        slot.running = Some(running);
        trial.open(&self.connector, &way, asked.api, asked.headers, sent).await
    }
}

/// Whether its breaker lets a request pass.
async fn may_ask(target: &Target, http: &Http) -> Result<Option<ProbeTicket>, ModelError> {
    if target.endpoint.breaker().state == BreakerState::Closed {
        return Ok(None);
    }
    Box::pin(target.endpoint.may_ask(http)).await
}

/// Waits for a slot. The place in the line is given up when the client leaves.
async fn enter(target: &Target, caller: &Caller) -> Permit {
    let mut waiting = target.endpoint.enter(target.model.model(), caller);
    loop {
        if let Admission::Granted(permit) = waiting.next().await {
            return permit;
        }
    }
}

/// A person is at the other end, as far as is known.
fn caller(headers: &HeaderMap) -> Caller {
    let session = SESSIONS.iter().find_map(|name| headers.get(name)?.to_str().ok());
    Caller {
        priority: Priority::Person,
        session: session.unwrap_or_default().to_owned(),
    }
}

fn passing(api: Api, attempts: u32, way: &Way, opened: Opened, trial: Trial, slot: Slot) -> Response<Out> {
    let Opened { line, response, first } = opened;
    let (head, body) = response.into_parts();
    let stream = has_type(&head.headers, "text/event-stream");
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in &head.headers {
        if passes(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    // A stream may get an error at its end that the upstream has not counted.
    if !stream && let Some(length) = head.headers.get(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.clone());
    }
    headers.insert(MODEL, way.name.clone());
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
    let ended = body.is_end_stream();
    let mut passing = Passing {
        line: Some(line),
        body,
        api,
        stream,
        first: Some(first),
        trial,
        slot: Some(slot),
        cut: None,
    };
    if ended {
        passing.finish();
    }
    let mut response = Response::new(Out::Passing(Box::new(passing)));
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response
}

/// Headers of an upstream that mean something to its client. Cookies, and what concerns the connection, stay here.
fn passes(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        "content-type" | "cache-control" | "retry-after" | "retry-after-ms" | "x-request-id" | "request-id"
    ) || name.starts_with("openai-")
        || name.starts_with("anthropic-")
        || name.starts_with("x-ratelimit-")
}

/// A response that says no.
pub(crate) fn refused(api: Api, refusal: &Refusal) -> Response<Out> {
    let mut response = Response::new(Out::Whole(Some(api.error(refusal))));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(said) = &refusal.said {
        for (name, value) in &said.headers {
            if passes(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
    if refusal.attempts > 0 {
        headers.insert(ATTEMPTS, HeaderValue::from(refusal.attempts));
    }
    response
}

fn no_plan(error: &PlanError) -> Refusal {
    let kind = match error {
        PlanError::UnknownModel { .. } => ErrorKind::ModelNotFound,
        PlanError::NoEndpoint { .. } | PlanError::Routing { .. } => ErrorKind::BadRequest,
        PlanError::NoModel => ErrorKind::NotLoaded,
    };
    Refusal::of_kind(kind, sentence(&error.reason(), Some(&error.hint())))
}

fn sentence(message: &Text, hint: Option<&Text>) -> String {
    let message = message.english();
    hint.map_or(message.clone(), |hint| format!("{message} ({})", hint.english()))
}

// === impl Tried ===

impl Tried {
    /// What the client is told when nobody has answered. The words of a single upstream are its own.
    fn refusal(mut self) -> Refusal {
        if let [(model, failure)] = self.failures.as_mut_slice() {
            let text = format!(
                "{model}: {}",
                sentence(&failure.error.message, failure.error.hint.as_ref())
            );
            let mut refusal = Refusal::of_kind(failure.error.kind, text);
            // A key that is refused is not the client's: it is told in our words whose it is.
            if !matches!(failure.error.kind, ErrorKind::Auth | ErrorKind::Billing)
                && let Some(said) = failure.said.take()
            {
                if !said.status.is_success() && !said.status.is_redirection() {
                    refusal.status = said.status;
                }
                refusal.said = Some(said);
            }
            refusal.attempts = self.attempts;
            return refusal;
        }
        let kind = self
            .failures
            .last()
            .map_or(ErrorKind::NotLoaded, |(_, failure)| failure.error.kind);
        let told: Vec<String> = self
            .failures
            .iter()
            .map(|(model, failure)| {
                format!(
                    "{model}: {}",
                    sentence(&failure.error.message, failure.error.hint.as_ref())
                )
            })
            .collect();
        let mut refusal = Refusal::of_kind(kind, format!("no model has answered. {}", told.join("; ")));
        refusal.attempts = self.attempts;
        refusal
    }
}
