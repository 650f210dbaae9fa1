//! What an error says about the key that the request was sent with.

use std::time::Duration;

use yabby_core::{ErrorDetails, ErrorKind};

/// How long a key rests that was refused or has no credit. Nobody can know when that changes; each try costs a request.
pub(super) const LONG: Duration = Duration::from_mins(30);
/// How long a key rests after its first limit that names no time; each further one takes [`GROWTH`] times as long.
const FIRST: Duration = Duration::from_secs(5);
const GROWTH: u32 = 5;
/// A server that says "now" is not believed: two keys would be asked in turn without end.
const LEAST: Duration = Duration::from_secs(1);
/// The longest that is believed: limits of a day are real.
const MOST: Duration = Duration::from_hours(24);

/// What an error says about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It rests for this long, for one model only or for all.
    Rest { one_model: bool, wait: Wait },
    /// Nothing.
    Nothing,
}

/// How long a key rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The server said it.
    Told(Duration),
    /// As long as there is no reason to believe that it has changed.
    Long,
    /// Longer each time.
    Growing,
}

/// The table. The README of the room has it in words.
pub(super) fn says(kind: ErrorKind, details: &ErrorDetails) -> Says {
    let told = details
        .numbers
        .retry_after
        .map(|wait| Wait::Told(wait.clamp(LEAST, MOST)));
    match kind {
        // "Your API key does not have permission to use the specified resource" (platform.claude.com, "Errors"): it may
        // have it for another model.
        ErrorKind::Auth => Says::Rest {
            one_model: details.status == Some(403),
            wait: Wait::Long,
        },
        // "A 402 without a Retry-After header is not a wait-and-retry case" (openrouter.ai, "Errors and Debugging").
        ErrorKind::Billing => Says::Rest {
            one_model: false,
            wait: told.unwrap_or(Wait::Long),
        },
        // Limits are set for each model (platform.claude.com and developers.openai.com, "Rate limits").
        ErrorKind::RateLimit => Says::Rest {
            one_model: true,
            wait: told.unwrap_or(Wait::Growing),
        },
        // Overloaded is the server's, and everything else is about the request, the model or the way there.
        _ => Says::Nothing,
    }
}

// === impl Wait ===

impl Wait {
    /// How long that is, when it is so for the `times`th time in a row.
    pub(super) fn time(self, times: u32) -> Duration {
        match self {
            Self::Told(wait) => wait,
            Self::Long => LONG,
            Self::Growing => FIRST
                .saturating_mul(GROWTH.saturating_pow(times.saturating_sub(1)))
                .min(LONG),
        }
    }
}
