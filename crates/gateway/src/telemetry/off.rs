//! What there is in a build without OpenTelemetry: nothing, at no cost.
#![expect(clippy::unused_async, reason = "the other one waits")]

use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};
use tokio::task::JoinSet;
use yabby_config::OtelSettings;
use yabby_route::TurnRecord;

use crate::{
    Log,
    metrics::{Metrics, Record},
};

/// Where traces and metrics go. In this build, nowhere.
// Not a unit, whose `default` would be one call too many for Clippy.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(());

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace;

impl Telemetry {
    /// Whether this build can send anything.
    pub const BUILT_IN: bool = false;

    /// What the config wants.
    pub fn new(_: Option<&OtelSettings>) -> Self {
        Self(())
    }

    /// A turn of the assistant is over.
    pub fn turn(&self, _: &TurnRecord) {}

    /// No gateway was bound.
    pub fn give_up(&self) {}

    pub(crate) fn request(&self, _: &'static str, _: &HeaderMap) -> Trace {
        Trace
    }

    pub(crate) fn start(&self, _: &Arc<Metrics>, _: &Log, _: &mut JoinSet<()>) {}

    pub(crate) async fn end(&self) {}
}

impl Trace {
    pub(crate) fn asks(&self, _: &str) {}

    pub(crate) fn attempt(&self, _: &Record) {}

    pub(crate) fn status(&self, _: StatusCode) {}

    pub(crate) fn left(&self) {}

    pub(crate) fn forget(&self) {}
}
