//! The lane of a conversation, held as long as something is done in it.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::unconstrained;
use yabby_core::SessionKey;
use yabby_store::{Lease, Store, StoreError};

/// A lane that is given back also when what holds it is dropped: it would stay taken as long as this process lives.
pub(super) struct Held {
    store: Store,
    lease: Lease,
    released: bool,
}

impl Held {
    /// Takes the lane of a conversation; `None` while another has it.
    pub(super) async fn take(
        store: &Store,
        conversation: &SessionKey,
        time: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let lease = store.lease_conversation(conversation.as_str(), time).await?;
        Ok(lease.map(|lease| Self {
            store: store.clone(),
            lease,
            released: false,
        }))
    }

    /// The right to work there.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Gives it back.
    pub(super) async fn release(mut self) -> Result<(), StoreError> {
        self.released = true;
        self.store.release(&self.lease).await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.released {
            // What is asked of the store once happens, whether anybody waits for it or not.
            let _ = unconstrained(self.store.release(&self.lease)).now_or_never();
        }
    }
}
