//! One attempt at one target, and what becomes known of it.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use yabby_core::{ModelError, ModelEvent, Outcome, Phase, Usage};
use yabby_route::spending::{Payer, Price, Reservation, Spending};
use yabby_servers::{Http, KeyUse};
use yabby_wire::{ResponseHeaders, clients};

use crate::{
    api::{self, Api},
    line::{Line, Sent},
    metrics::{InFlight, Metrics, Record},
    routes::{Target, Way},
    tail::Tail,
    telemetry::Trace,
    watch::Watch,
};

/// So much of an error is read, for so long.
const LONGEST_ERROR: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(2);

/// An attempt while it runs, in one place of memory until its end. Dropped before its outcome was told, the client has left.
pub(crate) struct Trial {
    pub(crate) target: Arc<Target>,
    metrics: Arc<Metrics>,
    /// The request that it belongs to.
    trace: Trace,
    pub(crate) watch: Watch,
    start: Instant,
    phase: Phase,
    head_ms: Option<u64>,
    first_ms: Option<u64>,
    bytes: u64,
    /// What is kept of the answer.
    pub(crate) tail: Tail,
    told: bool,
    /// The key that it was sent with.
    key: KeyUse,
    queued: Duration,
    /// What it will cost at least.
    reservation: Option<Reservation>,
    _in_flight: InFlight,
}

/// An upstream that has begun to answer.
pub(crate) struct Opened {
    pub(crate) line: Line,
    pub(crate) response: Response<Incoming>,
    /// The first bytes of its body.
    pub(crate) first: Bytes,
}

/// Why an attempt has failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ModelError,
    /// The upstream's own words, where it has said an error in JSON.
    pub(crate) said: Option<Said>,
    /// What the client is told where it is the request that cannot be put into the words of the upstream.
    pub(crate) untold: Option<Box<clients::Failure>>,
}

/// An error of an upstream as it came, without secrets.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

// === impl Trial ===

impl Trial {
    pub(crate) fn start(
        target: &Arc<Target>,
        http: &Http,
        (metrics, trace): (&Arc<Metrics>, &Trace),
        queued: Duration,
    ) -> Box<Self> {
        let start = Instant::now();
        Box::new(Self {
            watch: Watch::start(target, http, start),
            target: Arc::clone(target),
            metrics: Arc::clone(metrics),
            trace: trace.clone(),
            start,
            phase: Phase::Connect,
            head_ms: None,
            first_ms: None,
            bytes: 0,
            tail: Tail::default(),
            told: false,
            key: target.endpoint.begins(target.model.model(), start),
            queued,
            reservation: None,
            _in_flight: target.counts.enter(),
        })
    }

    /// Reserves what it will cost, if it costs anything.
    pub(crate) async fn reserve(&mut self, spending: &Spending, payer: &Payer, tokens: u32) -> Result<(), ModelError> {
        self.reservation = None;
        let (endpoint, model) = (&self.target.endpoint, &self.target.model);
        let price = Price::known(endpoint, model.model());
        let is_own = || endpoint.zone_of(model.model()).is_own();
        if price.as_ref().map_or_else(is_own, Price::is_free) {
            return Ok(());
        }
        spending.look_for(payer).await;
        let reserved = spending.reserve_for(model, payer, price, tokens, 0);
        self.reservation = Some(reserved.map_err(|over| over.error(model, &endpoint.base_url))?);
        Ok(())
    }

    /// Sends the request, and waits until the body of an answer begins.
    pub(crate) async fn open(
        &mut self,
        way: &Way,
        api: Api,
        client: &HeaderMap,
        sent: &Sent,
    ) -> Result<Opened, Failure> {
        self.phase = Phase::Connect;
        let mut line = match way.place.idle(self.watch.last()) {
            Some(mut line) => {
                self.watch.take(line.clock.take());
                line
            }
            None => self.connect(way).await?,
        };
        let response = loop {
            self.phase = Phase::Head;
            let answered = {
                // Here, so that it lies in one place and is not moved.
                let sending = pin!(line.send(request(way, self.key, api, client, sent)));
                self.watch.within(Phase::Head, sending).await?
            };
            match answered {
                Ok(response) => break response,
                Err(error) if !line.used => {
                    return Err(self.target.endpoint.broke_off(Phase::Head, false, error).into());
                }
                // The server has closed a connection that was kept, at the moment when it was used again. It has
                // answered nothing, so that this is no attempt of its own.
                Err(_) => line = self.connect(way).await?,
            }
        };
        self.head();
        self.begun(api, line, response).await
    }

    async fn connect(&mut self, way: &Way) -> Result<Line, Failure> {
        // Seldom, so that its size is no part of each request.
        let connecting = Box::pin(way.place.connect());
        let connected = self.watch.within(Phase::Connect, connecting).await?;
        connected.map_err(|error| self.target.endpoint.broke_off(Phase::Connect, true, error).into())
    }

