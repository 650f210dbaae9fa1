//! One request through its candidates, until the first byte of an answer.
//!
//! What follows an error is decided by the table of `yabby-route`. Nothing is tried again once a byte has reached the
//! client.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as _, Bytes},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tokio::time::{Instant, timeout};
use yabby_core::{Caller, ErrorKind, ModelError, Phase, Priority, Zone, Zones, text};
use yabby_route::{PlanError, Spending, spending::Payer};
use yabby_servers::{Admission, BreakerState, Http, Permit, ProbeTicket, Waiting};
use yabby_store::KeyKind;

use crate::{
    api::{Api, Refusal, path_of},
    asking::{Answering, Sending},
    assistant::{Programs, may_talk_to, open_webui},
    auth,
    budget::Held,
    line::Sent,
    metrics::Metrics,
    passing::{Out, Passing, Slot},
    routes::{Routes, Target, Way},
    seat::Seat,
    skim::skim,
    telemetry::Trace,
    translate::{self, LEFT_OUT, Prepared, Reading},
    trial::{Failure, Opened, Trial, has_type},
    tried::{Tried, sentence},
};

/// How long it may take to find out where a server stands.
const SETTLE: Duration = Duration::from_secs(2);

/// Which model has answered.
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-yabby-model");
/// How many attempts it took.
pub(crate) const ATTEMPTS: HeaderName = HeaderName::from_static("x-yabby-attempts");
/// How far away it stands.
pub(crate) const ZONE: HeaderName = HeaderName::from_static("x-yabby-zone");
/// Requests of one session go to the same replica, and do not push others of the line back.
const SESSIONS: [HeaderName; 3] = [
    HeaderName::from_static("x-yabby-session"),
    HeaderName::from_static("x-openclaw-session-key"),
    open_webui::CHAT,
];

/// Passes requests on, and those for the assistant to it.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) routes: Routes,
    pub(crate) http: Http,
    pub(crate) spending: Spending,
    pub(crate) metrics: Arc<Metrics>,
    /// The assistant, where there is one.
    pub(crate) programs: Option<Programs>,
}

/// Everything about one request that is the same for all candidates.
pub(crate) struct Asked<'a> {
    pub(crate) api: Api,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    caller: Caller,
    /// Whose key has come with it.
    by: &'a auth::Caller,
    /// On whose connection.
    seat: &'a Arc<Seat>,
    pub(crate) payer: Payer,
    /// For whom it cannot pass as it is.
    reading: Reading,
    /// What is told of it.
    pub(crate) trace: Trace,
}

