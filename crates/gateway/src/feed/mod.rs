//! What happens in all conversations, for whoever watches: each event once, with a number, and what a running turn has
//! brought so far for whoever comes later.

mod ears;
mod elsewhere;
mod event;
mod others;
mod running;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::body::Bytes;
use tokio::sync::broadcast::error::RecvError;
use yabby_agent::{Hub, Live};
use yabby_core::SessionKey;

use ears::Watchers;
use elsewhere::Followers;
use others::Others;

pub(crate) use ears::Ears;
pub(crate) use elsewhere::Elsewhere;
pub use event::Words;
pub(crate) use event::{Event, Numbered, Question, Running, attempt};

/// Everything that happens. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    seq: u64,
    /// Turns of this process, and those of others that somebody here watches.
    running: HashMap<SessionKey, Running>,
    watchers: Watchers,
    followers: Followers,
    others: Others,
}

impl State {
    /// Whether somebody here wants to know what happens in a conversation.
    fn is_watched(&self, conversation: &SessionKey) -> bool {
        self.watchers.is_watched(conversation) || self.followers.has(conversation)
    }
}

/// An event, ready to be sent.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) seq: u64,
    /// The conversation that it belongs to.
    pub(crate) conversation: Option<SessionKey>,
    pub(crate) line: Line,
}

/// An event as it is sent, which all who hear it share.
#[derive(Clone, Debug)]
pub(crate) struct Line(Bytes);

impl Feed {
    /// Takes in what happens in turns of this process, for ever.
    pub(crate) async fn follow(self, hub: Hub) {
        let mut all = hub.watch_all();
        loop {
            match all.recv().await {
                Ok((conversation, live)) => self.live(&conversation, live),
                // What was said is in the store; whoever watches reads it there.
                Err(RecvError::Lagged(_)) => self.missed(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Watches from now on.
    pub(crate) fn watch(&self) -> Ears {
        Ears::new(self)
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        !self.lock().watchers.is_empty()
    }

    /// Tells whoever watches.
    pub(crate) fn tell(&self, conversation: Option<&SessionKey>, event: &Event) {
        let mut state = self.lock();
        self.send(&mut state, conversation, event);
    }

    /// What the running turn of a conversation has brought so far, and the number of the last event that is in it.
    pub(crate) fn running(&self, conversation: &SessionKey) -> (Option<Running>, u64) {
        let state = self.lock();
        (state.running.get(conversation).cloned(), state.seq)
    }

    /// Whether a turn of a conversation runs, here or, as far as is known, elsewhere.
    pub(crate) fn runs(&self, conversation: &SessionKey) -> bool {
        self.lock().running.contains_key(conversation)
    }

    fn live(&self, conversation: &SessionKey, live: Live) {
        let Some(event) = running::told(live) else { return };
        let mut state = self.lock();
        if matches!(event, Event::Trying { .. })
            && let Some(running) = state.running.get_mut(conversation).filter(|running| running.stepped())
        {
            running.see(&Event::Step);
            self.send(&mut state, Some(conversation), &Event::Step);
        }
        match &event {
            Event::Began { turn } => {
                state.running.insert(conversation.clone(), Running::new(turn));
                state.others.began_here(conversation);
            }
            Event::Ended => {
                state.running.remove(conversation);
            }
            other => {
                if let Some(running) = state.running.get_mut(conversation) {
                    running.see(other);
                }
            }
        }
        let asked = matches!(event, Event::Asked { .. });
        let listed = matches!(event, Event::Began { .. } | Event::Ended);
        self.send(&mut state, Some(conversation), &event);
        if asked {
            self.send(&mut state, None, &Event::Approvals);
        }
        if listed {
            self.send(&mut state, None, &Event::Conversations);
        }
    }

    fn missed(&self) {
        let mut state = self.lock();
        let conversations: Vec<SessionKey> = state.running.keys().cloned().collect();
        for conversation in conversations {
            self.send(&mut state, Some(&conversation), &Event::Entries);
        }
    }

    fn send(&self, state: &mut State, conversation: Option<&SessionKey>, event: &Event) {
        state.seq += 1;
        let seq = state.seq;
        if let Some(conversation) = conversation {
            state.others.happens(conversation, event);
        }
        state.watchers.tell(conversation, || Told {
            line: Line::new(seq, conversation, event),
            seq,
            conversation: conversation.cloned(),
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Line ===

impl Line {
    /// In front of the JSON in a stream of server-sent events.
    const BEFORE: &str = "data: ";
    /// Behind it.
    const BEHIND: &str = "\n\n";

    pub(crate) fn new(seq: u64, conversation: Option<&SessionKey>, event: &Event) -> Self {
        let numbered = Numbered {
            seq,
            conversation: conversation.map(SessionKey::as_str),
            event,
        };
        let mut line = Self::BEFORE.as_bytes().to_vec();
        // Strings, numbers and maps with string keys only, into memory: this cannot fail.
        let _ = serde_json::to_writer(&mut line, &numbered);
        line.extend_from_slice(Self::BEHIND.as_bytes());
        Self(line.into())
    }

    /// As a server-sent event.
    pub(crate) fn event(self) -> Bytes {
        self.0
    }

    /// As JSON.
    pub(crate) fn json(self) -> Bytes {
        self.0.slice(Self::BEFORE.len()..self.0.len() - Self::BEHIND.len())
    }
}