    /// Reads until it is known that this is an answer.
    async fn begun(&mut self, api: Api, mut line: Line, mut response: Response<Incoming>) -> Result<Opened, Failure> {
        if !response.status().is_success() || has_type(response.headers(), "text/html") {
            return Err(Box::pin(self.refusal(line, response, Bytes::new())).await);
        }
        let body = response.body_mut();
        let mut waited = false;
        let next = std::future::poll_fn(|cx| {
            let polled = line.poll_body(body, cx);
            waited |= polled.is_pending();
            polled
        });
        let mut next = pin!(next);
        let first = loop {
            match self.watch.within(Phase::FirstToken, next.as_mut()).await? {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => break data,
                    _ => {}
                },
                Some(Err(error)) => return Err(self.broke_off(error).into()),
                None => return Err(self.broke_off("the body is empty").into()),
            }
        };
        if looks_like_error(&first) {
            // It may be an answer all the same.
            let is_stream = has_type(response.headers(), "text/event-stream");
            if is_stream || response.body().is_end_stream() {
                if is_error(&first) {
                    return Err(Box::pin(self.refusal(line, response, first)).await);
                }
            } else {
                return Box::pin(self.whole(api, line, response, first)).await;
            }
        }
        if waited {
            self.first_piece(api, &first);
        } else {
            // It has come with the head.
            self.phase = Phase::Streaming;
            self.keep(api, &first);
            self.first();
        }
        Ok(Opened { line, response, first })
    }

    /// Reads an answer to its end that begins like an error.
    async fn whole(
        &mut self,
        api: Api,
        mut line: Line,
        mut response: Response<Incoming>,
        first: Bytes,
    ) -> Result<Opened, Failure> {
        let mut all = first.to_vec();
        let ended = read(&mut line, response.body_mut(), &mut all).await;
        if is_error(&all) || !ended {
            return Err(Box::pin(self.refusal(line, response, all.into())).await);
        }
        self.first_piece(api, &all);
        Ok(Opened {
            line,
            response,
            first: all.into(),
        })
    }

    /// What an answer says that is none.
    async fn refusal(&mut self, mut line: Line, response: Response<Incoming>, begun: Bytes) -> Failure {
        let (head, mut body) = response.into_parts();
        let mut said = begun.to_vec();
        // Of a stream only its first event is wanted.
        if said.is_empty() && read(&mut line, &mut body, &mut said).await {
            line.keep(Instant::now());
        }
        let endpoint = &self.target.endpoint;
        let read = ResponseHeaders::read(|name| head.headers.get(name)?.to_str().ok());
        let event = data_of(&said);
        let model = self.target.model.model();
        let error = endpoint.refused(self.key, model, self.phase, (head.status.as_u16(), &read, event));
        let is_json = serde_json::from_slice::<Value>(event).is_ok_and(|value| value.is_object());
        let said = is_json.then(|| Said {
            status: head.status,
            headers: head.headers,
            body: endpoint.without_secrets(&String::from_utf8_lossy(event)),
        });
        Failure {
            error,
            said,
            untold: None,
        }
    }

    /// The connection has ended before the answer did.
    pub(crate) fn broke_off(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ModelError {
        self.target.endpoint.broke_off(self.phase, false, error)
    }

    fn first_piece(&mut self, api: Api, piece: &[u8]) {
        self.piece(api, piece);
        self.first();
    }

    fn first(&mut self) {
        let after = self.watch.last().duration_since(self.start);
        self.first_ms = Some(millis(after));
        self.target.counts.first_byte(after);
        if let Some(reservation) = &self.reservation {
            reservation.sent();
        }
    }

    /// A piece of the body passes.
    pub(crate) fn piece(&mut self, api: Api, piece: &[u8]) {
        self.heard(Phase::Streaming);
        self.keep(api, piece);
    }

    fn keep(&mut self, api: Api, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.tail.push(api, piece);
    }

    /// A request is sent whose answer is read here.
    pub(crate) fn asks(&mut self) {
        self.phase = Phase::Head;
    }

    /// The head of an answer has come.
    pub(crate) fn head(&mut self) {
        self.heard(Phase::FirstToken);
        self.head_ms = Some(millis(self.watch.last().duration_since(self.start)));
    }

    /// An event of an answer that is read here, of which so many bytes have come.
    pub(crate) fn event(&mut self, event: &ModelEvent, bytes: u64) {
        self.bytes = bytes;
        if let ModelEvent::Usage(usage) = event {
            self.tail.read(*usage);
        }
        if let Some(reservation) = &mut self.reservation {
            reservation.heard(event);
        }
        let says_nothing = matches!(
            event,
            ModelEvent::Progress(_) | ModelEvent::Usage(_) | ModelEvent::ServedBy(_)
        );
        self.heard(if says_nothing { self.phase } else { Phase::Streaming });
        if !says_nothing && self.first_ms.is_none() {
            self.first();
        }
    }

    fn heard(&mut self, phase: Phase) {
        self.phase = phase;
        self.watch.alive(Instant::now());
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it costs something.
    pub(crate) fn costs(&self) -> bool {
        self.reservation.is_some()
    }

    /// It has ended well.
    pub(crate) fn answered(&mut self) {
        self.phase = Phase::Done;
        let (endpoint, model) = (&self.target.endpoint, self.target.model.model());
        let now = self.watch.last();
        endpoint.has_answered(self.key, model, now);
        let usage = self.tail.usage();
        self.tell(Outcome::Answered, None, usage, now);
    }

    /// It has failed, and this is done now.
    pub(crate) fn failed(&mut self, error: &ModelError, decision: &'static str) {
        self.target.endpoint.failed(self.target.model.model(), error);
        let outcome = Outcome::Failed {
            error: error.kind,
            message: error.message.english(),
        };
        let usage = self.tail.usage();
        self.tell(outcome, Some(decision), usage, Instant::now());
    }

    fn tell(&mut self, outcome: Outcome, decision: Option<&'static str>, usage: Usage, now: Instant) {
        self.told = true;
        // What was not begun costs nothing.
        let reservation = self.reservation.take().filter(|_| self.first_ms.is_some());
        let record = Record {
            cost: reservation.and_then(|reservation| reservation.settle(&usage).usd),
            target: Arc::clone(&self.target),
            outcome,
            decision,
            phase: self.phase,
            queued_ms: millis(self.queued),
            head_ms: self.head_ms,
            first_ms: self.first_ms,
            total_ms: millis(now.saturating_duration_since(self.start)),
            bytes: self.bytes,
            usage,
        };
        self.metrics.remember(record, &self.trace);
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if !self.told {
            self.target.counts.client_left();
            self.trace.left();
        }
    }
}

// === impl Failure ===

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self {
            error,
            said: None,
            untold: None,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn request(way: &Way, key: KeyUse, api: Api, client: &HeaderMap, sent: &Sent) -> Request<Sent> {
    let mut request = Request::new(sent.clone());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = way.path.clone();
    let headers = request.headers_mut();
    if let Some(of_key) = way.headers.get(key.place()) {
        headers.clone_from(of_key);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(sent.left));
    // What the config says goes before what the client says.
    for name in api::passed(api) {
        if let (Some(value), false) = (client.get(name), way.sets.contains(name)) {
            headers.insert(name, value.clone());
        }
    }
    request
}

/// Reads into `all`; whether that was the whole rest.
async fn read(line: &mut Line, body: &mut Incoming, all: &mut Vec<u8>) -> bool {
    let reading = async {
        while all.len() < LONGEST_ERROR {
            match std::future::poll_fn(|cx| line.poll_body(body, cx)).await {
                Some(Ok(frame)) => all.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        false
    };
    timeout(PATIENCE, reading).await.unwrap_or(false)
}

pub(crate) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value
        .get(..wanted.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The data of the first event of a stream; of anything else, all of it.
fn data_of(said: &[u8]) -> &[u8] {
    let mut lines = said.split(|byte| *byte == b'\n');
    match lines.find_map(|line| line.strip_prefix(b"data:")) {
        Some(data) if !said.trim_ascii_start().starts_with(b"{") => data.trim_ascii(),
        _ => said,
    }
}

/// Whether it is worth to look whether it is an error. Answers begin otherwise, with an id or a name of what they are.
fn looks_like_error(first: &[u8]) -> bool {
    let begin = first.trim_ascii_start();
    let data = if begin.starts_with(b"{") {
        begin
    } else {
        data_of(first).trim_ascii_start()
    };
    let inside = data.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let begins = |name: &[u8]| inside.is_some_and(|inside| inside.starts_with(name));
    begins(b"\"error\"") || begins(b"\"object\":\"error\"") || begins(b"\"type\":\"error\"")
}

fn is_error(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(data_of(body)).is_ok_and(|value| {
        let named = |name: &str| value.get(name).and_then(Value::as_str) == Some("error");
        let error = value.get("error").is_some_and(|error| !error.is_null());
        error || named("object") || named("type")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_with_200_are_told_from_answers() {
        for (body, error) in [
            (r#"{"error":{"message":"x"}}"#, true),
            (r#" { "error": "x" }"#, true),
            (r#"{"object":"error","message":"x"}"#, true),
            ("data: {\"error\":{\"message\":\"x\"}}\n\n", true),
            ("event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n", true),
            (r#"{"error":null,"id":"x"}"#, false),
            (r#"{"id":"x","error":{}}"#, false),
            (
                "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\"\"}}]}\n\n",
                false,
            ),
            (": ping\n\n", false),
        ] {
            let found = looks_like_error(body.as_bytes()) && is_error(body.as_bytes());
            assert_eq!(found, error, "{body}");
        }
    }
}
