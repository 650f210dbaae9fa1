//! The record of an attempt while it runs.

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{Attempt, Delivery, ModelError, ModelEvent, ModelRef, Outcome, Phase, Progress, Usage};
use yabby_servers::{Endpoint, Timing};

/// Collects times and counts until the attempt is over.
pub(crate) struct Running {
    model: ModelRef,
    pub(crate) endpoint: String,
    zone: yabby_core::Zone,
    start: Instant,
    head_ms: Option<u64>,
    first_token_ms: Option<u64>,
    pub(crate) phase: Phase,
    pub(crate) bytes: u64,
    pub(crate) usage: Usage,
    /// Whether text or a tool call has been passed on.
    pub(crate) visible: bool,
    /// Whether the model was being loaded when it was asked.
    loaded: bool,
    /// Whether it waited for a load that another request had begun: its times say nothing.
    untimed: bool,
}

impl Running {
    pub(crate) fn start(model: ModelRef, endpoint: String, zone: yabby_core::Zone) -> Self {
        Self {
            model,
            endpoint,
            zone,
            start: Instant::now(),
            head_ms: None,
            first_token_ms: None,
            phase: Phase::Connect,
            bytes: 0,
            usage: Usage::default(),
            visible: false,
            loaded: false,
            untimed: false,
        }
    }

    /// Whether the model has begun to answer with this event.
    pub(crate) fn event_is_answer(&self, event: &ModelEvent) -> bool {
        !matches!(event, ModelEvent::Progress(_) | ModelEvent::ServedBy(_))
    }

    /// The head of the response has come.
    pub(crate) fn head(&mut self) {
        self.phase = Phase::FirstToken;
        self.head_ms = Some(self.elapsed());
    }

    /// The server has said what it does.
    pub(crate) fn progress(&mut self, progress: Progress) {
        self.loaded |= matches!(progress, Progress::Loading { .. });
    }

    /// Another request has loaded the model.
    pub(crate) fn untimed(&mut self) {
        self.untimed = true;
    }

    /// Tells the endpoint how fast it was, as far as the server has counted tokens.
    pub(crate) fn report_to(&self, endpoint: &Endpoint, delivery: Delivery) {
        if self.untimed {
            return;
        }
        let model = self.model.model();
        let first_token = self.first_token_ms.map(Duration::from_millis);
        if let Some(time) = first_token.filter(|_| self.loaded) {
            endpoint.saw_load(model, time);
            return;
        }
        let (Some(first_token), Delivery::Stream) = (first_token, delivery) else {
            return;
        };
        let usage = &self.usage;
        let read = usage
            .input_tokens
            .map(|tokens| tokens.saturating_sub(usage.cached_tokens.unwrap_or(0)));
        endpoint.saw_timing(
            model,
            Timing {
                read: read.unwrap_or(0),
                first_token,
                written: usage.output_tokens.unwrap_or(0),
                writing: self.start.elapsed().saturating_sub(first_token),
            },
        );
    }

    /// An event has come.
    pub(crate) fn event(&mut self, event: &ModelEvent) {
        match event {
            ModelEvent::Text(text) => {
                self.token();
                self.visible |= !text.trim().is_empty();
            }
            ModelEvent::ToolCall(_) | ModelEvent::MalformedCall(_) => {
                self.token();
                self.visible = true;
            }
            ModelEvent::Reasoning(_) => self.token(),
            ModelEvent::Usage(usage) => self.usage.update(*usage),
            ModelEvent::End(_) => self.phase = Phase::Done,
            ModelEvent::Progress(progress) => self.progress(*progress),
            ModelEvent::ServedBy(_) | ModelEvent::Opaque(_) => {}
        }
    }

    fn token(&mut self) {
        self.phase = Phase::Streaming;
        if self.first_token_ms.is_none() {
            self.first_token_ms = Some(self.elapsed());
        }
    }

    pub(crate) fn answered(self) -> Attempt {
        self.end(Outcome::Answered)
    }

    pub(crate) fn failed(self, error: &ModelError) -> Attempt {
        self.end(Outcome::Failed {
            error: error.kind,
            message: error.message.english(),
        })
    }

    fn end(self, outcome: Outcome) -> Attempt {
        Attempt {
            total_ms: self.elapsed(),
            zone: self.zone,
            decision: None,
            queued_ms: 0,
            sent_ms: None,
            cost: None,
            model: self.model,
            endpoint: self.endpoint,
            outcome,
            phase: self.phase,
            head_ms: self.head_ms,
            first_token_ms: self.first_token_ms,
            bytes: self.bytes,
            usage: self.usage,
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
