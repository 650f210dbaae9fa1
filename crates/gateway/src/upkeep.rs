//! What whoever looks after the gateway is shown, beside the servers.

use yabby_route::Tally;

use crate::{Log, Settings, Telemetry};

/// Where it is kept that the gateway is used, and what is told of it.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// How much each model was used.
    pub tally: Tally,
    /// What was told lately.
    pub log: Log,
    /// The config as it is shown.
    pub settings: Settings,
    /// Where traces and metrics go.
    pub telemetry: Telemetry,
}

impl Default for Upkeep {
    /// What is forgotten with the process.
    fn default() -> Self {
        Self {
            tally: Tally::in_memory(),
            log: Log::default(),
            settings: Settings::default(),
            telemetry: Telemetry::default(),
        }
    }
}
