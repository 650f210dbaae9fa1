//! What is known of a client's connection beside HTTP.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::sleep;

use crate::{
    auth::Last,
    line::Failed,
    passing::{Out, Passing},
    room::Stay,
};

/// So long, or twice as long at the most, a connection is kept on which nothing is asked.
const QUIET: Duration = Duration::from_mins(1);

/// A connection.
pub(crate) struct Seat {
    /// Who has asked last on it.
    pub(crate) last: Last,
    pub(crate) stay: Stay,
    /// An answer that has passed, until its last piece is with the client.
    passed: Mutex<Option<Box<Passing>>>,
    asked: AtomicU64,
    answered: AtomicU64,
}

/// A request that is answered, until its answer is gone.
struct Answering(Arc<Seat>);

/// The body of a response on a connection.
pub(crate) struct Answer {
    out: Out,
    _answering: Answering,
}

// === impl Seat ===

impl Seat {
    pub(crate) fn new(stay: Stay) -> Self {
        Self {
            last: Last::default(),
            stay,
            passed: Mutex::default(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// Puts an answer aside.
    pub(crate) fn put(&self, passed: Box<Passing>) {
        drop(self.replace(Some(passed)));
    }

    /// Everything that could be written has been: what was put aside is done with.
    pub(crate) fn settle(&self) {
        drop(self.replace(None));
    }

    fn replace(&self, passed: Option<Box<Passing>>) -> Option<Box<Passing>> {
        let mut place = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, passed)
    }

    /// What becomes of the next request, whose head has come.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        answer: impl Future<Output = hyper::Response<Out>>,
    ) -> hyper::Response<Answer> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answering = Answering(Arc::clone(self));
        answer.await.map(|out| Answer {
            out,
            _answering: answering,
        })
    }

    /// Until nothing has been asked for too long, be it that the head of a request does not come to its end. One clock for many
    /// requests: they do not set it, and it looks whether there were some.
    pub(crate) async fn is_left(&self) {
        loop {
            let before = self.asked.load(Ordering::Relaxed);
            sleep(QUIET).await;
            let asked = self.asked.load(Ordering::Relaxed);
            if asked == before && self.answered.load(Ordering::Relaxed) == asked {
                return;
            }
        }
    }
}

// === impl Answering ===

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

// === impl Answer ===

impl Body for Answer {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        Pin::new(&mut self.out).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.out.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.out.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use hyper::Response;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::{
        auth::{Crowd, Peer},
        room::Room,
    };

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_left_when_nothing_is_asked_or_answered_on_it() {
        let peer = Peer::new("10.0.0.1:9".parse().unwrap(), "10.0.0.9:1".parse().unwrap());
        let place = Crowd::default().enter(&peer, false).unwrap();
        let seat = Arc::new(Seat::new(Stay::new(
            Room::of_this_process().connection().unwrap(),
            place,
        )));
        let begin = Instant::now();
        seat.is_left().await;
        assert_eq!(begin.elapsed(), QUIET);
        // A model that thinks, and an answer that is read slowly.
        let thinking = seat.answer(pending());
        assert!(
            timeout(9 * QUIET, async { tokio::join!(seat.is_left(), thinking) })
                .await
                .is_err()
        );
        let response = seat.answer(ready(Response::new(Out::Whole(None)))).await;
        assert!(timeout(9 * QUIET, seat.is_left()).await.is_err());
        drop(response);
        // One that has asked just now has its time.
        let begin = Instant::now();
        let asks = async {
            sleep(QUIET / 2).await;
            drop(seat.answer(ready(Response::new(Out::Whole(None)))).await);
        };
        tokio::join!(seat.is_left(), asks);
        assert_eq!(begin.elapsed(), 2 * QUIET);
    }
}
