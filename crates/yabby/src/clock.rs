//! Whose clock shows the time.

use yabby_config::{Config, Environment};
use yabby_tools::Zone;

/// That of the person: `agents.defaults.userTimezone`, and that of this machine where it names none or one that nobody knows
/// here.
pub(crate) fn person(config: &Config, env: &Environment) -> Zone {
    let named = config.time_zone().and_then(Zone::named);
    named.unwrap_or_else(|| machine(env))
}

/// That of this machine, or of `TZ`.
pub(crate) fn machine(env: &Environment) -> Zone {
    match env.get("TZ") {
        Some(named) => Zone::named(named).unwrap_or_else(Zone::utc),
        None => Zone::local(),
    }
}
