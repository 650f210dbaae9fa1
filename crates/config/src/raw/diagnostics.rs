//! What is told of Yabby elsewhere, as it is written. Keys of OpenClaw (docs.openclaw.ai, "OpenTelemetry configuration";
//! `src/config/types.base.ts`).

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OrderedMap, Scalar};

/// What is told of Yabby elsewhere.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Diagnostics {
    /// Whether anything of this section is on; true when unset.
    pub(crate) enabled: Option<bool>,
    /// Traces and metrics for an OpenTelemetry collector.
    pub(crate) otel: Otel,
}

/// Traces and metrics for an OpenTelemetry collector: which models were asked, how long they took, tokens and errors. Never
/// what was said. It needs a build of Yabby with the feature `otel`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Otel {
    /// Whether they are sent; false when unset.
    pub(crate) enabled: Option<bool>,
    /// Address of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are appended. Unset, the
    /// variable `OTEL_EXPORTER_OTLP_ENDPOINT` has it. Without one, nothing is sent.
    pub(crate) endpoint: Option<String>,
    /// The whole address for traces, when it is another one.
    pub(crate) traces_endpoint: Option<String>,
    /// The whole address for metrics, when it is another one.
    pub(crate) metrics_endpoint: Option<String>,
    /// `http/protobuf` is what Yabby speaks. With `grpc` nothing is sent.
    pub(crate) protocol: Option<OtelProtocol>,
    /// Headers of each request to the collector, such as its key: text, `${VARIABLE}`, or a reference to a secret. Those of the
    /// variable `OTEL_EXPORTER_OTLP_HEADERS` (`name=value,…`) are sent too, where these have no such name.
    pub(crate) headers: OrderedMap<Scalar>,
    /// The name that Yabby has there; `OTEL_SERVICE_NAME`, or `yabby`, when unset.
    pub(crate) service_name: Option<String>,
    /// Whether traces are sent; true when unset.
    pub(crate) traces: Option<bool>,
    /// Whether metrics are sent; true when unset.
    pub(crate) metrics: Option<bool>,
    /// The share of traces that is sent, from 0 to 1; 1 when unset. A client that says by `traceparent` whether its trace is
    /// recorded decides that itself.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) sample_rate: Option<f64>,
    /// Milliseconds between two sendings of metrics; 60000 when unset.
    #[schemars(range(min = 1000))]
    pub(crate) flush_interval_ms: Option<u64>,
}

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum OtelProtocol {
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
    #[serde(rename = "grpc")]
    Grpc,
}
