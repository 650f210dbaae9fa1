//! How long a server may be silent, and how long a request may take.

use std::time::Duration;

use yabby_servers::{Endpoint, Reach};

/// The limits of one attempt. Silence alone never ends an attempt: a server that is silent is asked on another
/// connection whether it lives, and one that answers there is waited for (it loads, or reads a long prompt).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// After this long without a byte, the server is asked whether it lives.
    pub silence: Duration,
    /// How long it may take to answer that.
    pub sign_of_life: Duration,
    /// The whole attempt, `timeoutSeconds` of the config where it is set.
    pub total: Duration,
}

/// OpenClaw's default for a whole run.
const TOTAL: Duration = Duration::from_mins(10);

impl Deadlines {
    /// The defaults for an endpoint: a server that hangs on every path is given up after about ten seconds when it
    /// is near, and after about twenty when it is hosted.
    pub fn of(endpoint: &Endpoint) -> Self {
        let (silence, sign_of_life) = match endpoint.reach {
            Reach::Loopback | Reach::Lan => (5, 4),
            Reach::Hosted => (10, 10),
        };
        Self {
            silence: Duration::from_secs(silence),
            sign_of_life: Duration::from_secs(sign_of_life),
            total: endpoint.timeout.unwrap_or(TOTAL),
        }
    }
}
