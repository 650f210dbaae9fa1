//! Waiting for an upstream without being fooled by its silence.
//!
//! The rules and limits are those of `yabby-route`: after a stretch of silence the server is asked on another connection
//! whether it lives, and only one that is dead on all paths, or that takes longer than the whole time, is given up. Here
//! they are polled, because an answer that passes is.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, text};
use yabby_servers::{Doing, Http};

use crate::{bell::Bell, routes::Target};

/// How often in a row a server may say that it works on nothing, while it owes an answer.
const IDLE: u32 = 3;

/// Wakes once. It is set seldom: when it ends, it is looked whether there was silence meanwhile. A connection keeps the one that
/// was set for its last request.
#[derive(Debug)]
pub(crate) struct Clock {
    sleep: Pin<Box<Sleep>>,
    /// Rings when it ends.
    bell: Bell,
}

type Look = Pin<Box<dyn Future<Output = Result<Doing, ModelError>> + Send>>;

/// The clock of one candidate. It starts when the server has a slot.
pub(crate) struct Watch {
    target: Arc<Target>,
    http: Http,
    end: Instant,
    /// When the last byte came.
    last: Instant,
    /// When the server was last heard of, in the answer or beside it.
    heard: Instant,
    /// How often in a row it was idle.
    idle: u32,
    /// None until something is waited for.
    clock: Option<Clock>,
    looking: Option<Look>,
}

// === impl Clock ===

impl Clock {
    fn until(end: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(end)),
            bell: Bell::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.bell.drive(cx, |own| self.sleep.as_mut().poll(own))
    }
}

// === impl Watch ===

impl Watch {
    pub(crate) fn start(target: &Arc<Target>, http: &Http, now: Instant) -> Self {
        Self {
            target: Arc::clone(target),
            http: http.clone(),
            end: now + target.deadlines.total,
            last: now,
            heard: now,
            idle: 0,
            clock: None,
            looking: None,
        }
    }

    /// Waits by this clock, if there is one.
    pub(crate) fn take(&mut self, clock: Option<Clock>) {
        self.clock = clock.filter(|clock| clock.sleep.deadline() <= self.due());
    }

    /// Gives its clock away.
    pub(crate) fn give(&mut self) -> Option<Clock> {
        self.clock.take()
    }

    /// When it has been silent for too long.
    fn due(&self) -> Instant {
        self.end.min(self.heard + self.target.deadlines.silence)
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// When the last byte came.
    pub(crate) fn last(&self) -> Instant {
        self.last
    }

    /// A byte came, or a request is sent.
    pub(crate) fn alive(&mut self, now: Instant) {
        self.last = now;
        self.heard = now;
        self.idle = 0;
        self.looking = None;
    }

    /// Waits for something, and gives it up when the server is dead.
    pub(crate) async fn within<T>(&mut self, phase: Phase, future: impl Future<Output = T>) -> Result<T, ModelError> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => self.poll(phase, cx).map(Err),
        })
        .await
    }

    /// Ready when the server is to be given up.
    pub(crate) fn poll(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<ModelError> {
        loop {
            if let Some(looking) = &mut self.looking {
                let looked = ready!(looking.as_mut().poll(cx));
                self.looking = None;
                if let Err(mut error) = looked.and_then(|doing| self.judge(doing, phase)) {
                    error.phase = phase;
                    return Poll::Ready(error);
                }
                self.heard = Instant::now();
            }
            let due = self.due();
            let clock = self.clock.get_or_insert_with(|| Clock::until(due));
            ready!(clock.poll(cx));
            let now = Instant::now();
            clock.sleep.as_mut().reset(due.max(now));
            if now >= self.end {
                return Poll::Ready(self.too_long(phase));
            }
            if due <= now {
                let (target, http) = (Arc::clone(&self.target), self.http.clone());
                self.looking = Some(Box::pin(async move {
                    let (endpoint, model) = (&target.endpoint, target.model.model());
                    endpoint.look(&http, model, target.deadlines.sign_of_life).await
                }));
            }
        }
    }

    /// What it means that a server does this while its answer is silent: the rules of `yabby-route`.
    fn judge(&mut self, doing: Doing, phase: Phase) -> Result<(), ModelError> {
        self.idle = if doing == Doing::Idle { self.idle + 1 } else { 0 };
        let deadlines = self.target.deadlines;
        let limit = if phase < Phase::Streaming {
            deadlines.first_token
        } else {
            deadlines.gap
        };
        let url = &self.target.endpoint.base_url;
        let message = match doing {
            Doing::Idle if self.idle >= IDLE => text!(
                "{url} says that it works on nothing, though {model} was asked",
                url = url,
                model = self.target.model
            ),
            Doing::Idle | Doing::Alive if self.last.elapsed() >= limit => text!(
                "{url} answers other questions, but has sent nothing of this answer for {seconds} s",
                url = url,
                seconds = limit.as_secs()
            ),
            _ => return Ok(()),
        };
        let hint = text!("look into the server's log, or restart it");
        Err(ModelError::new(ErrorKind::Hung, phase, url, message).with_hint(hint))
    }

    fn too_long(&self, phase: Phase) -> ModelError {
        let endpoint = &self.target.endpoint;
        ModelError::new(
            ErrorKind::Timeout,
            phase,
            &endpoint.base_url,
            text!(
                "{url} did not finish within {seconds} s",
                url = endpoint.base_url,
                seconds = self.target.deadlines.total.as_secs()
            ),
        )
        .with_hint(text!(
            "raise models.providers.{provider}.timeoutSeconds, or use a faster model",
            provider = endpoint.provider
        ))
    }
}
