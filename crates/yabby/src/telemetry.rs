//! OpenTelemetry, where the config wants it and this build has it.

use yabby_core::text;
use yabby_gateway::Telemetry;

use crate::app::App;

/// Tells that the config wants what this build does not have.
pub(crate) fn tell_missing(app: &App) {
    if app.config().otel.is_none() || Telemetry::BUILT_IN {
        return;
    }
    app.terminal.notice(&text!(
        "diagnostics.otel has no effect: this build of Yabby has no OpenTelemetry; one that has it is built with: {command}",
        command = "cargo build --release --features otel"
    ));
}
