//! Asking for a URL and for nothing else.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::{
    Client, Proxy, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, LOCATION},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};

use super::{
    address::Guard,
    places::{self, Places},
};
use crate::{ToolError, ToolErrorKind};

type Addresses = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// How names are looked up: as the system does it, unless a test says otherwise.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Addresses + Send + Sync>);

/// Asks for pages.
#[derive(Debug)]
pub(super) struct Http {
    places: Places,
    lookup: Lookup,
    user_agent: String,
    proxy: Option<String>,
    redirects: usize,
    /// For hosts of which nothing is known, and for those that the owner named. They share no connection.
    others: OnceLock<Client>,
    named: OnceLock<Client>,
}

/// What an [`Http`] is made from.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) places: Places,
    pub(super) user_agent: String,
    pub(super) proxy: Option<String>,
    pub(super) redirects: usize,
}

/// Looks names up for a client and gives it only addresses that the guard lets through. A client connects to what it is
/// given, and asks nobody else.
#[derive(Debug)]
struct Vetted {
    lookup: Lookup,
    guard: Guard,
}

/// A name with an address that it may not have.
#[derive(Debug)]
struct Refused {
    host: String,
    address: IpAddr,
}

/// Head lines of an answer, and their bytes where HTTP/2 lets a client say so; hyper takes 400 kB at most otherwise.
const MOST_HEADERS: usize = 128;
const HEADER_BYTES: u32 = 64 * 1024;

/// A connection that nobody uses is closed after so long.
const POOL_IDLE: Duration = Duration::from_secs(15);

// === impl Lookup ===

impl Lookup {
    /// Looks names up with a function.
    pub fn with(lookup: impl Fn(String) -> Addresses + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::with(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

// === impl Http ===

impl Http {
    pub(super) fn new(rules: Rules, lookup: Lookup) -> Self {
        Self {
            places: rules.places,
            lookup,
            user_agent: rules.user_agent,
            proxy: rules.proxy,
            redirects: rules.redirects,
            others: OnceLock::new(),
            named: OnceLock::new(),
        }
    }

    /// The answer to a GET and where it came from at last. Each redirect is checked as the first URL was.
    pub(super) async fn get(&self, url: Url, deadline: Instant) -> Result<(Url, Response), ToolError> {
        let mut url = url;
        for _ in 0..=self.redirects {
            // What stands behind `#` is for the reader alone.
            url.set_fragment(None);
            let guard = self.places.check(&url)?;
            let request = self
                .client(guard)?
                .get(url.clone())
                .header(
                    ACCEPT,
                    "text/html, text/markdown, text/plain, application/json, */*;q=0.5",
                )
                .header(ACCEPT_ENCODING, "gzip");
            let response = send(request, &url, deadline).await?;
            let Some(next) = redirect(&url, response.status().as_u16(), response.headers())? else {
                return Ok((url, response));
            };
            url = next;
        }
        Err(ToolError::new(
            ToolErrorKind::Failed,
            format!(
                "More than {} redirects. The last one goes to {url}; try another page.",
                self.redirects
            ),
        ))
    }

    fn client(&self, guard: Guard) -> Result<&Client, ToolError> {
        let (place, proxy) = match guard {
            Guard::Named => (&self.named, None),
            Guard::Public { .. } | Guard::Own => (&self.others, self.proxy.as_deref()),
        };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // With a proxy, its name is the only one that is looked up here.
        let guard = if proxy.is_some() { Guard::Own } else { guard };
        let client = client(&self.lookup, guard, &self.user_agent, proxy)?;
        Ok(place.get_or_init(|| client))
    }
}

/// A client that follows nothing, keeps no cookie, and looks names up through the guard.
pub(super) fn client(
    lookup: &Lookup,
    guard: Guard,
    user_agent: &str,
    proxy: Option<&str>,
) -> Result<Client, ToolError> {
    let unusable = |error: reqwest::Error| {
        ToolError::new(
            ToolErrorKind::Unavailable,
            format!("The HTTP client could not be set up ({error}); tell the owner."),
        )
    };
    let builder = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(user_agent)
        .http1_max_headers(MOST_HEADERS)
        .http2_max_header_list_size(HEADER_BYTES)
        .pool_idle_timeout(POOL_IDLE)
        .dns_resolver(Vetted {
            lookup: lookup.clone(),
            guard,
        });
    let builder = match proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(unusable)?),
        None => builder,
    };
    builder.build().map_err(unusable)
}

/// Sends a request; the answer's head is there before the deadline.
pub(super) async fn send(
    request: reqwest::RequestBuilder,
    url: &Url,
    deadline: Instant,
) -> Result<Response, ToolError> {
    let host = url.host_str().unwrap_or_default();
    match timeout_at(deadline, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(failed(host, &error)),
        Err(_) => Err(ToolError::new(
            ToolErrorKind::TimedOut,
            format!("{host} did not answer in time. Try once more later, or another source."),
        )),
    }
}

/// Where an answer sends us to, when it does.
fn redirect(url: &Url, status: u16, headers: &HeaderMap) -> Result<Option<Url>, ToolError> {
    let location = headers.get(LOCATION);
    let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
        return Ok(None);
    };
    // Many servers write UTF-8 here.
    let location = String::from_utf8_lossy(location.as_bytes());
    let next = url.join(&location).map_err(|_| {
        ToolError::new(
            ToolErrorKind::Failed,
            "The page redirects to what is no URL; try another one.",
        )
    })?;
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(ToolError::new(
            ToolErrorKind::Denied,
            format!(
                "The page redirects from https to {next}, which is not followed because anyone on the way can change it."
            ),
        ));
    }
    places::parse(next.as_str()).map(Some)
}

