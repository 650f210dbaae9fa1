//! Counts for operators, and the last attempts.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::HeaderMap;
use serde_json::Value;
use yabby_core::{Attempt, ErrorKind, Outcome, Phase, Usage};
use yabby_route::{Tally, tally::Done};

use crate::{
    Telemetry,
    log::{Level, Log},
    routes::Target,
    telemetry::Trace,
};

/// The upper bounds of the buckets of the time to the first byte, in milliseconds.
const BOUNDS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];
/// How many attempts are remembered.
const REMEMBERED: usize = 256;

/// All counts of a gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    endpoints: Mutex<BTreeMap<String, Arc<Counts>>>,
    last: Mutex<VecDeque<Record>>,
    /// Sums of each day.
    tally: Tally,
    log: Log,
    telemetry: Telemetry,
}

/// An attempt that is over. It shares what it can: hundreds are kept, and each that had memory of its own would keep the
/// memory of the requests around it from going back to the system.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) target: Arc<Target>,
    pub(crate) outcome: Outcome,
    pub(crate) decision: Option<&'static str>,
    pub(crate) queued_ms: u64,
    pub(crate) cost: Option<f64>,
    pub(crate) phase: Phase,
    pub(crate) head_ms: Option<u64>,
    pub(crate) first_ms: Option<u64>,
    pub(crate) total_ms: u64,
    pub(crate) bytes: u64,
    pub(crate) usage: Usage,
}

/// The counts of one provider.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    answered: AtomicU64,
    /// The client left before the end.
    left: AtomicU64,
    /// Streams that ended without the mark of their end.
    unended: AtomicU64,
    in_flight: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
    first_byte: [AtomicU64; BOUNDS.len() + 1],
    first_byte_micros: AtomicU64,
}

/// A request in flight; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Counts>);

// === impl Metrics ===

impl Metrics {
    pub(crate) fn new(tally: Tally, log: Log, telemetry: Telemetry) -> Self {
        Self {
            endpoints: Mutex::default(),
            // All at once: what grows in a busy moment keeps the memory before it from going back to the system.
            last: Mutex::new(VecDeque::with_capacity(REMEMBERED)),
            tally,
            log,
            telemetry,
        }
    }

    pub(crate) fn of(&self, provider: &str) -> Arc<Counts> {
        Arc::clone(lock(&self.endpoints).entry(provider.to_owned()).or_default())
    }

    /// A request has come, to which attempts belong.
    pub(crate) fn request(&self, path: &'static str, headers: &HeaderMap) -> Trace {
        self.telemetry.request(path, headers)
    }

    /// Keeps the record of an attempt.
    pub(crate) fn remember(&self, record: Record, trace: &Trace) {
        trace.attempt(&record);
        let counts = &record.target.counts;
        match &record.outcome {
            Outcome::Answered | Outcome::Outrun => _ = counts.answered.fetch_add(1, Ordering::Relaxed),
            // Nothing was asked.
            Outcome::PassedOver { .. } => {}
            Outcome::Failed { error, .. } => {
                *lock(&counts.failed).entry(name(*error)).or_default() += 1;
                // Its message may repeat what was said.
                let next = record.decision.unwrap_or("end");
                let text = format!("{}: {} ({next})", record.target.model, name(*error));
                self.log.add(Level::Warn, "models", &text);
            }
        }
        self.tally.note(&record.target.model, &record.done());
        let mut last = lock(&self.last);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back(record);
    }

