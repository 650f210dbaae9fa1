//! Listens, and answers each request with what its path stands for.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tower_service::Service as _;
use yabby_config::{Config, GatewayTls};
use yabby_core::{Attempt, ModelRef};
use yabby_route::Spending;
use yabby_servers::{Fleet, Http};
use yabby_store::{Deliveries, Keys, Pace, Place, Scopes, StoreError};

use crate::{
    api::{Api, Refusal},
    app::{self, Desk, History, Page},
    assistant::Programs,
    auth::{Access, Caller, Crowd, Gate, Peer, Signal},
    budget::Budget,
    feed::Feed,
    metrics::Metrics,
    office::Office,
    passing::Out,
    ready::readiness,
    relay::{Relay, refused},
    reload::{Now, Reload},
    routes::Routes,
    site,
    stream::{Stream, Tls, TlsError},
    upkeep::Upkeep,
};

/// More clients wait in the system's queue.
const MOST_CONNECTIONS: usize = 1024;
/// The head of a request must come within this time, also on a connection that is kept.
const HEAD_TIME: Duration = Duration::from_mins(1);
/// The largest head.
const LONGEST_HEAD: usize = 16 << 10;
/// What is read at once. More makes a long body faster, and a thousand connections heavier.
const READ_AT_ONCE: usize = 64 << 10;
/// Answers that have begun may go on for so long when the gateway ends.
const DRAIN: Duration = Duration::from_secs(10);
/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What a gateway serves.
#[derive(Debug)]
pub struct House {
    /// The config.
    pub config: Config,
    /// All endpoints.
    pub fleet: Fleet,
    /// The clients for what is asked beside requests.
    pub http: Http,
    /// The model to use when the config names none.
    pub default: Option<ModelRef>,
    /// What hosted models have cost, and may.
    pub spending: Spending,
    /// The assistant, where there is one.
    pub office: Option<Office>,
    /// What whoever looks after it is shown.
    pub upkeep: Upkeep,
    /// Who may come in, beside what the config says.
    pub access: Access,
}

/// Serves HTTP.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    /// They end with this.
    _tasks: JoinSet<()>,
}

/// Why a gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others on the network could read the keys that are sent, and all that is said.
    #[error("at {0} anybody on the network could read what is said")]
    Unprotected(SocketAddr),
    /// Others on the network could use the models, and nothing would ask them who they are.
    #[error("at {0} anybody on the network could use the models")]
    Open(SocketAddr),
    /// TLS is wanted, and a mistake in the config hides how.
    #[error("TLS is wanted, and a mistake in the config hides how")]
    TlsInDoubt,
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys that are kept cannot be read.
    #[error("the keys cannot be read: {0}")]
    Keys(#[source] StoreError),
    /// The system refuses.
    #[error("{address}: {error}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// What it says.
        error: io::Error,
    },
}

#[derive(Debug)]
struct Shared {
    now: Arc<Now>,
    budget: Budget,
    gate: Arc<Gate>,
    /// The API of the page, where there is an assistant.
    app: Option<Router>,
}

/// Who has asked last on a connection.
#[derive(Debug, Default)]
struct Seat(Mutex<Option<Caller>>);

// === impl Gateway ===

