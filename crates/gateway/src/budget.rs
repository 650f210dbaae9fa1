//! Request bodies in memory, each with a limit and all together.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use hyper::{
    StatusCode,
    body::{Body as _, Bytes, Frame, Incoming},
};
use tokio::time::timeout;

use crate::{
    api::Refusal,
    memory::{Collected, Pool},
};

/// The largest body. A prompt of a million tokens has about 4 MB; pictures make it more.
pub(crate) const LONGEST: usize = 32 << 20;
/// The largest body of whoever has not shown a key.
const SHORT: usize = 4 << 10;
/// All bodies together.
const TOGETHER: usize = 512 << 20;
/// A client that sends nothing for this long has left.
const SILENCE: Duration = Duration::from_mins(1);

/// What all bodies together have.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    pool: Arc<Pool>,
}

/// A body, which counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Bytes,
    _share: Share,
}

#[derive(Debug)]
struct Share {
    used: Arc<AtomicUsize>,
    mine: usize,
}

impl Budget {
    /// Gives memory back that was not needed lately.
    pub(crate) fn sweep(&self) {
        self.pool.sweep();
    }

    /// Reads a body to its end.
    pub(crate) async fn read(&self, body: Incoming) -> Result<Held, Refusal> {
        self.read_up_to(LONGEST, body).await
    }

    /// Reads a body to its end that anybody may send, so that it must be short.
    pub(crate) async fn read_short(&self, body: Incoming) -> Result<Held, Refusal> {
        self.read_up_to(SHORT, body).await
    }

    async fn read_up_to(&self, longest: usize, mut body: Incoming) -> Result<Held, Refusal> {
        let told = body.size_hint().exact();
        let length = told.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if length > longest {
            return Err(too_large(longest));
        }
        let mut share = Share {
            used: Arc::clone(&self.used),
            mine: 0,
        };
        let mut all = Collected::new(&self.pool);
        loop {
            let Some(frame) = next(&mut body).await else {
                return Err(Refusal::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "the body did not come",
                ));
            };
            let piece = match frame {
                None => break,
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(_)) => {
                    return Err(Refusal::new(
                        StatusCode::BAD_REQUEST,
                        "invalid_request",
                        "the body broke off",
                    ));
                }
            };
            if all.len() + piece.len() > longest {
                return Err(too_large(longest));
            }
            if !share.grow(piece.len()) {
                let message = "too many large requests at once; try again later";
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message));
            }
            if all.len() == 0 && body.is_end_stream() {
                return Ok(Held {
                    bytes: piece,
                    _share: share,
                });
            }
            if all.push(&piece, length).is_err() {
                let message = "the system has no memory for this request";
                return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message));
            }
        }
        Ok(Held {
            bytes: all.into_bytes(),
            _share: share,
        })
    }
}

/// The next piece; nothing when none comes for too long.
async fn next(body: &mut Incoming) -> Option<Option<Result<Frame<Bytes>, hyper::Error>>> {
    // The connection is read within the same task, before this is asked again: what comes need not wake it.
    let mut piece = poll_fn(|_| Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop())));
    let mut is_first = true;
    let soon = poll_fn(|cx| match Pin::new(&mut piece).poll(cx) {
        Poll::Ready(frame) => Poll::Ready(Some(frame)),
        // Only now does the connection know that more is wanted, and most often it has it already: no clock for that.
        Poll::Pending if mem::take(&mut is_first) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
    });
    match soon.await {
        Some(frame) => Some(frame),
        None => timeout(SILENCE, piece).await.ok(),
    }
}

fn too_large(longest: usize) -> Refusal {
    let most = match longest >> 20 {
        0 => format!("{} kB", longest >> 10),
        megabytes => format!("{megabytes} MB"),
    };
    let message = format!("the body has more than {most}");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

// === impl Held ===

impl Held {
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

// === impl Share ===

impl Share {
    fn grow(&mut self, by: usize) -> bool {
        self.mine += by;
        self.used.fetch_add(by, Ordering::Relaxed) + by <= TOGETHER
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.used.fetch_sub(self.mine, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Mutex};

    use hyper::{Response, server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::AsyncWriteExt as _,
        time::{Instant, sleep},
    };

    use super::*;

    /// Reads the body of a request whose parts come so many seconds after each other.
    async fn read(parts: &[(u64, &str)]) -> Result<Bytes, StatusCode> {
        let (mut client, server) = tokio::io::duplex(1 << 10);
        let (budget, said) = (Budget::default(), Mutex::new(None));
        let (budget_there, said_there) = (&budget, &said);
        let service = service_fn(move |request: hyper::Request<Incoming>| async move {
            let read = budget_there.read(request.into_body()).await;
            *said_there.lock().unwrap() = Some(read.map(|body| body.bytes()).map_err(|refusal| refusal.status));
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let sending = async {
            for (after, part) in parts {
                sleep(Duration::from_secs(*after)).await;
                client.write_all(part.as_bytes()).await.unwrap();
            }
            sleep(2 * SILENCE).await;
            drop(client);
        };
        let (served, ()) = tokio::join!(serving, sending);
        drop(served);
        said.into_inner().unwrap().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_come_slowly_but_not_stop() {
        let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n";
        assert_eq!(read(&[(0, head), (0, "abcdef")]).await.unwrap(), "abcdef");
        assert_eq!(
            read(&[(0, head), (59, "ab"), (59, "cd"), (59, "ef")]).await.unwrap(),
            "abcdef"
        );
        for silent in [&[(0, head)][..], &[(0, head), (1, "abc")]] {
            let begun = Instant::now();
            assert_eq!(read(silent).await.unwrap_err(), StatusCode::REQUEST_TIMEOUT);
            assert!(begun.elapsed() > SILENCE);
        }
    }
}
