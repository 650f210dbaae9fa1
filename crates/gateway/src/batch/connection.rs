//! A connection that writes with others.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use super::{Batch, Outlet};

/// A connection whose short pieces are put aside while other requests are in flight. Flushed is what is put aside: it waits for
/// nothing else. When the other end takes no more then, whoever has written is woken, and goes on with what is left when it
/// reads, writes or flushes. Writing and flushing wait for that, and tell an error.
#[derive(Debug)]
pub(crate) struct Batched {
    read: OwnedReadHalf,
    pub(super) outlet: Arc<Outlet>,
    batch: Batch,
    /// To whom the outlet belongs.
    owner: Option<Waker>,
    /// A longer piece is being written: its rest follows it at once.
    is_long: bool,
}

// === impl Batched ===

impl Batched {
    pub(crate) fn new(stream: TcpStream, batch: &Batch) -> Self {
        let (read, half) = stream.into_split();
        Self {
            read,
            outlet: Arc::new(Outlet::new(half)),
            batch: batch.clone(),
            owner: None,
            is_long: false,
        }
    }

    /// Puts a piece aside, where that is worth it and nothing is left of those before.
    fn put(&mut self, cx: &Context<'_>, parts: &[IoSlice<'_>], length: usize) -> bool {
        if self.is_long || self.outlet.is_stuck() || !self.batch.takes(length) {
            return false;
        }
        self.belongs_to(cx.waker());
        self.batch.put(&self.outlet, parts, length)
    }

    fn belongs_to(&mut self, owner: &Waker) {
        if !self.owner.as_ref().is_some_and(|known| known.will_wake(owner)) {
            self.owner = Some(owner.clone());
            self.outlet.belongs_to(owner);
        }
    }

    /// Until all that was put aside is written.
    fn poll_written(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outlet.waits() {
            self.batch.write_now();
        }
        self.outlet.poll_left(cx)
    }
}

impl AsyncRead for Batched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A page that is told something may have nothing else to wait for. What has come is read also from one that takes no more.
        let _ = this.outlet.poll_left(cx);
        Pin::new(&mut this.read).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Batched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = parts.iter().map(|part| part.len()).sum();
        if this.put(cx, parts, length) {
            return Poll::Ready(Ok(length));
        }
        this.is_long = true;
        if this.owner.is_some() {
            // Nothing is kept of a task that has handed it over.
            this.belongs_to(cx.waker());
        }
        ready!(this.poll_written(cx))?;
        this.outlet.poll_write(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_long = false;
        this.outlet.poll_left(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_written(cx))?;
        if let Some(outlet) = Arc::get_mut(&mut this.outlet) {
            return outlet.poll_shutdown(cx);
        }
        // It is being written on just now.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Connection for Batched {
    fn connected(&self) -> Connected {
        self.outlet.stream().connected()
    }
}
