//! A channel whose receivers are lines of a ledger.

use std::path::PathBuf;

use yabby_core::Lang;
use yabby_store::{ClaimedDelivery, Deliver, LookedUp, Said, Sending};

use crate::ledger;

pub(crate) struct Channel {
    sent: PathBuf,
    look_up: bool,
}

impl Channel {
    pub(crate) fn new(sent: PathBuf, look_up: bool) -> Self {
        Self { sent, look_up }
    }
}

impl Deliver for Channel {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        let text = match &delivery.content {
            Said::Answer(text) => text.as_str().to_owned(),
            Said::Notice(text) => text.render(Lang::En),
        };
        ledger::add(&self.sent, &format!("{}\t{}\t{text}", delivery.key, delivery.to.peer));
        Sending::Sent {
            receipt: Some(delivery.key.clone()),
        }
    }

    async fn look_up(&self, delivery: &ClaimedDelivery) -> LookedUp {
        if !self.look_up {
            return LookedUp::CannotTell;
        }
        let begin = format!("{}\t", delivery.key);
        if ledger::lines(&self.sent).iter().any(|line| line.starts_with(&begin)) {
            LookedUp::Sent {
                receipt: Some(delivery.key.clone()),
            }
        } else {
            LookedUp::NotSent
        }
    }
}
