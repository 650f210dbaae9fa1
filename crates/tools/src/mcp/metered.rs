//! What a program says, up to the limits.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// A reader that fails when a line, which is one message, is too long, or when all of it since the last request is too much.
/// The connection ends then: a program that never stops would only cost processor time, and one that was not understood would
/// be waited for.
pub(super) struct Metered<R> {
    reader: R,
    line: usize,
    most: usize,
    meter: Meter,
}

/// How much may still be said. Cheap to clone; clones are one meter.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    left: Arc<AtomicU64>,
    full: u64,
    over: Arc<AtomicBool>,
}

impl Meter {
    pub(super) fn new(full: u64) -> Self {
        Self {
            left: Arc::new(AtomicU64::new(full)),
            full,
            over: Arc::default(),
        }
    }

    /// Something was asked, so something may be said.
    pub(super) fn refill(&self) {
        self.left.store(self.full, Ordering::Relaxed);
    }

    /// Whether more was said than may be.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| left.checked_sub(bytes);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

impl<R> Metered<R> {
    pub(super) fn new(reader: R, most: usize, meter: Meter) -> Self {
        Self {
            reader,
            line: 0,
            most,
            meter,
        }
    }

    fn count(&mut self, read: &[u8]) -> bool {
        let mut longest = self.line;
        for (part, piece) in read.split(|byte| *byte == b'\n').enumerate() {
            self.line = if part == 0 {
                self.line + piece.len()
            } else {
                piece.len()
            };
            longest = longest.max(self.line);
        }
        longest <= self.most && self.meter.take(read.len() as u64)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if self.count(read) {
            return Poll::Ready(Ok(()));
        }
        self.meter.over.store(true, Ordering::Relaxed);
        buffer.set_filled(before);
        Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(said: &str, meter: &Meter) -> Option<usize> {
        let mut reader = Metered::new(said.as_bytes(), 4, meter.clone());
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.ok()
    }

    #[tokio::test]
    async fn a_long_line_and_too_many_lines_are_the_end() {
        let meter = Meter::new(12);
        assert_eq!(read("1234\n123\n", &meter).await, Some(9));
        assert!(!meter.is_over());
        assert_eq!(read("1234\n", &meter).await, None);
        meter.refill();
        assert_eq!(read("12\n12345\n", &meter).await, None);
        assert!(meter.is_over());
        meter.refill();
        assert_eq!(read("1234\n1234\n1\n", &meter).await, Some(12));
    }
}
