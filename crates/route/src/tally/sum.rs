//! The sum of some attempts at one model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use yabby_core::{Attempt, Outcome, Usage};

/// An answer that came so quickly behind its first token came in one piece, and says nothing of the speed.
const SHORTEST_MS: u64 = 50;
/// Times that differ by less than this factor are one: the median is wrong by half of that at most.
const STEP: f64 = 1.1;

/// Some attempts together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    /// How many there were.
    pub requests: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Tokens of prompts, as reported, cached ones included.
    pub input: u64,
    /// Of those, the ones from a cache.
    pub cached: u64,
    /// Tokens of answers, as reported.
    pub output: u64,
    /// US dollars, as far as prices are known.
    pub cost: f64,
    /// Tokens whose time is known, and that time in milliseconds.
    written: (u64, u64),
    /// How often the first token took so long, by the step of the time.
    first: BTreeMap<u32, u64>,
}

/// What one attempt has come to.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Whether it has failed.
    pub failed: bool,
    /// Milliseconds until the first token.
    pub first_token_ms: Option<u64>,
    /// Milliseconds until the end.
    pub total_ms: u64,
    /// Tokens as reported.
    pub usage: Usage,
    /// US dollars, as far as prices are known.
    pub cost: Option<f64>,
}

// === impl Done ===

impl Done {
    /// What an attempt has come to.
    pub fn of(attempt: &Attempt) -> Self {
        Self {
            failed: matches!(attempt.outcome, Outcome::Failed { .. }),
            first_token_ms: attempt.first_token_ms,
            total_ms: attempt.total_ms,
            usage: attempt.usage,
            cost: attempt.cost,
        }
    }
}

// === impl Sum ===

impl Sum {
    /// Adds an attempt.
    pub fn count(&mut self, done: &Done) {
        let tokens = |count: Option<u32>| u64::from(count.unwrap_or_default());
        self.requests += 1;
        self.failed += u64::from(done.failed);
        self.input += tokens(done.usage.input_tokens);
        self.cached += tokens(done.usage.cached_tokens);
        self.output += tokens(done.usage.output_tokens);
        self.cost += done.cost.unwrap_or_default();
        let Some(first) = done.first_token_ms.filter(|_| !done.failed) else {
            return;
        };
        *self.first.entry(step(first)).or_default() += 1;
        let writing = done.total_ms.saturating_sub(first);
        if let Some(output) = done.usage.output_tokens
            && writing >= SHORTEST_MS
        {
            self.written.0 += u64::from(output);
            self.written.1 += writing;
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.input += other.input;
        self.cached += other.cached;
        self.output += other.output;
        self.cost += other.cost;
        self.written.0 += other.written.0;
        self.written.1 += other.written.1;
        for (step, count) in &other.first {
            *self.first.entry(*step).or_default() += count;
        }
    }

    /// The median of the time to the first token, in milliseconds, give or take a twentieth.
    pub fn first_token_ms(&self) -> Option<u64> {
        let all: u64 = self.first.values().sum();
        let mut seen = 0;
        let (step, _) = self.first.iter().find(|(_, count)| {
            seen += **count;
            seen * 2 >= all
        })?;
        Some(time(*step))
    }

    /// Tokens a second while answers were written.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, ms) = self.written;
        #[expect(clippy::cast_precision_loss, reason = "a speed needs few digits")]
        let speed = (tokens as f64) * 1000.0 / (ms as f64);
        (ms > 0).then_some(speed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the logarithm of a number of milliseconds is small, and not negative"
)]
fn step(ms: u64) -> u32 {
    ((ms.max(1) as f64).ln() / STEP.ln()).round() as u32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "beyond the largest number it is that one"
)]
fn time(step: u32) -> u64 {
    STEP.powf(f64::from(step)).round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_itself_give_or_take_a_twentieth(ms in 20_u64..10_000_000) {
            let back = time(step(ms));
            prop_assert!(back.abs_diff(ms) * 19 <= ms, "{ms} {back}");
        }
    }
}