/// How a target is asked.
enum Road<'a> {
    /// The request passes as it came.
    Straight(&'a Way),
    /// It is put into the words of another API.
    Translated(Box<Prepared<'a>>),
}

impl Relay {
    /// The answer to a request, or what its client is told instead.
    pub(crate) async fn answer(
        &self,
        api: Api,
        headers: &HeaderMap,
        body: Held,
        (by, seat): (&auth::Caller, &Arc<Seat>),
    ) -> Response<Out> {
        let caller = caller(headers);
        let asked = Asked {
            by,
            seat,
            payer: Payer {
                session: caller.session.clone(),
                key: (by.kind() != KeyKind::Owner).then(|| by.id().to_owned()),
                key_per_day: by.scopes().budget,
            },
            api,
            headers,
            body: body.bytes(),
            caller,
            reading: Reading::default(),
            trace: self.metrics.request(path_of(api), headers),
        };
        let response = match self.relay(&asked).await {
            Ok(response) => response,
            Err(refusal) => refused(api, &refusal),
        };
        asked.trace.status(response.status());
        response
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
        let mut route = None;
        if let (Some(programs), Some(name)) = (&self.programs, name.as_deref())
            && let Some(agent) = Programs::agent_of(name.trim(), asked.headers)
        {
            if let Err(reason) = may_talk_to(asked.by.scopes(), &agent) {
                let message = format!("the key {:?} may not talk to {agent}: {reason}", asked.by.name());
                return Err(Refusal::new(StatusCode::FORBIDDEN, "agent_not_allowed", message));
            }
            // What a page wants to know about a chat is no message to the assistant: its model can say it.
            if !(programs.has(&agent) && open_webui::is_task(asked.api, asked.headers, &asked.body)) {
                // Its turn is told of.
                asked.trace.forget();
                return Ok(Box::pin(programs.answer(asked.api, &agent, asked.headers, &asked.body, asked.by)).await);
            }
            let set = Box::pin(programs.set_for(&agent, asked.headers, &asked.body)).await?;
            route = Some(self.routes.find_for(asked.api, &agent, &set));
        }
        let route = route.unwrap_or_else(|| self.routes.find(asked.api, name.as_deref()));
        let route = route.map_err(|error| no_plan(&error))?;
        if let Some(name) = &name {
            asked.trace.asks(name);
        }
        let mut tried = Tried::default();
        let mut targets = route.in_order_for(&asked.caller);
        let scopes = asked.by.scopes();
        if !scopes.allow_every_model() {
            // What it would ask instead is not known here.
            let goes_on = |target: &Target| found.names_others && target.endpoint.takes_routing();
            targets.retain(|target| scopes.allow_model(target.names()) && !goes_on(target));
            if targets.is_empty() {
                if found.names_others {
                    let message =
                        "this key may not name other models in `models`, because its scope models allows only some";
                    return Err(Refusal::new(StatusCode::FORBIDDEN, "model_not_allowed", message));
                }
                return Err(not_allowed(asked.by, name.as_deref()));
            }
        }
        drop(name);
        for (at, target) in targets.iter().enumerate() {
            let road = match target.way(asked.api) {
                Ok(Some(way)) => Ok(Road::Straight(way)),
                Ok(None) => asked.prepared(target).map(Road::Translated),
                Err(error) => Err(Box::new(Failure::from(error.again()))),
            };
            let road = match road {
                Ok(road) => road,
                Err(failure) => {
                    tried.failures.push((target.model.clone(), *failure));
                    continue;
                }
            };
            let placed = async {
                self.placed(target, &route.zones).await?;
                self.placed(target, asked.by.zones()).await
            };
            if let Err(error) = placed.await {
                tried.failures.push((target.model.clone(), error.into()));
                continue;
            }
            // The last one is asked whatever the breaker says: it may be back, and there is nothing else.
            let last = at + 1 == targets.len();
            let mut trial = None;
            if !last {
                match may_ask(target, &self.http).await {
                    Ok(ticket) => trial = ticket,
                    Err(error) => {
                        tried.failures.push((target.model.clone(), error.into()));
                        continue;
                    }
                }
            }
            let (permit, queued) = match enter(target, &asked.caller).await {
                Ok(entered) => entered,
                Err(error) => {
                    tried.failures.push((target.model.clone(), error.into()));
                    continue;
                }
            };
            let mut slot = Slot {
                permit,
                _trial: trial,
                running: None,
                _member: self.routes.batch().enter(),
            };
            // The owner says where a prompt may go, and not the client.
            let replaced = matches!(&road, Road::Straight(way) if way.provider.is_some()) && found.has_provider();
            let sending = match road {
                Road::Straight(way) => Sending::Straight {
                    way,
                    sent: Sent::new(found.spliced(&asked.body, &way.model, way.provider.as_ref())),
                },
                Road::Translated(prepared) => Sending::Translated(prepared),
            };
            self.routes.batch().after_others(asked.body.len()).await;
            let opened = self
                .ask(asked, (target, last), sending, queued, &mut slot, &mut tried)
                .await;
            if let Some((answering, trial)) = opened {
                let mut response = match answering {
                    Answering::Straight(opened) => {
                        let mut response = passing((asked.api, asked.seat), opened, trial, slot);
                        if replaced {
                            let provider = HeaderValue::from_static("provider");
                            response.headers_mut().insert(LEFT_OUT, provider);
                        }
                        response
                    }
                    Answering::Translated(begun) => translate::respond(*begun, trial, slot),
                };
                let headers = response.headers_mut();
                headers.insert(MODEL, target.name.clone());
                headers.insert(ATTEMPTS, HeaderValue::from(tried.attempts));
                headers.insert(ZONE, zone(target));
                return Ok(response);
            }
        }
        Err(tried.refusal())
    }

    /// Whether data may go to a target, found out where the rules make that necessary.
    pub(crate) async fn placed(&self, target: &Target, zones: &Zones) -> Result<(), ModelError> {
        if zones.is_unlimited() {
            return Ok(());
        }
        let (endpoint, model) = (&target.endpoint, &target.model);
        let settled = endpoint.settle_zone(&self.http, model.model(), zones, SETTLE);
        let zone = Box::pin(settled).await?;
        let Some(rule) = zones.forbids(&zone) else {
            return Ok(());
        };
        let (model, rule) = (model.clone(), rule.clone());
        let forbidden = PlanError::OutOfZone { model, zone, rule };
        let (kind, phase) = (ErrorKind::OutOfZone, Phase::Connect);
        Err(ModelError::new(kind, phase, &endpoint.base_url, forbidden.reason()).with_hint(forbidden.hint()))
    }
}

/// Whether its breaker and its keys let a request pass.
pub(crate) async fn may_ask(target: &Target, http: &Http) -> Result<Option<ProbeTicket>, ModelError> {
    if let Some(resting) = target.endpoint.keys_at_rest(target.model.model()) {
        return Err(resting);
    }
    if target.endpoint.breaker().state == BreakerState::Closed {
        return Ok(None);
    }
    Box::pin(target.endpoint.may_ask(http)).await
}

/// Waits for a slot; it, and for how long. The place in the line is given up when the client leaves.
pub(crate) async fn enter(target: &Target, caller: &Caller) -> Result<(Permit, Duration), ModelError> {
    let mut waiting = target.endpoint.enter(target.model.model(), caller);
    match waiting.granted() {
        Some(permit) => Ok((permit, Duration::ZERO)),
        // Seldom, so that its size is no part of each request.
        None => Box::pin(queue(target, waiting)).await,
    }
}

async fn queue(target: &Target, mut waiting: Waiting) -> Result<(Permit, Duration), ModelError> {
    let (begin, limit) = (Instant::now(), target.deadlines.queue);
    let entered = async {
        loop {
            if let Admission::Granted(permit) = waiting.next().await {
                return permit;
            }
        }
    };
    let permit = timeout(limit, entered).await.map_err(|_| {
        let url = &target.endpoint.base_url;
        let message = text!(
            "all slots of {url} stayed taken for {seconds} s",
            url = url,
            seconds = limit.as_secs()
        );
        let hint = text!("start the server with more slots, or add another address to baseUrls");
        ModelError::new(ErrorKind::Busy, Phase::Connect, url, message).with_hint(hint)
    })?;
    Ok((permit, begin.elapsed()))
}

/// None of the models that would be asked may be asked with this key.
pub(crate) fn not_allowed(by: &auth::Caller, name: Option<&str>) -> Refusal {
    let message = format!(
        "the key {:?} may not ask {}: its scope models allows only {}",
        by.name(),
        name.unwrap_or("the models of the config"),
        by.scopes().models.join(", ")
    );
    Refusal::new(StatusCode::FORBIDDEN, "model_not_allowed", message)
}

/// Four bytes each, as everybody estimates; the body is not read.
pub(crate) fn tokens(body: &[u8]) -> u32 {
    u32::try_from(body.len() / 4).unwrap_or(u32::MAX)
}

/// A person is at the other end, as far as is known.
pub(crate) fn caller(headers: &HeaderMap) -> Caller {
    let session = SESSIONS.iter().find_map(|name| headers.get(name)?.to_str().ok());
    Caller {
        priority: Priority::Person,
        session: session.unwrap_or_default().to_owned(),
    }
}

fn passing((api, seat): (Api, &Arc<Seat>), opened: Opened, trial: Box<Trial>, slot: Slot) -> Response<Out> {
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
    let (ended, read) = (body.is_end_stream(), trial.watch.last());
    let mut passing = Passing {
        seat: Arc::clone(seat),
        line: Some(line),
        body,
        api,
        stream,
        first: Some(first),
        trial,
        slot: Some(slot),
        over: None,
        cut: None,
    };
    if ended {
        passing.ends(read);
    }
    let mut response = Response::new(Out::Passing(Box::new(passing)));
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response
}

pub(crate) fn zone(target: &Target) -> HeaderValue {
    match target.endpoint.zone_of(target.model.model()) {
        Zone::Machine => HeaderValue::from_static("machine"),
        Zone::Lan => HeaderValue::from_static("lan"),
        Zone::Hosted => HeaderValue::from_static("hosted"),
        region @ Zone::Region(_) => region.to_string().parse().unwrap_or(HeaderValue::from_static("?")),
    }
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
    let mut response = Response::new(Out::Whole(Some(refusal.body(api))));
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
    if refusal.challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"yabby\""));
    }
    if let Some(time) = refusal.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(time.as_secs() + 1));
    }
    if refusal.attempts > 0 {
        headers.insert(ATTEMPTS, HeaderValue::from(refusal.attempts));
    }
    response
}

pub(crate) fn no_plan(error: &PlanError) -> Refusal {
    let kind = match error {
        PlanError::UnknownModel { .. } => ErrorKind::ModelNotFound,
        PlanError::NoEndpoint { .. } | PlanError::Routing { .. } => ErrorKind::BadRequest,
        PlanError::Unable { .. } => ErrorKind::UnsupportedFeature,
        PlanError::OutOfZone { .. } => ErrorKind::OutOfZone,
        PlanError::NoModel => ErrorKind::NotLoaded,
    };
    Refusal::of_kind(kind, sentence(&error.reason(), Some(&error.hint())))
}

// === impl Asked ===

impl Asked<'_> {
    /// The request in the words of a target.
    pub(crate) fn prepared(&self, target: &Arc<Target>) -> Result<Box<Prepared<'_>>, Box<Failure>> {
        self.reading.prepared(self.api, &self.body, target)
    }
}
