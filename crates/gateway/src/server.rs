//! Listens, and lets connections live and end.

use std::{
    convert::Infallible, future::poll_fn, io, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration,
};

use futures_util::future::BoxFuture;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use yabby_config::{Config, GatewayTls};
use yabby_core::{Attempt, ModelRef};
use yabby_route::Spending;
use yabby_servers::{Fleet, Http};
use yabby_store::{Deliveries, Pace, Place, StoreError};

use crate::{
    Telemetry,
    app::{self, Desk, History, Page},
    assistant::Programs,
    auth::{Access, Crowd, Gate, Peer, Signal},
    batch::{Batch, Batched},
    bell::Bell,
    budget::Budget,
    exposure::{Exposed, Exposure},
    feed::Feed,
    metrics::Metrics,
    office::Office,
    relay::Relay,
    reload::{Now, Reload},
    respond::{Shared, respond},
    room::{Room, Stay},
    routes::Routes,
    seat::Seat,
    stream::{Patient, Stream, Tls, TlsError, listen},
    upkeep::Upkeep,
};

/// The largest head.
const LONGEST_HEAD: usize = 16 << 10;
/// What is read at once of a body that is that long; others begin with 8 KiB. Hundreds of bodies of 200 kB at once take a quarter less
/// processor time than with 64 KiB.
const READ_AT_ONCE: usize = 256 << 10;
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
    /// The PEM file of its own certificate and its key, for a config that wants one.
    pub certificate: Option<PathBuf>,
}

/// Serves HTTP.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    exposure: Exposure,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    telemetry: Telemetry,
    /// They end with this.
    _tasks: JoinSet<()>,
}

/// Why a gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Others on the network could reach it.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// TLS is wanted, and a mistake in the config hides how.
    #[error("TLS is wanted, and a mistake in the config hides how")]
    TlsInDoubt,
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The same of its own, which the config does not name.
    #[error(transparent)]
    OwnTls(TlsError),
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

// === impl Gateway ===

