//! Metrics: those of the semantic conventions for generative AI, and what `/metrics` counts.

use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};
use yabby_core::Attempt;

use super::spans::{of_attempt, seconds};
use crate::metrics::Metrics;

/// The bounds that the conventions ask for.
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// What measures attempts.
pub(super) struct Instruments {
    duration: Histogram<f64>,
    first: Histogram<f64>,
    tokens: Histogram<u64>,
}

// === impl Instruments ===

impl Instruments {
    pub(super) fn new(meter: &Meter, metrics: &Arc<Metrics>) -> Self {
        observe(meter, metrics);
        let time = |name: &'static str, what: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            duration: time("gen_ai.client.operation.duration", "How long attempts at models took."),
            first: time(
                "gen_ai.client.operation.time_to_first_chunk",
                "From the start of an attempt to the first piece of its answer.",
            ),
            tokens: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_description("Tokens that were read and written, as reported.")
                .with_boundaries(TOKENS.to_vec())
                .build(),
        }
    }

    pub(super) fn attempt(&self, path: &str, attempt: &Attempt) {
        if !attempt.was_asked() {
            return;
        }
        let attributes = of_attempt(path, attempt);
        self.duration.record(seconds(attempt.total_ms), &attributes);
        if let Some(first) = attempt.first_token_ms {
            self.first.record(seconds(first), &attributes);
        }
        for (kind, count) in [
            ("input", attempt.usage.input_tokens),
            ("output", attempt.usage.output_tokens),
        ] {
            let Some(count) = count.filter(|count| *count > 0) else {
                continue;
            };
            let mut attributes = attributes.clone();
            attributes.push(KeyValue::new("gen_ai.token.type", kind));
            self.tokens.record(count.into(), &attributes);
        }
    }
}

/// What `/metrics` counts, read when metrics are sent.
fn observe(meter: &Meter, metrics: &Arc<Metrics>) {
    let provider = |name: String| KeyValue::new("gen_ai.provider.name", name);
    let counted = Arc::clone(metrics);
    meter
        .u64_observable_counter("yabby.attempts")
        .with_unit("{attempt}")
        .with_description("Attempts at upstreams by outcome.")
        .with_callback(move |observer| {
            for (name, counts) in counted.counts() {
                for (outcome, count) in counts.outcomes() {
                    observer.observe(
                        count,
                        &[provider(name.clone()), KeyValue::new("yabby.outcome", outcome)],
                    );
                }
            }
        })
        .build();
    let counted = Arc::clone(metrics);
    meter
        .u64_observable_counter("yabby.streams_without_end")
        .with_unit("{stream}")
        .with_description("Streams that were closed without the mark of their end.")
        .with_callback(move |observer| {
            for (name, counts) in counted.counts() {
                observer.observe(counts.unended_so_far(), &[provider(name)]);
            }
        })
        .build();
    let counted = Arc::clone(metrics);
    meter
        .u64_observable_gauge("yabby.requests_in_flight")
        .with_unit("{request}")
        .with_description("Requests that an upstream is answering now.")
        .with_callback(move |observer| {
            for (name, counts) in counted.counts() {
                observer.observe(counts.in_flight_now(), &[provider(name)]);
            }
        })
        .build();
}
