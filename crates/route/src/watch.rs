//! Waiting for a server without being fooled by its silence.

use std::pin::Pin;

use futures_util::future::BoxFuture;
use tokio::time::{Duration, Instant, sleep_until};
use yabby_core::{ErrorKind, ModelError, Phase, Progress, text};
use yabby_servers::{Doing, Permit};

use crate::{Deadlines, trouble::loading, upstream::Upstream};

/// How often in a row a server may say that it works on nothing, while it owes an answer.
const IDLE: u32 = 3;

/// The clock of one candidate: all that is tried with it must be done when the time is over. It starts when the server
/// has a slot for it.
pub(crate) struct Watch {
    model: String,
    provider: String,
    deadlines: Deadlines,
    start: Instant,
    end: Instant,
    /// How long that was from the start, in whole seconds.
    limit: Duration,
    /// The slot; a person may want it.
    permit: Permit,
    /// How long until the first token, from the beginning, where it can be said.
    expected: Option<Duration>,
    /// When the last byte came.
    quiet_since: Instant,
    /// How often in a row the server was idle.
    idle: u32,
    /// Whether there is somebody else who is preferred to waiting for a load.
    hurried: bool,
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
    /// From now on, and not beyond `end`.
    pub(crate) fn start(up: &dyn Upstream, deadlines: Deadlines, end: Instant, permit: Permit) -> Self {
        let now = Instant::now();
        let end = end.min(now + deadlines.total);
        let rounded = end.saturating_duration_since(now) + Duration::from_millis(500);
        Self {
            limit: Duration::from_secs(rounded.as_secs()),
            model: up.model().to_string(),
            provider: up.model().provider().to_owned(),
            deadlines,
            start: now,
            end,
            permit,
            expected: None,
            quiet_since: now,
            idle: 0,
            hurried: false,
            beside: None,
        }
    }

