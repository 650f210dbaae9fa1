//! Listens, and answers each request with what its path stands for.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue, ORIGIN},
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
use yabby_config::Config;
use yabby_core::{Attempt, ModelRef};
use yabby_route::Spending;
use yabby_servers::{Fleet, Http};
use yabby_store::{Deliveries, Pace, Place};

use crate::{
    api::{Api, Refusal},
    app::{self, Desk, History, Page},
    assistant::Programs,
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
}

/// Serves HTTP on this machine.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    /// They end with this.
    _tasks: JoinSet<()>,
}

/// Why a gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others on the network could use the models, and nothing asks them who they are.
    #[error("{0} is not an address of this machine alone")]
    NotLoopback(SocketAddr),
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
    /// The API of the page, where there is an assistant.
    app: Option<Router>,
}

// === impl Gateway ===

impl Gateway {
    /// Listens at an address, which must be a loopback one, and begins to look after the servers.
    pub async fn bind(address: SocketAddr, house: House) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
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
        } = house;
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
            app::router(Desk::new(office, Arc::clone(&now), history))
        });
        tasks.spawn(Arc::clone(&now).keep_tally());
        Ok(Self {
            listener,
            address,
            _tasks: tasks,
            shared: Arc::new(Shared {
                now,
                budget: Budget::default(),
                app,
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = std::pin::pin!(end);
        loop {
            let accepted = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            tokio::select! {
                () = &mut end => break,
                (place, accepted) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let connection = connection(Arc::clone(&self.shared), stream, stopped.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    // No file descriptor is free, or the client has gone already.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                },
                Some(_) = connections.join_next() => {}
                _ = sweep.tick() => {
                    self.shared.now.relay().routes.sweep();
                    self.shared.budget.sweep();
                }
            }
        }
        drop(self.listener);
        let _ = stop.send(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(DRAIN, drained).await;
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

async fn connection(shared: Arc<Shared>, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(READ_AT_ONCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // A client that leaves or breaks HTTP concerns nobody else.
        _ = serving.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Response<Out> {
    if let Some(app) = &shared.app
        && request.uri().path().starts_with("/api/")
    {
        return match foreign(request.headers()) {
            Some(refusal) => refused(Api::Chat, &refusal),
            None => {
                let Ok(response) = app.clone().call(request).await;
                response.map(Out::App)
            }
        };
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if let Some(refusal) = foreign(&head.headers) {
        return refused(Api::of_path(path).unwrap_or(Api::Chat), &refusal);
    }
    if let Some(api) = Api::of_path(path) {
        if head.method != Method::POST {
            return only(api, "POST");
        }
        return match shared.budget.read(body).await {
            Ok(body) => shared.now.relay().answer(api, &head.headers, body).await,
            Err(refusal) => refused(api, &refusal),
        };
    }
    let get = |answer: &dyn Fn() -> Response<Out>| {
        if head.method == Method::GET {
            answer()
        } else {
            only(Api::Chat, "GET")
        }
    };
    if matches!(head.method, Method::GET | Method::HEAD)
        && let Some(page) = site::respond(path, &head.headers)
    {
        return page;
    }
    match path {
        "/v1/models" => get(&|| whole("application/json", models(&shared.now.relay()))),
        "/health" => get(&|| whole("application/json", json!({"status": "ok"}).to_string())),
        "/ready" => get(&|| ready(&shared.now)),
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

/// A web page that the person visits could ask the models in the person's name: by a name of its own that leads to this
/// machine, or across origins. Both say so in a header that a page cannot set.
fn foreign(headers: &HeaderMap) -> Option<Refusal> {
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
    let from = origin.map(|origin| origin.strip_prefix(b"http://").unwrap_or_default());
    if is_here(host) && from.is_none_or(is_here) {
        return None;
    }
    let message = "this gateway answers only programs and pages of this machine";
    Some(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message))
}

/// Whether a host, with or without a port, is a name of this machine.
fn is_here(host: &[u8]) -> bool {
    let is_port = |port: &[u8]| {
        port.is_empty()
            || port
                .strip_prefix(b":")
                .is_some_and(|port| port.iter().all(u8::is_ascii_digit))
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        let begin = host
            .get(..name.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()));
        begin && is_port(host.get(name.len()..).unwrap_or_default())
    })
}

/// platform.openai.com/docs/api-reference/models/list
fn models(relay: &Relay) -> String {
    let entry = |id: String| {
        let owner = id.split_once('/').map_or("yabby", |(provider, _)| provider).to_owned();
        json!({"id": id, "object": "model", "created": 0, "owned_by": owner})
    };
    let agents = relay.programs.iter().flat_map(Programs::names);
    let entries: Vec<_> = relay.routes.names().into_iter().chain(agents).map(entry).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        for (host, here) in [
            ("127.0.0.1:18789", true),
            ("LOCALHOST", true),
            ("[::1]:1", true),
            ("127.0.0.1.example.com", false),
            ("localhost:80@evil.example", false),
            ("evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_here(host.as_bytes()), here, "{host}");
        }
    }
}
