//! What a request leaves behind for the collector.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use yabby_config::OtelSettings;
use yabby_core::text;
use yabby_route::TurnRecord;

use super::worker::{self, FLUSH};
use crate::{
    Level, Log,
    metrics::{Metrics, Record},
};

/// So many requests and turns wait to be made into spans; more are not sent.
const WAITING: usize = 1024;
/// A client may send a longer one, which is not kept.
const LONGEST_STATE: usize = 512;
/// So much is kept of the name that a client asks for.
const LONGEST_NAME: usize = 256;

/// The headers that say which trace a request belongs to (<https://www.w3.org/TR/trace-context>).
pub(super) const PARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const STATE: HeaderName = HeaderName::from_static("tracestate");

/// Where traces and metrics go. Clones share it; the default sends nothing.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    out: mpsc::Sender<Told>,
    /// Until it is started.
    waiting: Mutex<Option<(mpsc::Receiver<Told>, OtelSettings)>>,
}

/// What is told to the worker.
#[derive(Debug)]
pub(super) enum Told {
    Request(Box<Request>),
    Turn(Box<Turn>),
    /// Everything is to be sent now; nothing follows.
    End(oneshot::Sender<()>),
}

/// A request that is over.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: &'static str,
    pub(super) begun: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) parent: Option<HeaderValue>,
    pub(super) state: Option<HeaderValue>,
    /// The model that the client has named, where there is such a one.
    pub(super) asked: Option<String>,
    pub(super) status: Option<StatusCode>,
    /// Whether the client has left before the end.
    pub(super) left: bool,
    /// With the time of each one's end.
    pub(super) attempts: Vec<(SystemTime, Record)>,
}

/// A turn that is over.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) ended: SystemTime,
    pub(super) record: TurnRecord,
}

/// One request. It is told when the last clone is gone, which is when its answer has passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    out: mpsc::Sender<Told>,
    /// Gone when nothing is to be told of it.
    request: Mutex<Option<Box<Request>>>,
}

// === impl Telemetry ===

impl Telemetry {
    /// Whether this build can send anything.
    pub const BUILT_IN: bool = true;

    /// What the config wants. Nothing is sent before a gateway is bound.
    pub fn new(settings: Option<&OtelSettings>) -> Self {
        Self(settings.map(|settings| {
            let (out, told) = mpsc::channel(WAITING);
            Arc::new(Inner {
                out,
                waiting: Mutex::new(Some((told, settings.clone()))),
            })
        }))
    }

    /// A turn of the assistant is over.
    pub fn turn(&self, record: &TurnRecord) {
        if let Some(inner) = &self.0 {
            let turn = Turn {
                ended: SystemTime::now(),
                record: record.clone(),
            };
            // Full, or ended: then it is not sent.
            let _ = inner.out.try_send(Told::Turn(Box::new(turn)));
        }
    }

    /// A request has come.
    pub(crate) fn request(&self, path: &'static str, headers: &HeaderMap) -> Trace {
        let Some(inner) = &self.0 else { return Trace::default() };
        let now = SystemTime::now();
        let request = Request {
            path,
            begun: now,
            ended: now,
            parent: headers.get(PARENT).cloned(),
            state: headers.get(STATE).filter(|state| state.len() <= LONGEST_STATE).cloned(),
            asked: None,
            status: None,
            left: false,
            attempts: Vec::new(),
        };
        Trace(Some(Arc::new(Open {
            out: inner.out.clone(),
            request: Mutex::new(Some(Box::new(request))),
        })))
    }

    /// Begins to send.
    pub(crate) fn start(&self, metrics: &Arc<Metrics>, log: &Log, tasks: &mut JoinSet<()>) {
        let waiting = self.0.as_ref().and_then(|inner| lock(&inner.waiting).take());
        let Some((told, settings)) = waiting else { return };
        match worker::new(&settings, metrics, log, told) {
            Ok(working) => _ = tasks.spawn(working),
            Err(error) => log.tell(
                Level::Error,
                "otel",
                &text!(
                    "OpenTelemetry cannot be set up, so nothing is sent: {error}",
                    error = error
                ),
            ),
        }
    }

    /// Where no gateway was bound, nothing will be sent, so that nothing is to wait for it.
    pub fn give_up(&self) {
        if let Some(inner) = &self.0 {
            lock(&inner.waiting).take();
        }
    }

    /// Sends what is left, for as long as that may take.
    pub(crate) async fn end(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, all_sent) = oneshot::channel();
        let ending = async {
            if inner.out.send(Told::End(done)).await.is_ok() {
                let _ = all_sent.await;
            }
        };
        let _ = timeout(FLUSH + Duration::from_millis(100), ending).await;
    }
}

// === impl Trace ===

impl Trace {
    /// The model that the client has named.
    pub(crate) fn asks(&self, name: &str) {
        self.change(|request| request.asked = Some(name.chars().take(LONGEST_NAME).collect()));
    }

    /// An attempt is over.
    pub(crate) fn attempt(&self, record: &Record) {
        self.change(|request| request.attempts.push((SystemTime::now(), record.clone())));
    }

    /// The answer has begun.
    pub(crate) fn status(&self, status: StatusCode) {
        self.change(|request| request.status = Some(status));
    }

    /// The client has left before the end of the answer.
    pub(crate) fn left(&self) {
        self.change(|request| request.left = true);
    }

    /// It is told of in another way.
    pub(crate) fn forget(&self) {
        if let Some(open) = &self.0 {
            lock(&open.request).take();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Request)) {
        if let Some(open) = &self.0
            && let Some(request) = lock(&open.request).as_mut()
        {
            change(request);
        }
    }
}

// === impl Open ===

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut request) = lock(&self.request).take() {
            request.ended = SystemTime::now();
            // Every other way out has one.
            request.left |= request.status.is_none();
            // Full, or ended: then it is not sent.
            let _ = self.out.try_send(Told::Request(request));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use yabby_config::{Environment, load_text};

    use super::*;

    #[test]
    fn what_is_never_sent_does_not_wait() {
        let config = "{ diagnostics: { otel: { enabled: true, endpoint: 'http://127.0.0.1:1' } } }";
        let telemetry = Telemetry::new(load_text(config, &Environment::default()).config.otel.as_ref());
        let request = || telemetry.request("/v1/responses", &HeaderMap::new());
        let out = &telemetry.0.as_ref().unwrap().out;
        drop(request());
        assert_eq!(out.capacity(), WAITING - 1);
        telemetry.give_up();
        assert!(out.is_closed());
        drop(request());
    }
}
