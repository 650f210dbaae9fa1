//! Who sends.

use std::time::Duration;

use yabby_core::Text;

use crate::outbox::ClaimedDelivery;

/// Sends deliveries, as a channel does.
pub trait Deliver: Send + Sync + 'static {
    /// Sends one. When the future is dropped, or the process ends, before it has returned, it counts as one that may have
    /// been sent.
    fn send(&self, delivery: &ClaimedDelivery) -> impl Future<Output = Sending> + Send;

    /// Finds out whether one was sent that may have been. Only for channels that can say it for sure.
    fn look_up(&self, delivery: &ClaimedDelivery) -> impl Future<Output = LookedUp> + Send {
        let _ = delivery;
        async { LookedUp::CannotTell }
    }
}

/// How sending has ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Sending {
    /// The channel has it.
    Sent {
        /// The channel's id of it.
        receipt: Option<String>,
    },
    /// For sure it was not sent.
    NotSent {
        /// Why.
        problem: Text,
        /// Whether another try makes sense.
        again: bool,
        /// How long the channel wants us to wait, where it says so.
        after: Option<Duration>,
    },
    /// It may have been sent.
    MayHaveBeenSent {
        /// Why nobody knows.
        problem: Text,
    },
}

/// What a channel says about a delivery that may have been sent.
#[derive(Clone, Debug, PartialEq)]
pub enum LookedUp {
    /// It was.
    Sent {
        /// The channel's id of it.
        receipt: Option<String>,
    },
    /// It was not.
    NotSent,
    /// Nobody knows.
    CannotTell,
}
