//! Who waits for which answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, mpsc};
use yabby_core::{SessionKey, text};
use yabby_store::{ClaimedDelivery, Deliver, Said, Sending};

/// Requests that wait for their answers, by conversation.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<HashMap<String, Vec<mpsc::UnboundedSender<Said>>>>>);

/// Conversations whose clients have left in mid-answer.
#[derive(Default)]
pub(super) struct Stops {
    left: Mutex<Vec<SessionKey>>,
    more: Notify,
}

impl Waiting {
    /// What is said to a conversation from now on.
    pub(super) fn wait(&self, conversation: &SessionKey) -> mpsc::UnboundedReceiver<Said> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        waiting
            .entry(conversation.as_str().to_owned())
            .or_default()
            .push(sender);
        receiver
    }
}

impl Deliver for Waiting {
    async fn send(&self, delivery: &ClaimedDelivery) -> Sending {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent = false;
        if let Some(senders) = waiting.get_mut(&delivery.to.peer) {
            senders.retain(|sender| {
                let is_there = sender.send(delivery.content.clone()).is_ok();
                sent |= is_there;
                is_there
            });
        }
        if sent {
            Sending::Sent { receipt: None }
        } else {
            // It stands in the conversation.
            Sending::NotSent {
                problem: text!("the program that asked has left"),
                again: false,
                after: None,
            }
        }
    }
}

impl Stops {
    /// Nobody waits for the answer of this conversation any more.
    pub(super) fn abandon(&self, conversation: SessionKey) {
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(conversation);
        self.more.notify_one();
    }

    /// The next one that was abandoned.
    pub(super) async fn next(&self) -> SessionKey {
        loop {
            if let Some(conversation) = self.left.lock().unwrap_or_else(PoisonError::into_inner).pop() {
                return conversation;
            }
            self.more.notified().await;
        }
    }
}
