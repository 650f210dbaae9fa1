//! Makes spans and measurements of what is told, and sends them.
//!
//! The SDK batches in threads of its own, whose queues are bounded and which hand each request to the [`Courier`], so that there
//! is one runtime and one TLS stack.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use opentelemetry::{InstrumentationScope, KeyValue, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    resource::TelemetryResourceDetector,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, Sampler, SdkTracer,
        SdkTracerProvider,
    },
};
use tokio::{sync::mpsc, task::spawn_blocking};
use yabby_config::OtelSettings;

use super::{
    courier::{Courier, Door, Signal},
    instruments::Instruments,
    on::Told,
    spans::Spans,
};
use crate::{Log, metrics::Metrics};

/// At the end, what is left is sent for so long.
pub(super) const FLUSH: Duration = Duration::from_secs(2);
/// Spans wait for others so long at the most.
const BATCH: Duration = Duration::from_secs(5);
/// So many spans wait to be sent; more are dropped.
const QUEUE: usize = 2048;

/// What sends, once it is set up.
struct Exporter {
    spans: Option<(SdkTracerProvider, Spans<SdkTracer>)>,
    instruments: Option<(SdkMeterProvider, Instruments)>,
}

/// Sets everything up.
pub(super) fn new(
    settings: &OtelSettings,
    metrics: &Arc<Metrics>,
    log: &Log,
    told: mpsc::Receiver<Told>,
) -> Result<impl Future<Output = ()> + Send + use<>, Box<dyn Error + Send + Sync>> {
    let (courier, parcels) = Courier::new(settings, log)?;
    let resource = resource(&settings.service_name);
    let scope = || {
        InstrumentationScope::builder("yabby")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build()
    };
    let spans = match &settings.traces {
        Some(url) => {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(Door::new(Signal::Traces, url, &parcels)?)
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(url)
                .build()?;
            let batch = BatchConfigBuilder::default()
                .with_max_queue_size(QUEUE)
                .with_scheduled_delay(BATCH.min(settings.interval))
                .build();
            let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch).build();
            let share = Sampler::TraceIdRatioBased(settings.sample_rate);
            let provider = SdkTracerProvider::builder()
                .with_span_processor(processor)
                .with_sampler(Sampler::ParentBased(Box::new(share)))
                .with_resource(resource.clone())
                .build();
            let tracer = provider.tracer_with_scope(scope());
            Some((provider, Spans::new(tracer)))
        }
        None => None,
    };
    let instruments = match &settings.metrics {
        Some(url) => {
            let exporter = MetricExporter::builder()
                .with_http()
                .with_http_client(Door::new(Signal::Metrics, url, &parcels)?)
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(url)
                .build()?;
            let reader = PeriodicReader::builder(exporter)
                .with_interval(settings.interval)
                .build();
            let provider = SdkMeterProvider::builder()
                .with_reader(reader)
                .with_resource(resource)
                .build();
            let instruments = Instruments::new(&provider.meter_with_scope(scope()), metrics);
            Some((provider, instruments))
        }
        None => None,
    };
    let exporter = Exporter { spans, instruments };
    Ok(async move {
        // When this is dropped, the courier goes first: the threads of the SDK, for which its providers wait at their end, must
        // not wait for it.
        tokio::select! {
            () = courier.run() => {}
            () = exporter.run(told) => {}
        }
    })
}

/// Who sends: the name, the version, and a number of this process, so that the metrics of replicas are told apart.
fn resource(name: &str) -> Resource {
    let instance = RandomIdGenerator::default().new_trace_id().to_string();
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_service_name(name.to_owned())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .build()
}

// === impl Exporter ===

impl Exporter {
    async fn run(self, mut told: mpsc::Receiver<Told>) {
        while let Some(told) = told.recv().await {
            match told {
                Told::Request(request) => {
                    let attempts = request.attempts.iter();
                    let attempts: Vec<_> = attempts.map(|(ended, record)| (*ended, record.attempt())).collect();
                    if let Some((_, spans)) = &self.spans {
                        spans.request(&request, &attempts);
                    }
                    if let Some((_, instruments)) = &self.instruments {
                        for (_, attempt) in &attempts {
                            instruments.attempt(request.path, attempt);
                        }
                    }
                }
                Told::Turn(turn) => {
                    if let Some((_, spans)) = &self.spans {
                        spans.turn(&turn);
                    }
                    if let Some((_, instruments)) = &self.instruments {
                        for attempt in &turn.record.attempts {
                            instruments.attempt("", attempt);
                        }
                    }
                }
                Told::End(done) => {
                    self.flush().await;
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// Sends what is left. It waits for the threads of the SDK, which wait for the courier.
    async fn flush(&self) {
        let spans = self.spans.as_ref().map(|(provider, _)| provider.clone());
        let metrics = self.instruments.as_ref().map(|(provider, _)| provider.clone());
        // A collector that takes nothing was told of already.
        let spans = spawn_blocking(move || spans.map(|provider| provider.shutdown_with_timeout(FLUSH)));
        let metrics = spawn_blocking(move || metrics.map(|provider| provider.shutdown_with_timeout(FLUSH)));
        let _ = tokio::join!(spans, metrics);
    }
}
