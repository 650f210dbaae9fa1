//! Small things that tests need: an address where nothing listens, and secrets that must not leak.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tokio::net::TcpSocket;

/// The sockets behind [`dead_port`]: bound, so that nobody else is given the port, and not listening, so that a
/// connection is refused. They are kept until the process ends.
static DEAD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A loopback address where nothing listens, and nothing will unless
/// [`ModelServer::start_at`](crate::ModelServer::start_at) is asked to.
pub fn dead_port() -> SocketAddr {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a free loopback port");
    let addr = socket.local_addr().expect("the address of a bound socket");
    DEAD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    addr
}

/// Gives up the port for a server that is to listen there.
pub(crate) fn revive(addr: SocketAddr) {
    let mut dead = DEAD.lock().unwrap_or_else(PoisonError::into_inner);
    dead.retain(|socket| socket.local_addr().ok() != Some(addr));
}

/// [`dead_port`] as a base URL: `http://127.0.0.1:PORT/v1`.
pub fn dead_url() -> String {
    format!("http://{}/v1", dead_port())
}

/// A secret that is told apart from everything else, to prove that it is nowhere.
///
/// It does not look like any provider's key, so that only code which knows it is a secret can hide it.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    token: String,
}

impl Canary {
    /// A token that no other canary has.
    #[expect(clippy::new_without_default, reason = "every canary is another one")]
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_nanos());
        Self {
            token: format!("canary{now:x}{:x}x{count:x}q", std::process::id()),
        }
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// Whether the secret, or its later half, is in the text.
    pub fn is_in(&self, text: &str) -> bool {
        let half = &self.token[self.token.len() / 2..];
        text.to_ascii_lowercase().contains(half)
    }

    /// Fails the test when the secret, or its later half, is in the text.
    #[track_caller]
    pub fn assert_absent(&self, text: &str) {
        let shown = text.lines().find(|line| self.is_in(line)).unwrap_or(text);
        assert!(!self.is_in(text), "a secret leaked into: {shown}");
    }

    /// Fails the test when the secret is in a file under the folder.
    #[track_caller]
    pub fn assert_absent_in(&self, folder: &Path) {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                self.assert_absent_in(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let found = self.is_in(&String::from_utf8_lossy(&bytes));
                assert!(!found, "a secret leaked into {}", path.display());
            }
        }
    }
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canary")
    }
}