    /// The same where the next candidate, if there is one, is preferred to waiting for a server that loads its model.
    pub(crate) fn hurried(self, hurried: bool) -> Self {
        Self { hurried, ..self }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// A request is sent, whose first token is expected after this time.
    pub(crate) fn expect(&mut self, deadlines: Deadlines, first_token: Option<Duration>) {
        self.deadlines = deadlines;
        self.expected = first_token;
        self.quiet_since = Instant::now();
        self.idle = 0;
    }

    /// Does something in the shadow of the waiting. What is not done when the request is over is given up.
    pub(crate) fn beside(&mut self, work: BoxFuture<'static, ()>) {
        self.beside = Some(work);
    }

    /// The request is over.
    pub(crate) fn rest(&mut self) {
        self.beside = None;
    }

    /// Waits before the next request, but not beyond the time, and not while a person needs the slot.
    pub(crate) async fn pause(&mut self, time: Duration) {
        let (permit, end) = (&self.permit, self.end);
        tokio::select! {
            biased;
            () = permit.preempted() => {}
            () = sleep_until(end.min(Instant::now() + time)) => {}
        }
    }

    /// Waits for something that has its own ways to notice trouble, but not beyond the time.
    pub(crate) async fn within<T>(&mut self, address: &str, future: impl Future<Output = T>) -> Result<T, ModelError> {
        let end = self.end;
        let permit = &self.permit;
        tokio::select! {
            biased;
            // When it is over, nothing is begun.
            () = sleep_until(end) => Err(self.too_long(address, Phase::Connect)),
            () = permit.preempted() => Err(preempted(address, Phase::Connect)),
            value = future => Ok(value),
        }
    }

    /// Waits for the next sign of the server, in the answer or beside it.
    ///
    /// After each stretch of silence the server is asked on another connection what it does; the future goes on
    /// meanwhile and is never started again. Call this again until it gives the value.
    pub(crate) async fn next<T, F: Future<Output = T>>(
        &mut self,
        up: &dyn Upstream,
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
                value = &mut future => return Ok(self.value(value)),
                () = sleep_until(self.end) => return Err(self.too_long(&up.address(), phase)),
                () = self.permit.preempted() => return Err(preempted(&up.address(), phase)),
                () = working => {
                    self.beside = None;
                    continue;
                }
                () = sleep_until(silence) => {}
            }
            let looked = tokio::select! {
                biased;
                value = &mut future => return Ok(self.value(value)),
                () = sleep_until(self.end) => return Err(self.too_long(&up.address(), phase)),
                () = self.permit.preempted() => return Err(preempted(&up.address(), phase)),
                looked = up.look(self.deadlines.sign_of_life) => looked,
            };
            let doing = match looked {
                Ok(doing) => doing,
                // It may be too busy to say so.
                Err(error) if error.kind == ErrorKind::Hung && self.start.elapsed() < self.deadlines.patience => {
                    Doing::Alive
                }
                Err(error) => return Err(error),
            };
            match self.judge(up, doing, phase)? {
                Some(progress) => return Ok(Waited::Sign(progress)),
                None => silence = Instant::now() + self.deadlines.silence,
            }
        }
    }

    /// What it means that a server does this while its answer is silent.
    fn judge(&mut self, up: &dyn Upstream, doing: Doing, phase: Phase) -> Result<Option<Progress>, ModelError> {
        self.idle = if doing == Doing::Idle { self.idle + 1 } else { 0 };
        let limit = if phase < Phase::Streaming {
            self.deadlines.first_token
        } else {
            self.deadlines.gap
        };
        match doing {
            Doing::Loading if self.hurried => Err(loading(up, phase)),
            Doing::Loading => {
                let usual = up.usual_load();
                Ok(Some(Progress::Loading { usual }))
            }
            Doing::Working if phase < Phase::Streaming => Ok(Some(Progress::Working {
                expected: self.expected,
            })),
            Doing::Idle if self.idle >= IDLE => Err(self.forgotten(&up.address(), phase)),
            Doing::Idle | Doing::Alive if self.quiet_since.elapsed() >= limit => {
                Err(self.silent(&up.address(), phase, limit))
            }
            Doing::Working | Doing::Idle | Doing::Alive => Ok(None),
        }
    }

    fn value<T>(&mut self, value: T) -> Waited<T> {
        self.quiet_since = Instant::now();
        self.idle = 0;
        Waited::Value(value)
    }

    fn too_long(&self, address: &str, phase: Phase) -> ModelError {
        ModelError::new(
            ErrorKind::Timeout,
            phase,
            address,
            text!(
                "{url} did not finish within {seconds} s",
                url = address,
                seconds = self.limit.as_secs()
            ),
        )
        .with_hint(text!(
            "raise models.providers.{provider}.timeoutSeconds, or use a faster model",
            provider = self.provider
        ))
    }

    /// It lives, and sends nothing.
    fn silent(&self, address: &str, phase: Phase, limit: Duration) -> ModelError {
        ModelError::new(
            ErrorKind::Hung,
            phase,
            address,
            text!(
                "{url} answers other questions, but has sent nothing of this answer for {seconds} s",
                url = address,
                seconds = limit.as_secs()
            ),
        )
        .with_hint(text!("look into the server's log, or restart it"))
    }

    /// It lives, and knows nothing of the request.
    fn forgotten(&self, address: &str, phase: Phase) -> ModelError {
        ModelError::new(
            ErrorKind::Hung,
            phase,
            address,
            text!(
                "{url} says that it works on nothing, though {model} was asked",
                url = address,
                model = self.model
            ),
        )
        .with_hint(text!("look into the server's log, or restart it"))
    }
}

fn preempted(address: &str, phase: Phase) -> ModelError {
    ModelError::new(
        ErrorKind::Preempted,
        phase,
        address,
        text!("a person needs the slot of {url}", url = address),
    )
    .with_hint(text!("it is asked again when there is a free slot"))
}
