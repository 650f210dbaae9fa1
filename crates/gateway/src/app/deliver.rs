//! What goes out to the page.

use yabby_store::{ClaimedDelivery, Deliver, Said, Sending, Store};

use crate::feed::{Event, Feed, Words};

/// Delivers to the page. What a turn says at its end stands in the conversation, where the page reads it; anything else is
/// told to whoever watches.
pub(crate) struct Page {
    pub(crate) store: Store,
    pub(crate) feed: Feed,
}

impl Deliver for Page {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        if let (Said::Notice(text), Ok(conversation)) = (&delivery.content, delivery.to.peer.parse()) {
            let stands = match (
                delivery.key.rsplit_once('/'),
                self.store.conversation(&conversation).await,
            ) {
                (Some((reply, n)), Ok(Some(known))) => match known.session {
                    Some(session) => self.store.item(&session, &format!("{reply}/told/{n}")).await,
                    None => Ok(None),
                },
                _ => Ok(None),
            };
            if !matches!(stands, Ok(Some(_))) {
                let words = Words::of(text);
                self.feed.tell(Some(&conversation), &Event::Notice { words });
            }
        }
        Sending::Sent { receipt: None }
    }
}
