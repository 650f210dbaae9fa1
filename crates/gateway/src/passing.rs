//! The body of a response: made here, or passing from an upstream to the client.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::Instant;
use yabby_core::ModelError;
use yabby_route::Decision;
use yabby_servers::{Endpoint, Permit, ProbeTicket};

use crate::{
    api::{Api, Refusal},
    batch::Member,
    line::{Failed, Line},
    seat::Seat,
    trial::Trial,
};

/// A piece that is copied sooner than its place is kept, which is 8 KiB: an event of a stream.
const SHORT: usize = 1 << 10;

/// The body of any response.
pub(crate) enum Out {
    /// Made here.
    Whole(Option<Bytes>),
    /// An answer of a model.
    Passing(Box<Passing>),
    /// What the page's API says.
    App(axum::body::Body),
}

/// The right to be answered, kept until the answer has passed.
pub(crate) struct Slot {
    pub(crate) permit: Permit,
    pub(crate) _trial: Option<ProbeTicket>,
    /// Keeps a program of the config from being stopped.
    pub(crate) running: Option<Box<Endpoint>>,
    pub(crate) _member: Member,
}

/// An answer on its way. It is read from the upstream as fast as the client takes it; dropped before its end, the upstream is
/// closed.
pub(crate) struct Passing {
    /// Where its client is. There it is put when it is over: what is written down of it is not waited for.
    pub(crate) seat: Arc<Seat>,
    /// Gone when the answer has ended. Before the slot, so that the server is free when the slot is.
    pub(crate) line: Option<Line>,
    pub(crate) body: Incoming,
    pub(crate) api: Api,
    pub(crate) stream: bool,
    /// What comes before the rest.
    pub(crate) first: Option<Bytes>,
    pub(crate) trial: Box<Trial>,
    pub(crate) slot: Option<Slot>,
    /// When the upstream has ended its answer, and that is still to be written down.
    pub(crate) over: Option<Instant>,
    /// Why it is cut off, when everything before that is on its way to the client.
    pub(crate) cut: Option<Failed>,
}

impl Passing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failed>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            let (Some(line), None) = (&mut self.line, self.over) else {
                return Poll::Ready(self.cut.take().map(Err));
            };
            return match line.poll_body(&mut self.body, cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing that a client of these APIs reads.
                    let Ok(piece) = frame.into_data() else { continue };
                    self.trial.piece(self.api, &piece);
                    // The upstream's next piece is read before this one is written: then the place of this one is free for it.
                    let piece = if piece.len() <= SHORT {
                        Bytes::copy_from_slice(&piece)
                    } else {
                        piece
                    };
                    if self.body.is_end_stream() {
                        self.ends(self.trial.watch.last());
                    }
                    Poll::Ready(Some(Ok(piece)))
                }
                Poll::Ready(None) => {
                    self.ends(Instant::now());
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = self.trial.broke_off(error);
                    self.break_off(&error, cx)
                }
                Poll::Pending => {
                    let phase = self.trial.phase();
                    match self.trial.watch.poll(phase, cx) {
                        Poll::Pending => Poll::Pending,
                        Poll::Ready(error) => self.break_off(&error, cx),
                    }
                }
            };
        }
    }

    /// Whether nothing of it comes any more.
    fn has_passed(&self) -> bool {
        (self.over.is_some() || self.line.is_none()) && self.first.is_none() && self.cut.is_none()
    }

    /// The upstream has ended its answer. What it has cost is written down before its client has it, and all else behind it: a
    /// crash must not make it free.
    pub(crate) fn ends(&mut self, now: Instant) {
        if self.trial.costs() {
            self.finish(now);
        } else {
            self.over = Some(now);
        }
    }

    fn finish(&mut self, now: Instant) {
        if self.stream && !self.trial.tail.has_ended(self.api) {
            // The client sees that itself, by the same missing mark.
            self.trial.target.counts.unended();
            let error = self.trial.broke_off("the stream ended without its end");
            self.trial.failed(&error, Decision::Stop.word());
        } else {
            self.trial.answered();
        }
        if let Some(mut line) = self.line.take() {
            line.clock = self.trial.watch.give();
            line.keep(now);
        }
        if let Some(mut slot) = self.slot.take() {
            slot.permit.ended(now);
        }
    }

    /// The answer will not be completed. A stream ends with an error in its own shape; anything else is cut off, so that
    /// nobody takes it for whole.
    fn break_off(&mut self, error: &ModelError, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failed>>> {
        self.trial.failed(error, Decision::Stop.word());
        self.line = None;
        self.slot = None;
        let message = format!("{}: {}", self.trial.target.model, error.message.english());
        if self.stream {
            return Poll::Ready(Some(Ok(Refusal::of_kind(error.kind, message).event(self.api))));
        }
        // An error throws away what hyper has not written yet; before the next call it writes.
        self.cut = Some(message.into());
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(over) = self.over {
            self.finish(over);
        }
    }
}

impl Out {
    /// Puts an answer that has passed aside.
    fn put_aside(&mut self) {
        if let Self::Passing(passed) = mem::replace(self, Self::Whole(None)) {
            let seat = Arc::clone(&passed.seat);
            seat.put(passed);
        }
    }
}

impl Body for Out {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        let out = self.get_mut();
        let piece = match out {
            Self::Whole(body) => return Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Passing(passing) => {
                let piece = passing.poll(cx);
                if passing.over.is_some() && passing.has_passed() {
                    out.put_aside();
                }
                piece
            }
            Self::App(body) => return Pin::new(body).poll_frame(cx).map_err(Into::into),
        };
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_none(),
            Self::Passing(passing) => passing.has_passed(),
            Self::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            // The head says it, where the upstream did.
            Self::Passing(_) => SizeHint::default(),
            Self::App(body) => body.size_hint(),
        }
    }
}