    /// The last attempts, the latest last.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.last).iter().map(Record::attempt).collect()
    }

    /// The counts of each provider.
    pub(crate) fn counts(&self) -> Vec<(String, Arc<Counts>)> {
        let endpoints = lock(&self.endpoints);
        let counts = endpoints.iter();
        counts
            .map(|(name, counts)| (name.clone(), Arc::clone(counts)))
            .collect()
    }

    /// All counts in Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats>).
    pub(crate) fn text(&self) -> String {
        let endpoints: Vec<(String, Arc<Counts>)> = self
            .counts()
            .into_iter()
            .map(|(name, counts)| (label(&name), counts))
            .collect();
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        head(
            &mut out,
            "yabby_attempts_total",
            "counter",
            "Attempts at upstreams by outcome.",
        );
        for (name, counts) in &endpoints {
            for (outcome, count) in counts.outcomes() {
                let _ = writeln!(
                    out,
                    "yabby_attempts_total{{endpoint=\"{name}\",outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        head(
            &mut out,
            "yabby_streams_without_end_total",
            "counter",
            "Streams that were closed without the mark of their end.",
        );
        for (name, counts) in &endpoints {
            let count = counts.unended_so_far();
            let _ = writeln!(out, "yabby_streams_without_end_total{{endpoint=\"{name}\"}} {count}");
        }
        head(
            &mut out,
            "yabby_requests_in_flight",
            "gauge",
            "Requests that an upstream is answering now.",
        );
        for (name, counts) in &endpoints {
            let count = counts.in_flight_now();
            let _ = writeln!(out, "yabby_requests_in_flight{{endpoint=\"{name}\"}} {count}");
        }
        let name_of = "yabby_time_to_first_byte_seconds";
        head(
            &mut out,
            name_of,
            "histogram",
            "From the start of an attempt to the first byte of its body.",
        );
        for (name, counts) in &endpoints {
            let mut sum = 0;
            for (bucket, bound) in counts.first_byte.iter().zip(BOUNDS.map(Some).into_iter().chain([None])) {
                sum += load(bucket);
                let bound = bound.map_or("+Inf".to_owned(), |bound| {
                    Duration::from_millis(bound).as_secs_f64().to_string()
                });
                let _ = writeln!(out, "{name_of}_bucket{{endpoint=\"{name}\",le=\"{bound}\"}} {sum}");
            }
            let seconds = Duration::from_micros(load(&counts.first_byte_micros)).as_secs_f64();
            let _ = writeln!(out, "{name_of}_sum{{endpoint=\"{name}\"}} {seconds}");
            let _ = writeln!(out, "{name_of}_count{{endpoint=\"{name}\"}} {sum}");
        }
        out
    }
}

// === impl Record ===

impl Record {
    fn done(&self) -> Done {
        Done {
            failed: matches!(self.outcome, Outcome::Failed { .. }),
            first_token_ms: self.first_ms,
            total_ms: self.total_ms,
            usage: self.usage,
            cost: self.cost,
        }
    }

    pub(crate) fn attempt(&self) -> Attempt {
        Attempt {
            model: self.target.model.clone(),
            endpoint: self.target.endpoint.base_url.clone(),
            zone: self.target.endpoint.zone_of(self.target.model.model()),
            outcome: self.outcome.clone(),
            decision: self.decision.map(str::to_owned),
            phase: self.phase,
            queued_ms: self.queued_ms,
            sent_ms: None,
            cost: self.cost,
            head_ms: self.head_ms,
            first_token_ms: self.first_ms,
            total_ms: self.total_ms,
            bytes: self.bytes,
            usage: self.usage,
        }
    }
}

// === impl Counts ===

impl Counts {
    /// A request is sent.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn in_flight_now(&self) -> u64 {
        load(&self.in_flight)
    }

    pub(crate) fn unended_so_far(&self) -> u64 {
        load(&self.unended)
    }

    /// How attempts have ended.
    pub(crate) fn outcomes(&self) -> BTreeMap<String, u64> {
        let mut outcomes = lock(&self.failed).clone();
        outcomes.insert("answered".to_owned(), load(&self.answered));
        outcomes.insert("client_left".to_owned(), load(&self.left));
        outcomes
    }

    pub(crate) fn first_byte(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS
            .iter()
            .position(|bound| micros <= bound * 1000)
            .unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.first_byte.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.first_byte_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn client_left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unended(&self) {
        self.unended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a kind of error for programs.
pub(crate) fn name(kind: ErrorKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => name,
        _ => "other".to_owned(),
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new(Tally::in_memory(), Log::default(), Telemetry::default());
        let counts = metrics.of("a\"b");
        let in_flight = counts.enter();
        counts.first_byte(Duration::from_millis(2));
        counts.first_byte(Duration::from_secs(100));
        counts.client_left();
        let text = metrics.text();
        for line in [
            "yabby_attempts_total{endpoint=\"a\\\"b\",outcome=\"answered\"} 0",
            "yabby_attempts_total{endpoint=\"a\\\"b\",outcome=\"client_left\"} 1",
            "yabby_requests_in_flight{endpoint=\"a\\\"b\"} 1",
            "yabby_time_to_first_byte_seconds_bucket{endpoint=\"a\\\"b\",le=\"0.001\"} 0",
            "yabby_time_to_first_byte_seconds_bucket{endpoint=\"a\\\"b\",le=\"0.002\"} 1",
            "yabby_time_to_first_byte_seconds_bucket{endpoint=\"a\\\"b\",le=\"60\"} 1",
            "yabby_time_to_first_byte_seconds_bucket{endpoint=\"a\\\"b\",le=\"+Inf\"} 2",
            "yabby_time_to_first_byte_seconds_sum{endpoint=\"a\\\"b\"} 100.002",
            "yabby_time_to_first_byte_seconds_count{endpoint=\"a\\\"b\"} 2",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
        drop(in_flight);
        assert!(
            metrics
                .text()
                .contains("yabby_requests_in_flight{endpoint=\"a\\\"b\"} 0")
        );
    }
}
