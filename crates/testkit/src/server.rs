//! The handle of a scripted server.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

use crate::{
    connection::serve,
    fault::Fault,
    fixtures::revive,
    http::Answer,
    kinds::ServerKind,
    log::Recorded,
    reply::Reply,
    state::{Queued, Shared, State},
};

/// How long [`ModelServer::wait_for`] waits before it fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A scripted model server on a free loopback port. Dropping it closes the port and all connections.
pub struct ModelServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    home: Home,
}

/// Where the server runs; dropping it stops the server.
enum Home {
    Task(JoinSet<()>),
    Thread {
        stop: Option<oneshot::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Thread { stop, thread } = self {
            drop(stop.take());
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl ModelServer {
    /// Starts a server in the current runtime.
    pub async fn start() -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts a server in the current runtime at this address: one that [`ModelServer::stop`] or
    /// [`dead_port`](crate::dead_port) has given, for a server that comes back.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime, and a test reads better with the await"
    )]
    pub async fn start_at(addr: SocketAddr) -> Self {
        revive(addr);
        let (listener, addr) = bind(addr);
        let shared = Arc::new(Shared::new());
        let listener = TcpListener::from_std(listener).expect("a listener in this runtime");
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&shared)));
        Self {
            addr,
            shared,
            home: Home::Task(task),
        }
    }

    /// Starts a server in a thread with a runtime of its own, for tests that block theirs or have none.
    pub fn start_on_thread() -> Self {
        Self::start_on_thread_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at this address, for a server that comes back.
    pub fn start_on_thread_at(addr: SocketAddr) -> Self {
        revive(addr);
        let (listener, addr) = bind(addr);
        let shared = Arc::new(Shared::new());
        let (stop, stopped) = oneshot::channel::<()>();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener in this runtime");
                tokio::select! {
                    () = serve(listener, theirs) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            addr,
            shared,
            home: Home::Thread {
                stop: Some(stop),
                thread: Some(thread),
            },
        }
    }

    /// Stops the server and waits until the port and all connections are closed. Dropping it does the same, a moment
    /// later.
    pub async fn stop(mut self) -> SocketAddr {
        if let Home::Task(task) = &mut self.home {
            task.shutdown().await;
        }
        let (addr, shared) = (self.addr, Arc::clone(&self.shared));
        drop(self);
        shared.wait(PATIENCE, |state| state.open == 0).await;
        addr
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `http://127.0.0.1:PORT/v1`, or `/api/v1` for `OpenRouter`.
    pub fn base_url(&self) -> String {
        let prefix = if matches!(self.state().kind, ServerKind::OpenRouter { .. }) {
            "/api/v1"
        } else {
            "/v1"
        };
        format!("{}{prefix}", self.url())
    }

    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.lock()
    }

    // What it is.

    /// Plays another kind of server from now on, or the same that was started anew with other settings: what was loaded
    /// is gone.
    pub fn kind(&self, kind: ServerKind) {
        let mut state = self.state();
        state.kind = kind;
        state.restart();
    }

    /// Serves these models; before, it is one: `test-model`. The server is started anew.
    pub fn models(&self, ids: &[&str]) {
        let mut state = self.state();
        state.models = ids.iter().map(|&id| id.to_owned()).collect();
        state.restart();
    }

    /// Names this model in every answer, whichever was asked.
    pub fn served_as(&self, model: &str) {
        self.state().served_as = Some(model.to_owned());
    }

    /// Asks for this key, as `Authorization: Bearer` or `x-api-key`.
    pub fn require_key(&self, key: &str) {
        self.state().api_key = Some(key.to_owned());
    }

    /// What counting endpoints answer and usage reports, instead of an estimate from the body's length.
    pub fn input_tokens(&self, tokens: u64) {
        self.state().input_tokens = Some(tokens);
    }

    /// A fixed answer for a path, whatever the method; with a query (`/props?model=m1`) for that query alone.
    pub fn route(&self, path: &str, status: u16, content_type: &str, body: impl Into<Bytes>) {
        self.state()
            .routes
            .insert(path.to_owned(), Answer::new(status, content_type, body));
    }

    // What it says.

    /// The reply to the next chat completion, or to the next chat of Ollama's own API.
    pub fn chat(&self, reply: impl Into<Reply>) {
        self.state().chat.push_back(Queued::Reply(reply.into()));
    }

    /// The reply to the next response.
    pub fn responses(&self, reply: impl Into<Reply>) {
        self.state().responses.push_back(Queued::Reply(reply.into()));
    }

    /// The reply to the next Anthropic message.
    pub fn messages(&self, reply: impl Into<Reply>) {
        self.state().messages.push_back(Queued::Reply(reply.into()));
    }

    /// The reply to the next model call of any API whose own queue is empty.
    pub fn reply(&self, reply: impl Into<Reply>) {
        self.state().any.push_back(Queued::Reply(reply.into()));
    }

    /// The reply when nothing is queued; before, it is `ok`.
    pub fn default_reply(&self, reply: impl Into<Reply>) {
        self.state().default_reply = reply.into();
    }

    /// A raw answer to the next model call whose own queue is empty.
    pub fn answer_with(&self, status: u16, content_type: &str, body: impl Into<Bytes>) {
        self.state()
            .any
            .push_back(Queued::Answer(Answer::new(status, content_type, body)));
    }

    // What is wrong with it. The fault that was given first comes first.

    /// From now on, until [`ModelServer::clear_faults`].
    pub fn fault(&self, fault: Fault) {
        self.state().add_fault(fault, None);
    }

    /// For the next request that it concerns.
    pub fn fault_once(&self, fault: Fault) {
        self.fault_times(1, fault);
    }

    /// For so many requests that it concerns.
    pub fn fault_times(&self, times: usize, fault: Fault) {
        self.state().add_fault(fault, Some(times));
    }

    /// Well again. Requests that already hang stay so.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    // What happened to it.

    /// All requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state().log.clone()
    }

    /// The requests that called a model.
    pub fn model_calls(&self) -> Vec<Recorded> {
        let calls = ["/chat/completions", "/responses", "/messages", "/api/chat"];
        let mut requests = self.requests();
        requests.retain(|request| calls.iter().any(|path| request.path.ends_with(path)));
        requests
    }

    /// Waits until the log is as wanted, and gives it.
    ///
    /// # Panics
    ///
    /// After twenty seconds, with what there is.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&[Recorded]) -> bool) -> Vec<Recorded> {
        let seen = self.shared.wait(PATIENCE, |state| wanted(&state.log)).await;
        let requests = self.requests();
        let lines: Vec<String> = requests.iter().map(Recorded::line).collect();
        assert!(seen, "the requests never became as wanted; there are {lines:?}");
        requests
    }

    /// Sockets that are open now, idle ones of a connection pool included.
    pub fn open_connections(&self) -> usize {
        self.state().open
    }

    /// Sockets accepted since the start.
    pub fn accepted_connections(&self) -> u64 {
        self.state().connections
    }

    /// Proves that nobody has connected so far, not even to ask what the server is. A connection of its own shows that those
    /// before it would have been seen: they are accepted one after the other.
    ///
    /// # Panics
    ///
    /// When somebody has, with what was asked.
    pub async fn assert_untouched(&self) {
        let own = TcpStream::connect(self.addr).await;
        let own = own.expect("a server that can be connected to");
        let name = own.local_addr().expect("the address of a socket");
        let accepted = self.shared.wait(PATIENCE, |state| state.peers.contains(&name)).await;
        let peers = self.state().peers.clone();
        let lines: Vec<String> = self.requests().iter().map(Recorded::line).collect();
        drop(own);
        assert!(accepted, "the server accepts nothing");
        assert_eq!(peers, [name], "somebody connected, and asked {lines:?}");
    }

    /// Model calls being answered now: the slots in use.
    pub fn busy(&self) -> usize {
        self.state().busy
    }

    /// The most model calls that were ever answered at once.
    pub fn busy_peak(&self) -> usize {
        self.state().busy_peak
    }

    /// Waits until no request is being answered; false when the time is over.
    pub async fn wait_idle(&self, time: Duration) -> bool {
        let idle = |state: &State| state.log.iter().all(|request| request.complete || request.closed_early);
        self.shared.wait(time, idle).await
    }

    /// Waits until no socket is open; false when the time is over.
    pub async fn wait_closed(&self, time: Duration) -> bool {
        self.shared.wait(time, |state| state.open == 0).await
    }
}

impl fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelServer")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

fn bind(addr: SocketAddr) -> (StdListener, SocketAddr) {
    let listener = StdListener::bind(addr).expect("a free loopback port");
    listener.set_nonblocking(true).expect("a non-blocking listener");
    let addr = listener.local_addr().expect("the address of a bound listener");
    (listener, addr)
}