impl Gateway {
    /// Listens at an address, and begins to look after the servers. Beyond this machine it listens only with TLS, or behind a
    /// proxy that the config names, and only where everybody is asked for a key.
    pub async fn bind(address: SocketAddr, house: House) -> Result<Self, BindError> {
        let settings = &house.config.gateway;
        let tls = match &settings.tls {
            GatewayTls::Off => None,
            GatewayTls::Files { certificate, key } => Some(Tls::load(certificate, key)?),
            GatewayTls::InDoubt => return Err(BindError::TlsInDoubt),
        };
        if !address.ip().is_loopback() {
            if settings.auth.open {
                return Err(BindError::Open(address));
            }
            if tls.is_none() && settings.trusted_proxies.is_empty() {
                return Err(BindError::Unprotected(address));
            }
        }
        let io = |error| BindError::Io { address, error };
        let listener = TcpListener::bind(address).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let House {
            config,
            fleet,
            http,
            default,
            spending,
            office,
            upkeep,
            access,
        } = house;
        let gate = Arc::new(Gate::new(access, &config.gateway).await.map_err(BindError::Keys)?);
        let metrics = Arc::new(Metrics::new(upkeep.tally.clone(), upkeep.log.clone()));
        let feed = Feed::default();
        let mut tasks = JoinSet::new();
        let routes = Routes::new(config, fleet, default, http.clone(), Arc::clone(&metrics));
        let programs = office.as_ref().map(|office| {
            let programs = Programs::new(office.clone(), &routes);
            tasks.spawn(programs.clone().work());
            programs
        });
        let relay = Relay {
            routes,
            http,
            spending,
            metrics,
            programs,
        };
        let now = Arc::new(Now::new(relay, feed.clone(), upkeep));
        let app = office.map(|office| {
            tasks.spawn(feed.clone().follow(office.assistant.hub().clone()));
            let page = Page {
                store: office.store.clone(),
                feed: feed.clone(),
            };
            let page = Deliveries::new(office.store.clone(), page, Pace::default()).only(app::CHANNEL, "");
            tasks.spawn(page.run(std::future::pending()));
            if matches!(office.store.place(), Place::Postgres { .. }) {
                tasks.spawn(feed.clone().follow_others(office.store.clone()));
            }
            let history = History::default();
            tasks.spawn(history.clone().keep(Arc::clone(&now)));
            app::router(Desk::new(office, Arc::clone(&now), history, Arc::clone(&gate)))
        });
        tasks.spawn(Arc::clone(&now).keep_tally());
        Ok(Self {
            listener,
            address,
            tls,
            _tasks: tasks,
            shared: Arc::new(Shared {
                now,
                budget: Budget::default(),
                gate,
                app,
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as the beginning of a URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A handle to the records of attempts.
    pub fn records(&self) -> Records {
        Records(Arc::clone(&self.shared.now.relay().metrics))
    }

    /// A handle to give it another config while it serves.
    pub fn reload(&self) -> Reload {
        Reload::new(&self.shared.now)
    }

    /// Serves until `end`, then lets answers that have begun come to their end, for ten seconds at the most.
    pub async fn serve(self, end: impl Future<Output = ()>) {
        let gate = &self.shared.gate;
        let crowd = Crowd::default();
        let mut connections = JoinSet::new();
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = std::pin::pin!(end);
        let mut keep = std::pin::pin!(gate.keep());
        loop {
            let accepted = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut end => break,
                (room, accepted) = accepted => match accepted {
                    Ok((stream, remote)) => {
                        let peer = Peer::new(remote, stream.local_addr().unwrap_or(self.address));
                        // Who has too many already has to close one first.
                        let Some(place) = crowd.enter(&peer, gate.proxies()) else { continue };
                        let stream = (stream, self.tls.clone());
                        let connection = connection(Arc::clone(&self.shared), stream, peer, gate.signal());
                        connections.spawn(async move {
                            connection.await;
                            drop((room, place));
                        });
                    }
                    // No file descriptor is free, or the client has gone already.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                },
                Some(_) = connections.join_next() => {}
                () = &mut keep => {}
                _ = sweep.tick() => {
                    self.shared.now.relay().routes.sweep();
                    self.shared.budget.sweep();
                }
            }
        }
        drop(self.listener);
        gate.stop();
        let drained = async { while connections.join_next().await.is_some() {} };
        tokio::select! {
            // Keys may be revoked until the end.
            () = &mut keep => {}
            _ = timeout(DRAIN, drained) => {}
        }
        connections.shutdown().await;
        self.shared.now.write_tally();
    }
}

/// What was tried lately.
#[derive(Clone, Debug)]
pub struct Records(Arc<Metrics>);

impl Records {
    /// The last attempts at upstreams, the latest last.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.0.attempts()
    }
}

async fn connection(
    shared: Arc<Shared>,
    (stream, tls): (TcpStream, Option<Tls>),
    peer: Peer,
    mut signal: watch::Receiver<Signal>,
) {
    let _ = stream.set_nodelay(true);
    let Some(stream) = Stream::open(stream, tls.as_ref()).await else {
        return;
    };
    let seat = Arc::new(Seat::default());
    let seat_of_service = Arc::clone(&seat);
    let service = service_fn(move |request| {
        let (shared, seat) = (Arc::clone(&shared), Arc::clone(&seat_of_service));
        async move { Ok::<_, Infallible>(respond(&shared, &seat, &peer, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(READ_AT_ONCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    loop {
        tokio::select! {
            // A client that leaves or breaks HTTP concerns nobody else.
            _ = serving.as_mut() => return,
            changed = signal.changed() => {
                // What was begun with a key that does not count any more ends, wherever it is.
                if changed.is_err() || seat.is_revoked() {
                    return;
                }
                if signal.borrow_and_update().stop {
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

// === impl Seat ===

impl Seat {
    fn take(&self, caller: &Caller) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller.clone());
    }

    fn leave(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_revoked(&self) -> bool {
        let caller = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        caller.as_ref().is_some_and(Caller::is_revoked)
    }
}

async fn respond(shared: &Shared, seat: &Seat, peer: &Peer, request: Request<Incoming>) -> Response<Out> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let refuse = |refusal: &Refusal| refused(Api::of_errors(path), refusal);
    let visitor = match shared.gate.visitor(peer, &head) {
        Ok(visitor) => visitor,
        Err(refusal) => return refuse(&refusal),
    };
    let get = |answer: &dyn Fn() -> Response<Out>| {
        if head.method == Method::GET {
            answer()
        } else {
            only(Api::Chat, "GET")
        }
    };
    // What is open to everybody.
    if matches!(head.method, Method::GET | Method::HEAD)
        && let Some(page) = site::respond(path, &head.headers)
    {
        return page;
    }
    match path {
        "/health" => return get(&|| whole("application/json", json!({"status": "ok"}).to_string())),
        "/ready" => return get(&|| ready(&shared.now)),
        "/api/sign-in" => {
            if head.method != Method::POST {
                return only(Api::Chat, "POST");
            }
            let signed_in = async {
                let body = shared.budget.read_short(body).await?;
                shared.gate.sign_in(visitor, &head.headers, &body.bytes()).await
            };
            return match signed_in.await {
                Ok(signed_in) => {
                    let mut response = whole("application/json", serde_json::to_vec(&signed_in).unwrap_or_default());
                    response
                        .headers_mut()
                        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    response
                }
                Err(refusal) => refuse(&refusal),
            };
        }
        _ => {}
    }
    // A browser cannot send a key with the head of a WebSocket: it says it in its first message.
    if let (Some(app), "/api/socket", false) = (&shared.app, path, shared.gate.shows_key(&head.headers)) {
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(visitor);
        let Ok(response) = app.clone().call(request).await;
        return response.map(Out::App);
    }
    let caller = match shared.gate.caller(visitor, &head.headers) {
        Ok(caller) => caller,
        Err(refusal) => return refuse(&refusal),
    };
    seat.take(&caller);
    if path == "/api/me" {
        let me = json!({
            "name": caller.name(),
            "kind": caller.kind().name(),
            "version": env!("CARGO_PKG_VERSION"),
            "replica": shared.gate.keys().map(Keys::me),
        });
        return get(&|| whole("application/json", me.to_string()));
    }
    let is_of_page = path.starts_with("/api/");
    if (is_of_page || path == "/metrics") && !caller.may_operate() {
        let message = format!(
            "the key {:?} may not operate the gateway: its scope operate is off",
            caller.name()
        );
        return refuse(&Refusal::new(StatusCode::FORBIDDEN, "operate_not_allowed", message));
    }
    if path == "/api/sign-out" {
        if head.method != Method::POST {
            return only(Api::Chat, "POST");
        }
        // What it asks for now is still answered.
        seat.leave();
        return match shared.gate.sign_out(&caller).await {
            Ok(()) => whole("application/json", "{}"),
            Err(refusal) => refuse(&refusal),
        };
    }
    if let (Some(app), true) = (&shared.app, is_of_page) {
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(caller);
        let Ok(response) = app.clone().call(request).await;
        return response.map(Out::App);
    }
    if let Some(api) = Api::of_path(path) {
        if head.method != Method::POST {
            return only(api, "POST");
        }
        return match shared.budget.read(body).await {
            Ok(body) => shared.now.relay().answer(api, &head.headers, body, &caller).await,
            Err(refusal) => refused(api, &refusal),
        };
    }
    match path {
        "/v1/models" => get(&|| whole("application/json", models(&shared.now.relay(), caller.scopes()))),
        "/metrics" => get(&|| {
            whole(
                "text/plain; version=0.0.4; charset=utf-8",
                shared.now.relay().metrics.text(),
            )
        }),
        _ => {
            let message = format!("there is no {path} here");
            refused(Api::Chat, &Refusal::new(StatusCode::NOT_FOUND, "not_found", message))
        }
    }
}

/// platform.openai.com/docs/api-reference/models/list
fn models(relay: &Relay, scopes: &Scopes) -> String {
    let entry = |id: String| {
        let owner = id.split_once('/').map_or("yabby", |(provider, _)| provider).to_owned();
        json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
    };
    let agents = relay.programs.iter().flat_map(|programs| programs.names_for(scopes));
    let names = relay.routes.names(scopes).into_iter().chain(agents);
    let entries: Vec<_> = names.map(entry).collect();
    json!({"object": "list", "data": entries}).to_string()
}

fn ready(now: &Now) -> Response<Out> {
    let readiness = readiness(now);
    let status = readiness.status();
    let mut response = whole("application/json", json!(readiness).to_string());
    *response.status_mut() = status;
    response
}

fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Response<Out> {
    let mut response = Response::new(Out::Whole(Some(body.into())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn only(api: Api, method: &'static str) -> Response<Out> {
    let message = format!("only {method} is understood here");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    let mut response = refused(api, &refusal);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    response
}