/// What the model is told of a request that did not come through.
pub(super) fn failed(host: &str, error: &reqwest::Error) -> ToolError {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return ToolError::new(ToolErrorKind::Denied, places::near(&refused.host));
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    ToolError::new(
        ToolErrorKind::Unavailable,
        format!("{host} could not be read: {cause}. Check the address, or try another source."),
    )
}

// === impl Vetted ===

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, guard) = ((self.lookup.0)(name.as_str().to_owned()), self.guard);
        Box::pin(async move {
            let found = found.await?;
            // One near address among others is a trap, or a network where the name means something else.
            if let Some(near) = found.iter().find(|address| !guard.lets_through(address.ip())) {
                let host = name.as_str().to_owned();
                return Err(Refused {
                    host,
                    address: near.ip(),
                }
                .into());
            }
            // The port is the URL's; a zero stands for it.
            let vetted = found.into_iter().map(|address| SocketAddr::new(address.ip(), 0));
            Ok(Box::new(vetted.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has the address {}, which is not public", self.host, self.address)
    }
}

impl Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_redirect_goes() {
        let go = |from: &str, status: u16, to: &str| {
            let headers = HeaderMap::from_iter([(LOCATION, to.parse().unwrap())]);
            let next = redirect(&from.parse().unwrap(), status, &headers);
            next.map(|url| url.map(String::from)).map_err(|error| error.kind)
        };
        let at = |url: &str| Ok(Some(url.to_owned()));
        assert_eq!(go("https://a.org/b/c", 302, "d?e"), at("https://a.org/b/d?e"));
        assert_eq!(go("http://a.org/", 301, "//b.org/"), at("http://b.org/"));
        assert_eq!(go("http://a.org/", 308, "https://b.org/"), at("https://b.org/"));
        assert_eq!(go("https://a.org/", 307, "http://a.org/"), Err(ToolErrorKind::Denied));
        // Whether the next one may be asked for is decided where every URL is checked.
        assert_eq!(
            go("https://a.org/", 303, "file:///etc/passwd"),
            at("file:///etc/passwd")
        );
        assert_eq!(go("https://a.org/", 302, "https://"), Err(ToolErrorKind::Failed));
        assert_eq!(go("https://a.org/", 200, "/b"), Ok(None));
        assert_eq!(go("https://a.org/", 304, "/b"), Ok(None));
    }
}