impl Gateway {
    /// Listens at an address, and begins to look after the servers. Beyond this machine it listens only with TLS, or behind a
    /// proxy that the config names, and only where everybody is asked for a key.
    pub async fn bind(address: SocketAddr, house: House) -> Result<Self, BindError> {
        let settings = &house.config.gateway;
        let tls = match &settings.tls {
            GatewayTls::Off => None,
            GatewayTls::Files { certificate, key } => Some(Tls::load(certificate, key)?),
            GatewayTls::Own => {
                let file = house.certificate.as_ref().ok_or(BindError::TlsInDoubt)?;
                Some(Tls::load(file, file).map_err(BindError::OwnTls)?)
            }
            GatewayTls::InDoubt => return Err(BindError::TlsInDoubt),
        };
        let exposure = |address| Exposure {
            address,
            encrypted: tls.is_some(),
        };
        exposure(address).bears(settings)?;
        let io = |error| BindError::Io { address, error };
        let listener = listen(address).map_err(io)?;
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
            certificate: _,
        } = house;
        let gate = Arc::new(Gate::new(access, &config.gateway).await.map_err(BindError::Keys)?);
        let metrics = Arc::new(Metrics::new(
            upkeep.tally.clone(),
            upkeep.log.clone(),
            upkeep.telemetry.clone(),
        ));
        let feed = Feed::default();
        let room = Room::of_this_process();
        let mut tasks = JoinSet::new();
        let telemetry = upkeep.telemetry.clone();
        telemetry.start(&metrics, &upkeep.log, &mut tasks);
        let batch = Batch::default();
        tasks.spawn(batch.clone().write());
        let routes = Routes::new(config, fleet, default, http.clone(), Arc::clone(&metrics), batch);
        let programs = office.as_ref().map(|office| {
            let programs = Programs::new(office.clone(), feed.clone(), &routes);
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
            let desk = Desk::new(office, Arc::clone(&now), history, Arc::clone(&gate), room.clone());
            app::router(desk)
        });
        tasks.spawn(Arc::clone(&now).keep_tally());
        Ok(Self {
            listener,
            address,
            exposure: exposure(address),
            tls,
            telemetry,
            _tasks: tasks,
            shared: Arc::new(Shared {
                now,
                budget: Budget::default(),
                room,
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

    /// The SHA-256 fingerprint of the certificate that it shows, where it speaks TLS.
    pub fn fingerprint(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.fingerprint.as_ref())
    }

    /// A handle to the records of attempts.
    pub fn records(&self) -> Records {
        Records(Arc::clone(&self.shared.now.relay().metrics))
    }

    /// A handle to give it another config while it serves.
    pub fn reload(&self) -> Reload {
        Reload::new(&self.shared.now, &self.shared.gate, self.exposure)
    }

    /// Serves until `end`, then lets answers that have begun come to their end, for ten seconds at the most.
    pub fn serve<'a>(self, end: impl Future<Output = ()> + Send + 'a) -> BoxFuture<'a, ()> {
        self.until(Box::pin(end))
    }

    /// Not generic, so that all of it is compiled with this crate.
    fn until(self, end: BoxFuture<'_, ()>) -> BoxFuture<'_, ()> {
        Box::pin(self.work(end))
    }

    async fn work(self, mut end: BoxFuture<'_, ()>) {
        let gate = &self.shared.gate;
        let crowd = Crowd::default();
        let mut connections = JoinSet::new();
        let room = &self.shared.room;
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut keep = pin!(gate.keep());
        loop {
            let accepted = async {
                room.free().await;
                self.listener.accept().await
            };
            tokio::select! {
                () = &mut end => break,
                accepted = accepted => match accepted {
                    Ok((stream, remote)) => {
                        let peer = Peer::new(remote, stream.local_addr().unwrap_or(self.address));
                        // Who has too many already has to close one first.
                        let (Some(free), Some(place)) = (room.connection(), crowd.enter(&peer, gate.is_proxy(&peer))) else {
                            continue;
                        };
                        let seat = Seat::new(Stay::new(free, place));
                        let stream = (stream, self.tls.clone());
                        connections.spawn(connection(Arc::clone(&self.shared), stream, peer, seat, gate.signal()));
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
        let drained = async {
            while connections.join_next().await.is_some() {}
            // Those that HTTP has handed over.
            room.empty().await;
        };
        tokio::select! {
            // Keys may be revoked until the end.
            () = &mut keep => {}
            _ = timeout(DRAIN, drained) => {}
        }
        connections.shutdown().await;
        self.shared.now.write_tally();
        self.telemetry.end().await;
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
    seat: Seat,
    mut signal: watch::Receiver<Signal>,
) {
    let _ = stream.set_nodelay(true);
    let stream = Batched::new(stream, shared.now.relay().routes.batch());
    let Some(stream) = Stream::open(stream, tls.as_ref()).await else {
        return;
    };
    let seat = Arc::new(seat);
    let seat_of_service = Arc::clone(&seat);
    let service = service_fn(move |request| {
        let (shared, seat) = (Arc::clone(&shared), Arc::clone(&seat_of_service));
        async move {
            // What it takes to answer is not kept as long as the connection is.
            Ok::<_, Infallible>(seat.answer(Box::pin(respond(&shared, &seat, &peer, request))).await)
        }
    });
    let serving = http1::Builder::new()
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(READ_AT_ONCE)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut left = pin!(seat.is_left());
    // What happens seldom is not looked at with each piece of an answer.
    let mut bell = Bell::default();
    loop {
        let served = poll_fn(|cx| {
            let served = serving.as_mut().poll(cx);
            seat.settle();
            served
        });
        let changed = {
            let mut seldom = pin!(async {
                tokio::select! {
                    biased;
                    () = left.as_mut() => None,
                    changed = signal.changed() => changed.ok(),
                }
            });
            tokio::select! {
                biased;
                // A client that leaves or breaks HTTP concerns nobody else.
                _ = served => return,
                changed = poll_fn(|cx| bell.drive(cx, |own| seldom.as_mut().poll(own))) => changed,
            }
        };
        // What was begun with a key that does not count any more ends, wherever it is.
        if changed.is_none() || seat.last.is_revoked() {
            return;
        }
        if signal.borrow_and_update().stop {
            serving.as_mut().graceful_shutdown();
        }
    }
}
