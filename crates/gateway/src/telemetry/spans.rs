//! Spans: one for each request or turn, and one below it for each attempt. Names as in the semantic conventions for generative
//! AI (<https://github.com/open-telemetry/semantic-conventions-genai>); what has no name there is `yabby.…`.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use yabby_core::{Attempt, ModelRef, Outcome};

use super::on::{PARENT, Request, STATE, Turn};
use crate::metrics::name;

/// What embeddings come under; everything else is a chat.
pub(super) const EMBEDDINGS: &str = "/v1/embeddings";

/// Makes spans.
pub(super) struct Spans<T> {
    tracer: T,
    propagator: TraceContextPropagator,
}

/// The headers that say which trace a request belongs to.
struct Headers<'a>(HashMap<&'a str, &'a str>);

// === impl Spans ===

impl<T> Spans<T>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    pub(super) fn new(tracer: T) -> Self {
        Self {
            tracer,
            propagator: TraceContextPropagator::new(),
        }
    }

    /// A request, with what was tried for it.
    pub(super) fn request(&self, request: &Request, attempts: &[(SystemTime, Attempt)]) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", request.path),
        ];
        if let Some(status) = request.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        }
        if let Some(asked) = &request.asked {
            attributes.push(KeyValue::new("gen_ai.request.model", asked.clone()));
        }
        attributes.extend(answered_by(attempts.iter().map(|(_, attempt)| attempt)));
        if request.left {
            attributes.push(KeyValue::new("yabby.client_left", true));
        }
        let span = SpanBuilder::from_name(format!("POST {}", request.path))
            .with_kind(SpanKind::Server)
            .with_start_time(request.begun)
            .with_attributes(attributes);
        let failed = request.status.is_some_and(|status| status.is_server_error())
            || matches!(attempts.last(), Some((_, attempt)) if !is_answer(attempt));
        let above = self
            .propagator
            .extract_with_context(&Context::new(), &Headers::of(request));
        self.whole(span, &above, request.ended, failed, |context| {
            for (ended, attempt) in attempts {
                self.attempt(request.path, attempt, *ended, context);
            }
        });
    }

    /// A turn, with what was tried for it. Its record has durations and no times, so that attempts stand one behind the other.
    pub(super) fn turn(&self, turn: &Turn) {
        let record = &turn.record;
        let mut attributes = Vec::new();
        if let Some(agent) = &record.agent {
            attributes.push(KeyValue::new("gen_ai.agent.name", agent.clone()));
        }
        attributes.extend(answered_by(record.attempts.iter()));
        let begun = before(turn.ended, record.total_ms);
        let span = SpanBuilder::from_name("yabby.turn")
            .with_kind(SpanKind::Internal)
            .with_start_time(begun)
            .with_attributes(attributes);
        let failed = !record.attempts.iter().any(is_answer);
        self.whole(span, &Context::new(), turn.ended, failed, |context| {
            let mut ended = begun;
            for attempt in record.attempts.iter().filter(|attempt| attempt.was_asked()) {
                ended += Duration::from_millis(attempt.queued_ms.saturating_add(attempt.total_ms));
                ended = ended.min(turn.ended);
                self.attempt("", attempt, ended, context);
            }
        });
    }

    /// A span with others below it.
    fn whole(&self, span: SpanBuilder, above: &Context, ended: SystemTime, failed: bool, below: impl FnOnce(&Context)) {
        let mut span = self.tracer.build_with_context(span, above);
        if failed {
            span.set_status(Status::error(""));
        }
        let context = Context::new().with_span(span);
        below(&context);
        context.span().end_with_timestamp(ended);
    }

    fn attempt(&self, path: &str, attempt: &Attempt, ended: SystemTime, above: &Context) {
        let mut attributes = of_attempt(path, attempt);
        let usage = &attempt.usage;
        for (name, count) in [
            ("gen_ai.usage.input_tokens", usage.input_tokens),
            ("gen_ai.usage.output_tokens", usage.output_tokens),
            ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
        ] {
            attributes.extend(count.map(|count| KeyValue::new(name, i64::from(count))));
        }
        if let Some(first) = attempt.first_token_ms {
            attributes.push(KeyValue::new("gen_ai.response.time_to_first_chunk", seconds(first)));
        }
        if is_answer(attempt) {
            attributes.push(KeyValue::new("gen_ai.response.model", attempt.model.model().to_owned()));
        }
        attributes.push(KeyValue::new("yabby.zone", attempt.zone.to_string()));
        attributes.push(KeyValue::new("yabby.queue_time", seconds(attempt.queued_ms)));
        if let Some(decision) = &attempt.decision {
            attributes.push(KeyValue::new("yabby.decision", decision.clone()));
        }
        if let Some(cost) = attempt.cost {
            attributes.push(KeyValue::new("yabby.cost_usd", cost));
        }
        let span = SpanBuilder::from_name(format!("{} {}", operation(path), attempt.model.model()))
            .with_kind(SpanKind::Client)
            .with_start_time(before(ended, attempt.total_ms))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(span, above);
        if matches!(attempt.outcome, Outcome::Failed { .. }) {
            // What the error says may repeat what was said.
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(ended);
    }
}

/// What spans and measurements of an attempt have in common.
pub(super) fn of_attempt(path: &str, attempt: &Attempt) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("gen_ai.operation.name", operation(path)),
        KeyValue::new("gen_ai.provider.name", attempt.model.provider().to_owned()),
        KeyValue::new("gen_ai.request.model", attempt.model.model().to_owned()),
    ];
    if let Ok(url) = attempt.endpoint.parse::<hyper::Uri>()
        && let Some(host) = url.host()
    {
        let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        attributes.push(KeyValue::new("server.port", i64::from(url.port_u16().unwrap_or(usual))));
    }
    if let Outcome::Failed { error, .. } = &attempt.outcome {
        attributes.push(KeyValue::new("error.type", name(*error)));
    }
    attributes
}

pub(super) fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

fn operation(path: &str) -> &'static str {
    if path == EMBEDDINGS { "embeddings" } else { "chat" }
}

fn is_answer(attempt: &Attempt) -> bool {
    attempt.outcome == Outcome::Answered
}

/// The model whose answer it is.
fn answered_by<'a>(mut attempts: impl Iterator<Item = &'a Attempt>) -> Option<KeyValue> {
    let model: &ModelRef = &attempts.find(|attempt| is_answer(attempt))?.model;
    Some(KeyValue::new("gen_ai.response.model", model.to_string()))
}

fn before(time: SystemTime, milliseconds: u64) -> SystemTime {
    time.checked_sub(Duration::from_millis(milliseconds)).unwrap_or(time)
}

// === impl Headers ===

impl<'a> Headers<'a> {
    fn of(request: &'a Request) -> Self {
        let both = [(PARENT, &request.parent), (STATE, &request.state)];
        let texts = both.into_iter().filter_map(|(name, value)| {
            let name = if name == PARENT { "traceparent" } else { "tracestate" };
            Some((name, value.as_ref()?.to_str().ok()?))
        });
        Self(texts.collect())
    }
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().copied().collect()
    }
}
