//! What processes that share a store say to each other, and nobody keeps.
//!
//! Words are for what is worth something now, such as the pieces of an answer while it is made. They come in the order in which
//! one process has said them, or not at all: whoever rests on them numbers them, and asks anew. With SQLite there is nobody else.

mod pieces;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::{
    Notify,
    broadcast::{self, error::RecvError},
};

use crate::store::Store;

pub(crate) use pieces::{Joined, LONGEST};

/// So much of what was said may wait for the connection, in bytes.
const MOST_WAITING: usize = 4 << 20;
/// So many words may wait for who hears them.
const BEHIND: usize = 1024;

/// To whom something is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// To all other processes.
    All,
    /// To the one of this id ([`Store::me`]).
    One(String),
}

/// What is heard of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Another process has said something.
    Said {
        /// The id of that process.
        from: String,
        /// What.
        words: String,
    },
    /// Something may have been said that was not heard.
    Missed,
    /// The process of this id has died in the middle of its work; others may take over what it had.
    Gone(String),
}

/// The way to the other processes of a store. Clones are the same.
#[derive(Clone, Debug)]
pub struct Between(Arc<Inner>);

/// Hears what others say, from when it was made.
#[derive(Debug)]
pub struct Ear(broadcast::Receiver<Heard>);

#[derive(Debug)]
struct Inner {
    me: String,
    waiting: Mutex<Waiting>,
    bell: Notify,
    heard: broadcast::Sender<Heard>,
    others: AtomicBool,
    /// Odd while this process is seen. It changes each time.
    seen: AtomicU64,
}

/// Notes that are to be sent.
#[derive(Debug, Default)]
struct Waiting {
    notes: VecDeque<Note>,
    bytes: usize,
    /// How much was said.
    said: u64,
}

/// A piece of what is said, on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) to: Whom,
    pub(crate) payload: String,
}

impl Store {
    /// The way to other processes that have the store open to write; none where there cannot be any.
    pub fn between(&self) -> Option<Between> {
        self.backend().between().cloned()
    }
}

impl Between {
    pub(crate) fn new(me: &str) -> Self {
        Self(Arc::new(Inner {
            me: me.to_owned(),
            waiting: Mutex::default(),
            bell: Notify::new(),
            heard: broadcast::channel(BEHIND).0,
            others: AtomicBool::new(false),
            seen: AtomicU64::new(0),
        }))
    }

    /// The longest words, in bytes.
    pub const LONGEST: usize = LONGEST;

    /// Says something. It is dropped when it is longer than [`Between::LONGEST`], or too much waits already; whether it is on
    /// its way.
    pub fn say(&self, to: &Whom, words: &str) -> bool {
        if words.len() > Self::LONGEST {
            return false;
        }
        let mut waiting = self.waiting();
        if waiting.bytes > MOST_WAITING {
            return false;
        }
        waiting.said += 1;
        for payload in pieces::cut(&self.0.me, waiting.said, words) {
            waiting.bytes += payload.len();
            waiting.notes.push_back(Note {
                to: to.clone(),
                payload,
            });
        }
        drop(waiting);
        self.0.bell.notify_one();
        true
    }

    /// Hears from now on.
    pub fn hear(&self) -> Ear {
        Ear(self.0.heard.subscribe())
    }

    /// Whether nothing of what was said still waits for the connection: who has much to say waits for this.
    pub fn is_idle(&self) -> bool {
        self.waiting().notes.is_empty()
    }

    /// Whether there are others, as far as is known.
    pub fn has_others(&self) -> bool {
        self.0.others.load(Ordering::Relaxed)
    }

    pub(crate) fn set_others(&self, are_there: bool) {
        self.0.others.store(are_there, Ordering::Relaxed);
    }

    /// Whether others see by a lock that this process lives.
    pub(crate) fn is_present(&self) -> bool {
        self.seen() % 2 == 1
    }

    /// Changes when others see this process no more, and when they see it again.
    pub(crate) fn seen(&self) -> u64 {
        self.0.seen.load(Ordering::Relaxed)
    }

    /// Only the connection that listens knows it.
    pub(crate) fn set_present(&self, is_present: bool) {
        if self.is_present() != is_present {
            self.0.seen.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is to be sent next, up to so many bytes, and one at least.
    pub(crate) fn take(&self, most: usize) -> Vec<Note> {
        let mut waiting = self.waiting();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(note) = waiting
            .notes
            .pop_front_if(|note| bytes == 0 || bytes + note.payload.len() <= most)
        {
            bytes += note.payload.len();
            taken.push(note);
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        taken
    }

    /// The connection has broken off: who waits for what was said asks again.
    pub(crate) fn forget(&self) {
        let mut waiting = self.waiting();
        (waiting.notes, waiting.bytes) = Default::default();
    }

    /// Until something was said.
    pub(crate) async fn rung(&self) {
        self.0.bell.notified().await;
    }

    pub(crate) fn tell(&self, heard: Heard) {
        // Nobody may hear.
        let _ = self.0.heard.send(heard);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ear {
    /// What comes next; none when the store is closed.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}
