//! Starting a server, knowing its tools, and starting it again when it has ended.

use std::{pin::pin, sync::Arc, time::Duration};

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{ClientCapabilities, ClientConfig, ErrorCode, Implementation, ProtocolVersion},
    service::{ClientInitializeError, NotificationContext, RunningService},
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{McpTransport, McpTrouble, http, listing::Listing, program::Program, server::Server};

/// A server that was there for so long has worked.
const STEADY: Duration = Duration::from_mins(1);

/// A server that says that its tools have changed often says so several times.
const SETTLE: Duration = Duration::from_millis(300);

/// How a program ended is known soon after it has closed its output.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What Yabby is for servers: it lends them no model, shows them no folders, and asks its owner nothing for them.
pub(super) struct Listener {
    changed: Arc<Notify>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("yabby", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.notify_one();
    }
}

/// A server that is there.
struct Connection {
    service: RunningService<RoleClient, Listener>,
    /// Dropped last.
    program: JoinSet<()>,
}

/// Keeps a server there, for ever.
pub(super) async fn keep(server: Arc<Server>) {
    let mut failures: u32 = 0;
    loop {
        let begun = Instant::now();
        let trouble = live(&server).await;
        failures = if begun.elapsed() < STEADY { failures + 1 } else { 0 };
        server.gone((failures > 0).then_some(trouble));
        sleep(pause(&server, failures)).await;
    }
}

fn pause(server: &Server, failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else {
        return Duration::ZERO;
    };
    let settings = &server.all;
    settings
        .retry
        .saturating_mul(1 << doublings.min(16))
        .min(settings.retry_most)
}

/// Starts a server, and says why it is not there any more.
async fn live(server: &Server) -> McpTrouble {
    let changed = Arc::new(Notify::new());
    let connect = async {
        let mut connection = connect(server, &changed).await?;
        let peer = connection.service.peer().clone();
        match Listing::ask(&peer, &server.own, &server.all.limits).await {
            Ok(listing) => Ok((connection, peer, listing)),
            Err(error) => Err(last_words(server, McpTrouble::of_request(&error), &mut connection.program).await),
        }
    };
    let limit = server.own.connect;
    let (connection, peer, listing) = match timeout(limit, connect).await {
        Ok(Ok(there)) => there,
        Ok(Err(trouble)) => return trouble,
        Err(_) => return McpTrouble::TimedOut(limit),
    };
    server.there(&peer, listing);
    let Connection { service, mut program } = connection;
    let mut closed = pin!(service.waiting());
    loop {
        tokio::select! {
            _ = &mut closed => return last_words(server, McpTrouble::Ended(None), &mut program).await,
            () = server.lost.notified() => return McpTrouble::Unreachable,
            () = changed.notified() => {
                sleep(SETTLE).await;
                server.meter.refill();
                let asked = Listing::ask(&peer, &server.own, &server.all.limits);
                match timeout(server.own.timeout, asked).await {
                    Ok(Ok(listing)) => server.there(&peer, listing),
                    Ok(Err(error)) => return last_words(server, McpTrouble::of_request(&error), &mut program).await,
                    Err(_) => return McpTrouble::TimedOut(server.own.timeout),
                }
            }
        }
    }
}

/// Connects as servers have understood it since the beginning; one that only knows the newest way says so.
async fn connect(server: &Server, changed: &Arc<Notify>) -> Result<Connection, McpTrouble> {
    let first = attempt(server, changed, ClientLifecycleMode::Initialize).await;
    match first {
        Err((ClientInitializeError::JsonRpcError(error), _)) if is_too_new(error.code) => {
            let preferred_versions = ProtocolVersion::KNOWN_VERSIONS.iter().rev().cloned().collect();
            let newest = ClientLifecycleMode::Discover { preferred_versions };
            attempt(server, changed, newest).await.map_err(|(_, trouble)| trouble)
        }
        other => other.map_err(|(_, trouble)| trouble),
    }
}

fn is_too_new(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::METHOD_NOT_FOUND | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION | ErrorCode::INVALID_REQUEST
    )
}

async fn attempt(
    server: &Server,
    changed: &Arc<Notify>,
    way: ClientLifecycleMode,
) -> Result<Connection, (ClientInitializeError, McpTrouble)> {
    let listener = Listener {
        changed: Arc::clone(changed),
    };
    server.meter.refill();
    let unmade = |trouble| (ClientInitializeError::Cancelled, trouble);
    let (served, mut program) = match &server.own.transport {
        transport @ McpTransport::Program { .. } => {
            let program = Program::start(transport, &server.all, &server.reaper, &server.meter, &server.log);
            let Program { pipes, running } = program.map_err(unmade)?;
            (listener.serve_with_lifecycle(pipes, way).await, running)
        }
        McpTransport::Http { url, headers } => {
            let posts = http::posts(url, headers, &server.all.limits).map_err(unmade)?;
            (listener.serve_with_lifecycle(posts, way).await, JoinSet::new())
        }
    };
    match served {
        Ok(service) => Ok(Connection { service, program }),
        Err(error) => {
            let trouble = last_words(server, McpTrouble::of_start(&error), &mut program).await;
            Err((error, trouble))
        }
    }
}

/// Says more of a program that has ended.
async fn last_words(server: &Server, trouble: McpTrouble, program: &mut JoinSet<()>) -> McpTrouble {
    if server.meter.is_over() {
        return McpTrouble::SaidTooMuch;
    }
    if trouble == McpTrouble::Ended(None) && !program.is_empty() {
        let _ = timeout(LAST_WORDS, program.join_next()).await;
        return McpTrouble::Ended(server.log.last_line());
    }
    trouble
}
