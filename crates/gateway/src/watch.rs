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
};

use tokio::time::{Instant, Sleep, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, text};
use yabby_servers::{Doing, Http};

use crate::routes::Target;

type Look = Pin<Box<dyn Future<Output = Result<Doing, ModelError>> + Send>>;

/// The clock of one candidate. It starts when the server has a slot.
pub(crate) struct Watch {
    target: Arc<Target>,
    http: Http,
    end: Instant,
    /// When the server was last heard of.
    last: Instant,
    /// Set seldom: when it ends, it is looked whether there was silence meanwhile.
    sleep: Pin<Box<Sleep>>,
    looking: Option<Look>,
}

impl Watch {
    pub(crate) fn start(target: &Arc<Target>, http: &Http, now: Instant) -> Self {
        let deadlines = target.deadlines;
        let end = now + deadlines.total;
        Self {
            target: Arc::clone(target),
            http: http.clone(),
            end,
            last: now,
            sleep: Box::pin(sleep_until(end.min(now + deadlines.silence))),
            looking: None,
        }
    }

    /// Whether there is more time left than this.
    pub(crate) fn outlasts(&self, pause: std::time::Duration) -> bool {
        Instant::now() + pause < self.end
    }

    /// The server was heard of.
    pub(crate) fn alive(&mut self, now: Instant) {
        self.last = now;
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
        let deadlines = self.target.deadlines;
        loop {
            if let Some(looking) = &mut self.looking {
                match ready!(looking.as_mut().poll(cx)) {
                    Ok(_) => self.alive(Instant::now()),
                    Err(mut error) => {
                        error.phase = phase;
                        return Poll::Ready(error);
                    }
                }
            }
            ready!(self.sleep.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.end {
                return Poll::Ready(self.too_long(phase));
            }
            let due = self.end.min(self.last + deadlines.silence);
            self.sleep.as_mut().reset(due.max(now));
            if due <= now {
                let (target, http) = (Arc::clone(&self.target), self.http.clone());
                self.looking = Some(Box::pin(async move {
                    let (endpoint, model) = (&target.endpoint, target.model.model());
                    endpoint.look(&http, model, target.deadlines.sign_of_life).await
                }));
            }
        }
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
