//! An answer while it is made, and what is kept of it.
//!
//! Of a response that a program may ask for again, the end is written before the client is told of it. What a client has left
//! behind is brought to its end by [`Programs::finish_left`]: written, stopped, or, of a background response, waited for.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::Value;
use tokio::sync::mpsc;
use yabby_core::{EndReason, ModelEvent, Usage};
use yabby_wire::clients::{Failure, WholeEncoder};

use super::{
    Programs,
    follow::{Follower, Piece},
};

/// Responses whose ends are waited for in this process.
#[derive(Clone, Default)]
pub(super) struct Followed(Arc<Mutex<HashSet<String>>>);

/// One of them, until this is dropped.
struct InHand {
    followed: Followed,
    id: String,
}

/// What has been left behind by clients, on its way to whoever brings it to its end.
pub(super) struct Left {
    sender: mpsc::UnboundedSender<Box<Making>>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Box<Making>>>>,
}

/// An answer that is made. Dropped before its end, it is left behind.
pub(super) struct Answering(Option<Box<Making>>);

/// The same, for whoever brings it to its end.
pub(super) struct Making {
    programs: Programs,
    follower: Follower,
    whole: Option<WholeEncoder>,
    kept: Option<InHand>,
    /// Whether it goes on when its client has left.
    background: bool,
    /// How it has ended, until that is written.
    unwritten: Option<(Ended, Vec<u8>)>,
}

/// The next of an answer.
pub(super) enum Next {
    /// A part of it.
    Event(ModelEvent),
    /// It is over, and nothing follows.
    Over(Ended),
}

/// How an answer has ended.
pub(super) enum Ended {
    /// It is whole.
    Whole {
        /// Why.
        reason: EndReason,
        /// What it has used.
        usage: Usage,
        /// All of it.
        body: Vec<u8>,
    },
    /// It has come to nothing.
    Failed(Failure),
    /// Somebody has cancelled it; the response as it is kept.
    Cancelled(Vec<u8>),
}

// === impl Followed ===

impl Followed {
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn take(&self, id: &str) -> InHand {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.insert(id.to_owned());
        InHand {
            followed: self.clone(),
            id: id.to_owned(),
        }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut ids = self.followed.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.remove(&self.id);
    }
}

// === impl Left ===

impl Default for Left {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }
}

// === impl Answering ===

impl Answering {
    /// An answer that `follower` follows; `kept` is the id of a response that is kept.
    pub(super) fn new(
        programs: &Programs,
        follower: Follower,
        whole: WholeEncoder,
        kept: Option<&str>,
        background: bool,
    ) -> Self {
        Self(Some(Box::new(Making {
            programs: programs.clone(),
            follower,
            whole: Some(whole),
            kept: kept.map(|id| programs.0.followed.take(id)),
            background,
            unwritten: None,
        })))
    }

    /// What comes next; at the end again and again the same failure.
    pub(super) async fn next(&mut self) -> Next {
        let Some(making) = &mut self.0 else {
            return Next::Over(Ended::Failed(Failure::new(500, "over", "the answer is over")));
        };
        let next = making.next().await;
        if let Next::Over(_) = &next {
            self.0 = None;
        }
        next
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(making) = self.0.take().filter(|making| making.kept.is_some()) {
            let left = making.programs.0.left.sender.clone();
            // Without anybody to take it, it ends as one that nobody has waited for.
            let _ = left.send(making);
        }
    }
}

// === impl Making ===

impl Making {
    async fn next(&mut self) -> Next {
        if self.unwritten.is_none() {
            let (usage, ended) = match self.follower.next().await {
                Piece::Event(event) => {
                    if let Some(whole) = &mut self.whole {
                        whole.event(&event);
                    }
                    return Next::Event(event);
                }
                Piece::End(reason, usage) => (usage, Ok(reason)),
                Piece::Failed(failure) => (Usage::default(), Err(failure)),
            };
            self.unwritten = self.whole.take().map(|whole| match ended {
                Ok(reason) => {
                    let body = whole.end(reason, usage);
                    let kept = body.clone();
                    (Ended::Whole { reason, usage, body }, kept)
                }
                Err(failure) => {
                    let body = whole.failed(&failure, usage);
                    (Ended::Failed(failure), body)
                }
            });
        }
        Next::Over(self.written().await)
    }

    /// Writes the end. Dropped meanwhile, the end is still there to be written.
    async fn written(&mut self) -> Ended {
        let mut cancelled = None;
        if let (Some(kept), Some((_, body))) = (&self.kept, &self.unwritten) {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let store = &self.programs.0.office.store;
            // Where the store is away, its client is answered all the same.
            let counts = store.end_response(&kept.id, body).await.ok().flatten();
            cancelled = counts.filter(|counts| counts["status"] == "cancelled");
        }
        let ended = self.unwritten.take().map(|(ended, _)| ended);
        match (cancelled, ended) {
            (Some(body), _) => Ended::Cancelled(body.to_string().into_bytes()),
            (None, Some(ended)) => ended,
            (None, None) => Ended::Failed(Failure::new(500, "over", "the answer is over")),
        }
    }

    /// What becomes of it when its client has left.
    async fn finish(mut self: Box<Self>) {
        if self.background || self.unwritten.is_some() {
            while let Next::Event(_) = self.next().await {}
            return;
        }
        // Dropped, its turn is stopped.
        if let Some(kept) = &self.kept {
            let _ = self.programs.mark_cancelled(&kept.id).await;
        }
    }
}

impl Programs {
    /// Brings to its end what clients have left behind, for ever.
    pub(super) async fn finish_left(&self) {
        let receiver = self
            .0
            .left
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut left) = receiver else { return };
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(making) = left.recv() => running.push(making.finish()),
                Some(()) = running.next() => {}
                else => return,
            }
        }
    }
}
