//! Carries what the SDK has put together to the collector, and tells when that does not work.

use std::{error::Error, pin::Pin, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use yabby_config::OtelSettings;
use yabby_core::{Text, text};

use crate::{Level, Log};

/// A collector that has not answered after this has not got it.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of an answer is read.
const LONGEST_ANSWER: usize = 64 << 10;
const AGENT: &str = concat!("yabby/", env!("CARGO_PKG_VERSION"));

type Answer = Result<Response<Bytes>, HttpError>;

/// What is sent. Each has an address of its own, and one may be taken while the other is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

/// A request on its way.
pub(super) struct Parcel {
    signal: Signal,
    request: Request<Bytes>,
    answer: oneshot::Sender<Answer>,
}

/// What the SDK calls, from its own threads.
#[derive(Clone, Debug)]
pub(super) struct Door {
    signal: Signal,
    /// The address that counts, whatever the SDK has found in the environment.
    to: Uri,
    out: mpsc::Sender<Parcel>,
}

/// Sends the requests, on the runtime of the gateway.
pub(super) struct Courier {
    parcels: mpsc::Receiver<Parcel>,
    sender: Sender,
    log: Log,
    /// Of which it was told that the collector does not take them.
    told: Vec<Signal>,
}

#[derive(Clone)]
struct Sender {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Where an address needs it.
    tls: Option<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
    headers: HeaderMap,
}

/// Why the collector has taken nothing.
#[derive(Debug)]
enum Trouble {
    Away(Box<dyn Error + Send + Sync>),
    Silent,
    Refused(StatusCode),
}

// === impl Door ===

impl Door {
    pub(super) fn new(
        signal: Signal,
        to: &str,
        out: &mpsc::Sender<Parcel>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self {
            signal,
            to: to.parse()?,
            out: out.clone(),
        })
    }
}

impl HttpClient for Door {
    fn send_bytes<'life, 'future>(
        &'life self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            request.uri_mut().clone_from(&self.to);
            let (answer, answered) = oneshot::channel();
            let parcel = Parcel {
                signal: self.signal,
                request,
                answer,
            };
            self.out.send(parcel).await.map_err(|_| "Yabby ends")?;
            answered.await?
        })
    }
}

// === impl Courier ===

