//! The record of an attempt while it runs.

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{Attempt, ModelError, ModelEvent, ModelRef, Outcome, Phase, Progress, Usage, Zone};

use crate::{Decision, upstream::Times};

/// Who is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) model: ModelRef,
    pub(crate) endpoint: String,
    pub(crate) zone: Zone,
}

/// Collects times and counts until the attempt is over.
pub(crate) struct Running {
    asked: Asked,
    queued: Duration,
    start: Instant,
    sent: Option<Duration>,
    head: Option<Duration>,
    first_token: Option<Duration>,
    pub(crate) phase: Phase,
    pub(crate) bytes: u64,
    pub(crate) usage: Usage,
    /// What it cost, where that is known.
    pub(crate) cost: Option<f64>,
    /// Whether the model has reasoned.
    pub(crate) reasoned: bool,
    /// Whether the model was being loaded when it was asked.
    loaded: bool,
    /// Whether it waited for a load that another request had begun: its times say nothing.
    untimed: bool,
}

impl Running {
    pub(crate) fn start(asked: Asked, queued: Duration) -> Self {
        Self {
            asked,
            queued,
            start: Instant::now(),
            sent: None,
            head: None,
            first_token: None,
            phase: Phase::Connect,
            bytes: 0,
            usage: Usage::default(),
            cost: None,
            reasoned: false,
            loaded: false,
            untimed: false,
        }
    }

    /// The next attempt with the same candidate; it has waited for nothing.
    pub(crate) fn again(&self, endpoint: String) -> Self {
        let asked = Asked {
            endpoint,
            ..self.asked.clone()
        };
        Self::start(asked, Duration::ZERO)
    }

    /// The request is on its way, to where it is known now to go.
    pub(crate) fn sent(&mut self, asked: Asked) {
        self.asked = asked;
        self.sent = Some(self.start.elapsed());
    }

    /// The head of the response has come.
    pub(crate) fn head(&mut self) {
        self.phase = Phase::FirstToken;
        self.head = Some(self.start.elapsed());
    }

    /// The server has said what it does.
    pub(crate) fn progress(&mut self, progress: Progress) {
        self.loaded |= matches!(progress, Progress::Loading { .. });
    }

    /// Another request has loaded the model.
    pub(crate) fn untimed(&mut self) {
        self.untimed = true;
    }

    /// How fast the server was, if that says something.
    pub(crate) fn times(&self, streamed: bool) -> Option<Times> {
        (!self.untimed).then(|| Times {
            first_token: self.first_token,
            writing: self
                .start
                .elapsed()
                .saturating_sub(self.first_token.unwrap_or_default()),
            loaded: self.loaded,
            streamed,
            usage: self.usage,
        })
    }

    /// An event has come.
    pub(crate) fn event(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Text(_) | ModelEvent::ToolCall(_) | ModelEvent::MalformedCall(_) => self.token(),
            ModelEvent::Reasoning(_) => {
                self.reasoned = true;
                self.token();
            }
            ModelEvent::Usage(usage) => self.usage.update(*usage),
            ModelEvent::End(_) => self.phase = Phase::Done,
            ModelEvent::Progress(progress) => self.progress(*progress),
            ModelEvent::ServedBy(_) | ModelEvent::Opaque(_) => {}
        }
    }

    fn token(&mut self) {
        self.phase = Phase::Streaming;
        self.first_token.get_or_insert(self.start.elapsed());
    }

    pub(crate) fn answered(self) -> Attempt {
        self.end(Outcome::Answered, None)
    }

    pub(crate) fn failed(self, error: &ModelError, decision: Decision) -> Attempt {
        let outcome = Outcome::Failed {
            error: error.kind,
            message: error.message.english(),
        };
        self.end(outcome, Some(decision))
    }

    /// It was not asked because of this.
    pub(crate) fn passed_over(self, error: &ModelError) -> Attempt {
        let outcome = Outcome::PassedOver {
            error: error.kind,
            message: error.message.english(),
        };
        self.end(outcome, Some(Decision::Next))
    }

    /// Another candidate was quicker.
    pub(crate) fn outrun(self) -> Attempt {
        self.end(Outcome::Outrun, None)
    }

    fn end(self, outcome: Outcome, decision: Option<Decision>) -> Attempt {
        Attempt {
            total_ms: milliseconds(self.start.elapsed()),
            model: self.asked.model,
            endpoint: self.asked.endpoint,
            zone: self.asked.zone,
            outcome,
            decision: decision.map(|decision| decision.word().to_owned()),
            phase: self.phase,
            queued_ms: milliseconds(self.queued),
            sent_ms: self.sent.map(milliseconds),
            head_ms: self.head.map(milliseconds),
            first_token_ms: self.first_token.map(milliseconds),
            bytes: self.bytes,
            usage: self.usage,
            cost: self.cost,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
