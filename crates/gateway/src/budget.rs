//! Request bodies in memory, each with a limit and all together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::{
    StatusCode,
    body::{Body as _, Bytes, Incoming},
};
use tokio::time::timeout;

use crate::{
    api::Refusal,
    memory::{Collected, Pool},
};

/// The largest body. A prompt of a million tokens has about 4 MB; pictures make it more.
pub(crate) const LONGEST: usize = 32 << 20;
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
    pub(crate) async fn read(&self, mut body: Incoming) -> Result<Held, Refusal> {
        let told = body.size_hint().exact();
        let length = told.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if length > LONGEST {
            return Err(too_large());
        }
        let mut share = Share {
            used: Arc::clone(&self.used),
            mine: 0,
        };
        let mut all = Collected::new(&self.pool);
        loop {
            let Ok(frame) = timeout(SILENCE, body.frame()).await else {
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
            if all.len() + piece.len() > LONGEST {
                return Err(too_large());
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

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        format!("the body has more than {} MB", LONGEST >> 20),
    )
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
