//! Traces and metrics for an OpenTelemetry collector, in a build with the feature `otel`. Without it every call here is empty.
//!
//! What is sent is made of the records of attempts that exist anyway: which model was asked where, how long it took, tokens, the
//! kind of an error. Nothing of what people or models say, no headers and no keys. A request leaves its record in a bounded
//! channel; everything else happens behind it, so that a collector that is slow or away holds nobody up.

#[cfg(feature = "otel")]
mod courier;
#[cfg(feature = "otel")]
mod instruments;
#[cfg(feature = "otel")]
mod on;
#[cfg(feature = "otel")]
mod spans;
#[cfg(feature = "otel")]
mod worker;

#[cfg(feature = "otel")]
pub use on::Telemetry;
#[cfg(feature = "otel")]
pub(crate) use on::Trace;

#[cfg(not(feature = "otel"))]
mod off;

#[cfg(not(feature = "otel"))]
pub use off::Telemetry;
#[cfg(not(feature = "otel"))]
pub(crate) use off::Trace;
