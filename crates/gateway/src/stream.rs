//! Connections of clients, with TLS or without.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{batch::Batched, certificate::fingerprint_of};

/// A client that does not get further in this time has left.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A client that takes nothing for so long, while there is something for it, has left: its model would work for nobody.
const PATIENCE: Duration = Duration::from_mins(2);

/// So many connections may have been made that are not taken up yet. Who makes one more is not heard for a second; the 128 that
/// are usual are fewer than the programs and pages that come back at once when a gateway starts again.
const KNOCKING: u32 = 1024;

/// How connections are encrypted.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// Of the certificate that clients see.
    pub(crate) fingerprint: Arc<str>,
}

/// Why they cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct TlsError {
    /// The file that cannot be used.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: io::Error,
}

/// A connection. One type for both kinds, so that HTTP over it is compiled once.
pub(crate) enum Stream {
    Plain(Batched),
    Tls(Box<TlsStream<Batched>>),
}

/// A connection that fails when its client takes nothing for too long.
pub(crate) struct Patient<S> {
    stream: S,
    /// Since it waits for the client.
    waits: Option<Pin<Box<Sleep>>>,
}

/// Listens at an address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // On Windows it would let others take the port away.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(KNOCKING)
}

// === impl Tls ===

impl Tls {
    /// With a certificate and its key.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let failed = |path: &Path, error: Box<dyn std::error::Error + Send + Sync>| TlsError {
            path: path.to_owned(),
            error: io::Error::other(error),
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain = chain.map_err(|error| failed(certificate, error.into()))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.into()))?;
        let fingerprint = chain.first().map(|own| fingerprint_of(own)).unwrap_or_default();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| failed(certificate, error.into()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint: fingerprint.into(),
        })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

// === impl Stream ===

impl Stream {
    /// The connection, once it is encrypted; nothing for a client that cannot do that.
    pub(crate) async fn open(stream: Batched, tls: Option<&Tls>) -> Option<Self> {
        let Some(Tls { acceptor, .. }) = tls else {
            return Some(Self::Plain(stream));
        };
        let accepted = timeout(HANDSHAKE, Box::pin(acceptor.accept(stream))).await;
        accepted.ok()?.ok().map(|stream| Self::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

// === impl Patient ===

impl<S> Patient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, waits: None }
    }

    fn patiently<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        waits.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.patiently(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.patiently(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.patiently(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.patiently(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        net::TcpStream,
        time::Instant,
    };

    use super::*;

    #[tokio::test]
    async fn hundreds_may_come_at_once() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody takes them up. One that is not heard would wait for a second at the least.
        let mut come = Vec::new();
        for _ in 0..500 {
            let connecting = timeout(Duration::from_millis(900), TcpStream::connect(address));
            come.push(connecting.await.unwrap().unwrap());
        }
        drop(listener);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_too_long_has_left_and_who_is_slow_has_not() {
        let (near, mut far) = duplex(64);
        let mut near = Patient::new(near);
        let begin = Instant::now();
        let slow = async {
            let mut bytes = [0; 64];
            for _ in 0..10 {
                sleep(PATIENCE * 9 / 10).await;
                far.read_exact(&mut bytes).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[1; 640]), slow);
        assert!(written.is_ok() && begin.elapsed() > 5 * PATIENCE);
        let begin = Instant::now();
        let failed = near.write_all(&[1; 640]).await.unwrap_err();
        assert_eq!(
            (failed.kind(), begin.elapsed().as_secs()),
            (io::ErrorKind::TimedOut, PATIENCE.as_secs())
        );
    }
}
