//! Connections to upstreams, kept open between requests.
//!
//! A connection has no task of its own: the request that uses it drives it, and when no request does it lies still. That
//! saves a wake-up of another task for each piece that passes, and dropping a request closes its socket at once.

use std::{
    convert::Infallible,
    error::Error,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
    vec,
};

use hyper::{
    Request, Response, Uri,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use tokio::time::Instant;
use tower_service::Service;
use yabby_servers::{Endpoint, Http, Reach};

use crate::{
    batch::{Batch, Batched},
    bell::Bell,
    watch::Clock,
};

type Stream = MaybeHttpsStream<TokioIo<Batched>>;

/// Near by. llama.cpp ends idle connections after 5 s (measured); one that is used again must be younger than that.
const IDLE_NEAR: Duration = Duration::from_secs(3);
/// Hosted; saves the handshake. Their proxies keep them for a minute and longer.
const IDLE_HOSTED: Duration = Duration::from_secs(30);
/// Idle connections to one place beyond this are closed.
const MOST_IDLE: usize = 256;

/// One address of one endpoint, and the connections to it that are idle.
#[derive(Debug)]
pub(crate) struct Place {
    /// Scheme, host and port.
    address: Uri,
    names: Names,
    /// Made when it is first needed: reading the machine's certificates takes a while.
    tls: OnceLock<HttpsConnector<Tcp>>,
    batch: Batch,
    kept_for: Duration,
    idle: Mutex<Vec<Idle>>,
}

/// Looks names up for an endpoint, which says what may be contacted.
#[derive(Clone, Debug)]
struct Names {
    endpoint: Arc<Endpoint>,
    http: Http,
}

/// Makes connections.
#[derive(Clone, Debug)]
struct Tcp {
    tcp: HttpConnector<Names>,
    batch: Batch,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    since: Instant,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Line {
    sender: SendRequest<Sent>,
    /// Large, and moved often.
    connection: Box<Connection<Stream, Sent>>,
    /// Rings when the connection has something to do.
    bell: Bell,
    ended: bool,
    place: Weak<Place>,
    /// By which its last request was watched.
    pub(crate) clock: Option<Clock>,
    /// Whether it has carried a request before: the server may have closed it at the moment of the next one.
    pub(crate) used: bool,
}

/// A request body of pieces that are in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// In reverse, so that the next one is the last.
    pieces: Vec<Bytes>,
    /// How many bytes all of them have.
    pub(crate) left: u64,
}

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

// === impl Place ===

impl Place {
    pub(crate) fn new(address: Uri, endpoint: &Endpoint, http: &Http, batch: &Batch) -> Self {
        let kept_for = if endpoint.reach == Reach::Hosted {
            IDLE_HOSTED
        } else {
            IDLE_NEAR
        };
        Self {
            address,
            names: Names {
                endpoint: Arc::new(endpoint.clone()),
                http: http.clone(),
            },
            tls: OnceLock::new(),
            batch: batch.clone(),
            kept_for,
            idle: Mutex::default(),
        }
    }

    /// Whether requests to an endpoint would go the same way.
    pub(crate) fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.names.endpoint.is_same(endpoint)
    }

    /// A new connection. It has no deadline. An address in place of a name is for the caller to check.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<Line, Failed> {
        let stream = if self.address.scheme_str() == Some("https") {
            self.tls()?.clone().call(self.address.clone()).await?
        } else {
            MaybeHttpsStream::Http(self.tcp().call(self.address.clone()).await?)
        };
        let (sender, connection) = http1::Builder::new().handshake(stream).await?;
        Ok(Line {
            sender,
            connection: Box::new(connection),
            bell: Bell::default(),
            ended: false,
            place: Arc::downgrade(self),
            clock: None,
            used: false,
        })
    }

    fn tcp(&self) -> Tcp {
        let mut tcp = HttpConnector::new_with_resolver(self.names.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Tcp {
            tcp,
            batch: self.batch.clone(),
        }
    }

    fn tls(&self) -> Result<&HttpsConnector<Tcp>, Failed> {
        if let Some(made) = self.tls.get() {
            return Ok(made);
        }
        let made = HttpsConnectorBuilder::new()
            .try_with_platform_verifier()?
            .https_only()
            .enable_http1()
            .wrap_connector(self.tcp());
        Ok(self.tls.get_or_init(|| made))
    }

    /// The idle connection that was used last, if it is still good.
    pub(crate) fn idle(&self, now: Instant) -> Option<Line> {
        loop {
            // Not held while the connection is looked at.
            let Idle { mut line, since } = self.lock().pop()?;
            if now.saturating_duration_since(since) < self.kept_for && line.is_open() {
                line.used = true;
                return Some(line);
            }
        }
    }

    /// Closes those that have been idle for too long.
    pub(crate) fn sweep(&self) {
        let old = |idle: &Idle| idle.since.elapsed() >= self.kept_for;
        let mut idle = self.lock();
        let first_young = idle.iter().position(|idle| !old(idle)).unwrap_or(idle.len());
        idle.drain(..first_young);
        if idle.is_empty() {
            idle.shrink_to_fit();
        }
    }

    fn keep(&self, line: Line, since: Instant) {
        let mut idle = self.lock();
        if idle.len() < MOST_IDLE {
            idle.push(Idle { line, since });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Names ===

impl Service<Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { endpoint, http } = self.clone();
        Box::pin(async move { Ok(endpoint.addresses(&http, name.as_str()).await?.into_iter()) })
    }
}

// === impl Tcp ===

impl Service<Uri> for Tcp {
    type Response = TokioIo<Batched>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let (connecting, batch) = (self.tcp.call(address), self.batch.clone());
        Box::pin(async move { Ok(TokioIo::new(Batched::new(connecting.await?.into_inner(), &batch))) })
    }
}

// === impl Line ===

impl Line {
    /// Sends a request and waits for the head of its response.
    pub(crate) async fn send(&mut self, request: Request<Sent>) -> Result<Response<Incoming>, Failed> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let (connection, bell, ended) = (&mut self.connection, &mut self.bell, &mut self.ended);
        poll_fn(|cx| {
            // It becomes ready only through what the connection does, which is driven here.
            bell.drive(cx, |own| {
                drive(connection, ended, own);
                answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            })
        })
        .await
        .map_err(|failed| failed.into_error().into())
    }

    /// The next piece of a response body that came on this connection.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // As above: nobody but this connection fills the body. That more of it is wanted rings the bell.
        self.bell.drive(cx, |own| {
            drive(&mut self.connection, &mut self.ended, own);
            Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()))
        })
    }

    /// Whether it can take a request, as far as is known.
    fn is_open(&mut self) -> bool {
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        self.bell.rest(|own| drive(connection, ended, own));
        !self.ended && self.sender.is_ready()
    }

    /// Keeps it for the next request, if the server does. Its response has been read to the end.
    pub(crate) fn keep(mut self, since: Instant) {
        if let Some(place) = self.place.upgrade()
            && self.is_open()
        {
            place.keep(self, since);
        }
    }
}

/// Lets a connection go on.
fn drive(connection: &mut Connection<Stream, Sent>, ended: &mut bool, cx: &mut Context<'_>) {
    if !*ended && Pin::new(connection).poll(cx).is_ready() {
        *ended = true;
    }
}

// === impl Sent ===

impl Sent {
    pub(crate) fn new(mut pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        pieces.reverse();
        Self { pieces, left }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop().map(|piece| {
            self.left -= piece.len() as u64;
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
