//! Waiting for a server without being fooled by its silence.

use std::pin::Pin;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, Progress, text};
use yabby_servers::{Doing, Endpoint, Http, Permit};

use crate::Deadlines;

/// The clock of one candidate: all that is tried with it must be done when the time is over. It starts when the server
/// has a slot for it.
pub(crate) struct Watch {
    http: Http,
    model: String,
    deadlines: Deadlines,
    end: Instant,
    /// The slot; a person may want it.
    permit: Permit,
    /// How long until the first token, from the beginning, where it can be said.
    expected: Option<std::time::Duration>,
    /// What is asked beside the request.
    beside: Option<BoxFuture<'static, ()>>,
}

/// What came while something was waited for.
pub(crate) enum Waited<T> {
    /// What was waited for.
    Value(T),
    /// A sign of life.
    Sign(Progress),
}

impl Watch {
    pub(crate) fn start(http: &Http, model: &str, deadlines: Deadlines, permit: Permit) -> Self {
        Self {
            http: http.clone(),
            model: model.to_owned(),
            deadlines,
            end: Instant::now() + deadlines.total,
            permit,
            expected: None,
            beside: None,
        }
    }

    /// Whether there is more time left than this.
    pub(crate) fn outlasts(&self, pause: std::time::Duration) -> bool {
        Instant::now() + pause < self.end
    }

    /// Sets how long the first token is expected to take.
    pub(crate) fn expect(&mut self, first_token: Option<std::time::Duration>) {
        self.expected = first_token;
    }

    /// Does something in the shadow of the waiting. What is not done when the request is over is given up.
    pub(crate) fn beside(&mut self, work: BoxFuture<'static, ()>) {
        self.beside = Some(work);
    }

    /// Waits for something that has its own ways to notice trouble, but not beyond the time.
    pub(crate) async fn within<T>(
        &mut self,
        endpoint: &Endpoint,
        future: impl Future<Output = T>,
    ) -> Result<T, ModelError> {
        let end = self.end;
        let permit = &self.permit;
        tokio::select! {
            value = future => Ok(value),
            () = sleep_until(end) => Err(self.too_long(endpoint, Phase::Connect)),
            () = permit.preempted() => Err(preempted(endpoint, Phase::Connect)),
        }
    }

    /// Waits for the next sign of the server, in the answer or beside it.
    ///
    /// After each stretch of silence the server is asked on another connection what it does; the future goes on
    /// meanwhile and is never started again. Call this again until it gives the value.
    pub(crate) async fn next<T, F: Future<Output = T>>(
        &mut self,
        endpoint: &Endpoint,
        phase: Phase,
        mut future: Pin<&mut F>,
    ) -> Result<Waited<T>, ModelError> {
        let mut silence = Instant::now() + self.deadlines.silence;
        loop {
            let beside = &mut self.beside;
            let working = async {
                match beside {
                    Some(work) => work.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                value = &mut future => return Ok(Waited::Value(value)),
                () = sleep_until(self.end) => return Err(self.too_long(endpoint, phase)),
                () = self.permit.preempted() => return Err(preempted(endpoint, phase)),
                () = working => {
                    self.beside = None;
                    continue;
                }
                () = sleep_until(silence) => {}
            }
            let doing = tokio::select! {
                biased;
                value = &mut future => return Ok(Waited::Value(value)),
                () = sleep_until(self.end) => return Err(self.too_long(endpoint, phase)),
                () = self.permit.preempted() => return Err(preempted(endpoint, phase)),
                doing = Box::pin(endpoint.look(&self.http, &self.model, self.deadlines.sign_of_life)) => doing?,
            };
            match doing {
                Doing::Loading => {
                    return Ok(Waited::Sign(Progress::Loading {
                        usual: endpoint.usual_load(&self.model),
                    }));
                }
                Doing::Working if phase < Phase::Streaming => {
                    return Ok(Waited::Sign(Progress::Working {
                        expected: self.expected,
                    }));
                }
                Doing::Working | Doing::Idle | Doing::Alive => silence = Instant::now() + self.deadlines.silence,
            }
        }
    }

    /// As [`Watch::next`], for what nobody watches.
    pub(crate) async fn wait<T>(
        &mut self,
        endpoint: &Endpoint,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, ModelError> {
        let mut future = std::pin::pin!(future);
        loop {
            if let Waited::Value(value) = self.next(endpoint, phase, future.as_mut()).await? {
                return Ok(value);
            }
        }
    }

    fn too_long(&self, endpoint: &Endpoint, phase: Phase) -> ModelError {
        ModelError::new(
            ErrorKind::Timeout,
            phase,
            &endpoint.base_url,
            text!(
                "{url} did not finish within {seconds} s",
                url = endpoint.base_url,
                seconds = self.deadlines.total.as_secs()
            ),
        )
        .with_hint(text!(
            "raise models.providers.{provider}.timeoutSeconds, or use a faster model",
            provider = endpoint.provider
        ))
    }
}

fn preempted(endpoint: &Endpoint, phase: Phase) -> ModelError {
    ModelError::new(
        ErrorKind::Preempted,
        phase,
        &endpoint.base_url,
        text!("a person needs the slot of {url}", url = endpoint.base_url),
    )
    .with_hint(text!("it is asked again when there is a free slot"))
}
