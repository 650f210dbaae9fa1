//! What requests have shown about a model: how fast it is, how long it loads, how much it really takes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use yabby_core::{Fact, FactSource, ModelError, now};

use super::Trouble;
use crate::Endpoint;

/// Prompts that are shorter say more of the network than of the server.
const SHORTEST_PROMPT: u32 = 64;
/// Answers that are shorter too.
const SHORTEST_ANSWER: u32 = 8;
/// How much the newest measurement counts.
const NEWEST: f64 = 0.3;

/// What requests have shown about a model. Kept over restarts of Yabby, as long as the server has the same version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// The window that an error or a cut prompt told, in tokens, and when that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<(u32, u64)>,
    /// How fast it is.
    pub speed: Speed,
}

/// How fast a model is here. Unknown until it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Speed {
    /// Tokens of the prompt a second, without those from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill: Option<f64>,
    /// Tokens of the answer a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<f64>,
    /// Milliseconds that loading took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<u64>,
}

/// The times and counts of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Tokens of the prompt that were really read: without those from the cache.
    pub read: u32,
    /// From the request to the first token.
    pub first_token: Duration,
    /// Tokens of the answer.
    pub written: u32,
    /// From the first token to the last.
    pub writing: Duration,
}

impl Endpoint {
    /// What requests have shown about a model.
    pub fn observed(&self, model: &str) -> Observed {
        self.live.lock().observed.get(model).cloned().unwrap_or_default()
    }

    /// Takes over what was observed before this process began.
    pub(crate) fn remember_observed(&self, model: &str, observed: Observed) {
        self.live.lock().observed.insert(model.to_owned(), observed);
    }

    /// The models of which something was observed.
    pub fn observed_models(&self) -> Vec<(String, Observed)> {
        let now = self.live.lock();
        now.observed
            .iter()
            .map(|(model, seen)| (model.clone(), seen.clone()))
            .collect()
    }

    pub(crate) fn forget_observed(&self) {
        let mut now = self.live.lock();
        now.observed.clear();
        now.read.clear();
    }

    /// Notes how long an answer took. Counts that the server did not report are left out by the caller.
    pub fn saw_timing(&self, model: &str, timing: Timing) {
        self.observe(model, |observed| observed.speed.measure(timing));
    }

    /// Notes how long a load took.
    pub fn saw_load(&self, model: &str, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.observe(model, |observed| observed.speed.load_ms = Some(took));
    }

    /// Notes the window that an error of the server names, or that a cut prompt shows.
    pub fn saw_window(&self, model: &str, tokens: u32) {
        if tokens > 0 {
            self.observe(model, |observed| observed.window = Some((tokens, now())));
        }
    }

    /// Notes that a request failed.
    pub fn saw_error(&self, error: &ModelError) {
        self.live.lock().trouble = Some(Trouble {
            kind: error.kind,
            message: error.message.english(),
            at: now(),
        });
        self.note();
    }

    /// Notes that a request was answered.
    pub(crate) fn saw_no_trouble(&self) {
        if self.live.lock().trouble.take().is_some() {
            self.note();
        }
    }

    /// Takes over the error of the last request before this process began.
    pub(crate) fn remember_trouble(&self, trouble: Option<Trouble>) {
        self.live.lock().trouble = trouble;
    }

    /// How long until the first token of a prompt of so many tokens, where the speed is known.
    pub fn expected_prefill(&self, model: &str, tokens: u32) -> Option<Duration> {
        let speed = self.observed(model).speed.prefill?;
        Duration::try_from_secs_f64(f64::from(tokens) / speed).ok()
    }

    /// How long loading the model took before.
    pub fn usual_load(&self, model: &str) -> Option<Duration> {
        let measured = self.observed(model).speed.load_ms.map(Duration::from_millis);
        measured.or_else(|| self.usual_load_time(self.known()?.kind?, model))
    }

    fn observe(&self, model: &str, change: impl FnOnce(&mut Observed)) {
        change(self.live.lock().observed.entry(model.to_owned()).or_default());
        self.note();
    }
}

// === impl Observed ===

impl Observed {
    /// The window as a fact.
    pub fn window(&self) -> Option<Fact<u32>> {
        let (tokens, at) = self.window?;
        Some(Fact::at(tokens, FactSource::Learned, at))
    }
}

// === impl Speed ===

impl Speed {
    fn measure(&mut self, timing: Timing) {
        if timing.read >= SHORTEST_PROMPT {
            self.prefill = blend(self.prefill, timing.read, timing.first_token);
        }
        if timing.written >= SHORTEST_ANSWER {
            // The first token came with the prefill.
            self.decode = blend(self.decode, timing.written - 1, timing.writing);
        }
    }
}

/// The mean of what was measured before and what was measured now.
fn blend(before: Option<f64>, tokens: u32, time: Duration) -> Option<f64> {
    let seconds = time.as_secs_f64();
    if seconds < 0.001 {
        return before;
    }
    let now = f64::from(tokens) / seconds;
    Some(before.map_or(now, |before| before + NEWEST * (now - before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_means_of_what_is_long_enough() {
        let mut speed = Speed::default();
        let timing = |read, written| Timing {
            read,
            first_token: Duration::from_secs(2),
            written,
            writing: Duration::from_secs(4),
        };
        speed.measure(timing(63, 7));
        assert_eq!(speed, Speed::default());
        speed.measure(timing(200, 41));
        assert_eq!((speed.prefill, speed.decode), (Some(100.0), Some(10.0)));
        speed.measure(timing(400, 1));
        assert_eq!((speed.prefill, speed.decode), (Some(130.0), Some(10.0)));
        // A clock that did not move measures nothing.
        speed.measure(Timing {
            first_token: Duration::ZERO,
            ..timing(400, 1)
        });
        assert_eq!(speed.prefill, Some(130.0));
    }
}
