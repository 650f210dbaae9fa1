//! The lane of a conversation, held as long as something is done in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    error::Result,
    lanes::{Lease, give_back},
    store::Store,
};

/// A lane that is given back also when what holds it is dropped, or what asks for it: it would stay taken as long as this process
/// lives.
#[derive(Debug)]
pub struct Held {
    lease: Lease,
    taken: Taken,
}

/// What is given back for an owner, whether it has been told of it or not.
#[derive(Debug)]
struct Taken {
    store: Store,
    conversation: String,
    owner: String,
    given_back: bool,
    /// Whether whoever asked has left. Jobs of PostgreSQL overtake each other: what gives a lane back may come before what takes it.
    has_left: Arc<AtomicBool>,
}

impl Store {
    /// Takes the lane of a conversation for so long at the most, to work in it without a message that has come in; `None` while
    /// another owner has it.
    pub async fn hold(&self, conversation: &str, time: Duration) -> Result<Option<Held>> {
        let mut taken = Taken {
            store: self.clone(),
            conversation: conversation.to_owned(),
            owner: self.new_owner(),
            given_back: false,
            has_left: Arc::default(),
        };
        let has_left = Arc::clone(&taken.has_left);
        let is_wanted = move || !has_left.load(Ordering::SeqCst);
        let lease = self
            .lease_for(taken.owner.clone(), conversation, time, is_wanted)
            .await?;
        taken.given_back = lease.is_none();
        Ok(lease.map(|lease| Held { lease, taken }))
    }
}

impl Held {
    /// The right to work there.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Gives it back.
    pub async fn release(mut self) -> Result<()> {
        self.taken.given_back = true;
        self.taken.store.release(&self.lease).await
    }

    /// It was given back with something that was written.
    pub fn given_back(mut self) {
        self.taken.given_back = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.given_back {
            return;
        }
        self.has_left.store(true, Ordering::SeqCst);
        let (conversation, owner) = (self.conversation.clone(), self.owner.clone());
        self.store
            .leave("give_back", move |tx| give_back(tx, &conversation, &owner));
    }
}
