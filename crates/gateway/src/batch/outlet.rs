//! The side of a connection on which is written.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use hyper::body::{Buf as _, Bytes};
use tokio::{
    io::AsyncWrite as _,
    net::{TcpStream, tcp::OwnedWriteHalf},
};

/// It has one owner, and what is put aside for it goes before what the owner writes.
#[derive(Debug)]
pub(super) struct Outlet {
    half: OwnedWriteHalf,
    /// So many pieces are put aside for it.
    waiting: AtomicUsize,
    /// Something is left.
    stuck: AtomicBool,
    left: Mutex<Left>,
}

/// What could not be written when its turn came.
#[derive(Debug, Default)]
struct Left {
    bytes: Bytes,
    /// It is gone.
    error: Option<io::ErrorKind>,
    /// Who is woken then.
    owner: Option<Waker>,
}

// === impl Outlet ===

impl Outlet {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self {
            half,
            waiting: AtomicUsize::new(0),
            stuck: AtomicBool::new(false),
            left: Mutex::default(),
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.half.as_ref()
    }

    /// Who writes what is left.
    pub(super) fn belongs_to(&self, owner: &Waker) {
        self.left().owner = Some(owner.clone());
    }

    pub(super) fn waits_for_one_more(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether something is put aside for it.
    pub(super) fn waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Whether the other end takes no more, or is gone.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// Writes what was put aside for it, as far as the other end takes it.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut left = self.left();
        let mut written = 0;
        if left.bytes.is_empty() && left.error.is_none() {
            match self.half.try_write(bytes) {
                Ok(length) => written = length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => left.error = Some(error.kind()),
            }
        }
        if written < bytes.len() {
            left.bytes = [&left.bytes, &bytes[written..]].concat().into();
            self.stuck.store(true, Ordering::Release);
            if let Some(owner) = &left.owner {
                owner.wake_by_ref();
            }
        }
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Until nothing is left.
    pub(super) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_stuck() {
            return Poll::Ready(Ok(()));
        }
        let mut left = self.left();
        if let Some(error) = left.error {
            return Poll::Ready(Err(error.into()));
        }
        while !left.bytes.is_empty() {
            let written = ready!(self.poll_write(cx, &[IoSlice::new(&left.bytes)]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            left.bytes.advance(written);
        }
        // Its memory too.
        left.bytes = Bytes::new();
        self.stuck.store(false, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            match self.half.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream().poll_write_ready(cx))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_shutdown(cx)
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