impl Courier {
    /// With what the SDK is to call.
    pub(super) fn new(
        settings: &OtelSettings,
        log: &Log,
    ) -> Result<(Self, mpsc::Sender<Parcel>), Box<dyn Error + Send + Sync>> {
        let mut headers = HeaderMap::with_capacity(settings.headers.len() + 3);
        for (name, value) in &settings.headers {
            let mut value = HeaderValue::from_str(value.expose())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let client = || Client::builder(TokioExecutor::new());
        let urls = [&settings.traces, &settings.metrics];
        let tls = if urls.into_iter().flatten().any(|url| url.starts_with("https:")) {
            let connector = HttpsConnectorBuilder::new()
                .try_with_platform_verifier()?
                .https_only()
                .enable_http1()
                .wrap_connector(tcp.clone());
            Some(client().build(connector))
        } else {
            None
        };
        let sender = Sender {
            plain: client().build(tcp),
            tls,
            headers,
        };
        let (out, parcels) = mpsc::channel(2);
        let courier = Self {
            parcels,
            sender,
            log: log.clone(),
            told: Vec::new(),
        };
        Ok((courier, out))
    }

    /// Sends until nobody calls any more. Traces and metrics do not wait for each other.
    pub(super) async fn run(mut self) {
        let mut sending = JoinSet::new();
        loop {
            tokio::select! {
                parcel = self.parcels.recv() => match parcel {
                    Some(Parcel { signal, request, answer }) => {
                        let sender = self.sender.clone();
                        sending.spawn(async move {
                            let to = origin(request.uri());
                            let sent = sender.send(request).await;
                            let (trouble, sent) = match sent {
                                Ok(response) => {
                                    let status = response.status();
                                    ((!status.is_success()).then_some(Trouble::Refused(status)), Ok(response))
                                }
                                Err(trouble) => {
                                    let error = HttpError::from(trouble.to_string());
                                    (Some(trouble), Err(error))
                                }
                            };
                            let _ = answer.send(sent);
                            (signal, to, trouble)
                        });
                    }
                    None => return,
                },
                Some(Ok((signal, to, trouble))) = sending.join_next() => self.tell(signal, &to, trouble.as_ref()),
            }
        }
    }

    /// Tells once that traces or metrics are not taken, and once that they are again.
    fn tell(&mut self, signal: Signal, to: &str, trouble: Option<&Trouble>) {
        let is_told = self.told.contains(&signal);
        match trouble {
            Some(trouble) if !is_told => {
                let text = text!(
                    "{problem}; {signal} are dropped until it takes them. {hint}",
                    problem = trouble.text(to),
                    signal = signal.name(),
                    hint = trouble.hint()
                );
                self.log.tell(Level::Warn, "otel", &text);
                self.told.push(signal);
            }
            None if is_told => {
                let text = text!(
                    "the OpenTelemetry collector at {address} takes {signal} again",
                    address = to,
                    signal = signal.name()
                );
                self.log.tell(Level::Info, "otel", &text);
                self.told.retain(|told| *told != signal);
            }
            _ => {}
        }
    }
}

// === impl Signal ===

impl Signal {
    fn name(self) -> Text {
        match self {
            Self::Traces => text!("traces"),
            Self::Metrics => text!("metrics"),
        }
    }
}

// === impl Sender ===

impl Sender {
    async fn send(self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let (head, body) = request.into_parts();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        // What the SDK has found in the environment is not the config's.
        let headers = request.headers_mut();
        *headers = self.headers;
        for name in [CONTENT_TYPE, CONTENT_ENCODING] {
            if let Some(value) = head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let is_tls = request.uri().scheme_str() == Some("https");
        let answering = match self.tls.filter(|_| is_tls) {
            Some(tls) => tls.request(request),
            None => self.plain.request(request),
        };
        let answered = async {
            let (head, body) = answering
                .await
                .map_err(|error| Trouble::Away(error.into()))?
                .into_parts();
            let body = Limited::new(body, LONGEST_ANSWER)
                .collect()
                .await
                .map_err(Trouble::Away)?;
            Ok((head, body.to_bytes()))
        };
        let (head, body) = timeout(PATIENCE, answered).await.map_err(|_| Trouble::Silent)??;
        Ok(Response::from_parts(head, body))
    }
}

// === impl Trouble ===

impl Trouble {
    fn text(&self, to: &str) -> Text {
        match self {
            Self::Away(error) => text!(
                "the OpenTelemetry collector at {address} cannot be reached ({error})",
                address = to,
                error = root(error.as_ref())
            ),
            Self::Silent => text!("the OpenTelemetry collector at {address} does not answer", address = to),
            Self::Refused(status) => text!(
                "the OpenTelemetry collector at {address} has answered {status}",
                address = to,
                status = status.as_u16()
            ),
        }
    }

    fn hint(&self) -> Text {
        match self {
            Self::Refused(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                text!("Correct diagnostics.otel.headers")
            }
            Self::Refused(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                text!("Correct diagnostics.otel.endpoint: /v1/traces and /v1/metrics are appended to it")
            }
            Self::Refused(_) => text!("Look into the collector's own log"),
            Self::Away(_) | Self::Silent => {
                text!("Start it, or correct diagnostics.otel.endpoint: the port for HTTP is most often 4318")
            }
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Away(error) => f.write_str(&root(error.as_ref())),
            Self::Silent => f.write_str("no answer"),
            Self::Refused(status) => status.fmt(f),
        }
    }
}

/// What lies below all the others says most.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

/// An address without its path.
fn origin(uri: &Uri) -> String {
    let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
    format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()))
}
