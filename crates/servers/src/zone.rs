//! Where the data of a request goes.

use yabby_core::Zone;

use crate::{Endpoint, Reach};

impl Endpoint {
    /// Where a request for `model` would carry its data, as far as it is known now: what the config says, else what the
    /// address says.
    pub fn zone_of(&self, _model: &str) -> Zone {
        self.zone.clone().unwrap_or(match self.reach {
            Reach::Loopback => Zone::Machine,
            Reach::Lan => Zone::Lan,
            Reach::Hosted => Zone::Hosted,
        })
    }
}
