//! Working off what waits: turns for what has come in, and deliveries.
//!
//! Each is a loop that takes work when it is told that there is some (and looks from time to time, in case it was not
//! told), does several pieces side by side, keeps their leases, and stops in peace when it is asked to. What it does is
//! said by a [`TurnHandler`] or a [`Deliver`]. Whoever runs a loop owns all of its tasks: they end with it.

mod alarms;
mod backoff;
mod crew;
mod deliver;
mod deliveries;
mod handler;
mod keep;
mod pace;
mod turns;

pub use alarms::Alarms;
pub use deliver::{Deliver, LookedUp, Sending};
pub use deliveries::Deliveries;
pub use handler::{Answered, Turn, TurnHandler};
pub use pace::Pace;
pub use turns::Turns;
