//! The HTTP clients.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, ClientBuilder, Url, redirect::Policy};
use yabby_core::{ErrorKind, ModelError, Phase, text};

use crate::{
    Endpoint, Lookup, Reach,
    near::{self, Guard, Resolver},
};

/// Clients that keep the local network apart from the rest of the world, each made when it is first needed: reading
/// the machine's certificates takes longer than everything else that a local request does.
///
/// None has a time-out: deadlines belong to the caller, who knows the phase. None follows a redirect with an API
/// request, because it would carry the prompt to a host that the owner did not name. What counts as near is looked up by
/// a resolver that gives no public address.
#[derive(Clone, Debug, Default)]
pub struct Http {
    made: Arc<Made>,
    lookup: Lookup,
}

#[derive(Debug, Default)]
struct Made {
    /// By guard, without and with TLS.
    near: [[OnceLock<Client>; 2]; 3],
    hosted: OnceLock<Client>,
    download: OnceLock<Client>,
}

/// How long a connection to a hosted service may wait for its next request; saves the handshake inside a chat.
const POOL_IDLE: Duration = Duration::from_secs(30);

impl Http {
    /// Clients that look names up in another way; for tests.
    pub fn with_lookup(lookup: Lookup) -> Self {
        Self {
            lookup,
            ..Self::default()
        }
    }

    pub(crate) fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// The client for an endpoint. Fails for one that counts as near and has a public address for a host.
    pub(crate) fn client(&self, endpoint: &Endpoint) -> Result<&Client, ModelError> {
        let guard = endpoint.guard();
        if endpoint.reach == Reach::Hosted && guard == Guard::Open {
            return made(&self.made.hosted, Client::builder().redirect(Policy::none()));
        }
        if let Some(outside) = near::literal(&endpoint.url, guard) {
            return Err(near::error(endpoint, Some(&outside)));
        }
        self.guarded(&endpoint.url, guard)
    }

    /// The client for a URL on this machine or in its network.
    pub(crate) fn near(&self, url: &str) -> Result<&Client, ModelError> {
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(Reach::of_host));
        self.guarded(url, host.map_or(Guard::Lan, Guard::of))
    }

    fn guarded(&self, url: &str, guard: Guard) -> Result<&Client, ModelError> {
        // A connection to a server near by costs nothing to make. One that is used again may be one that the server
        // closes at that moment: llama.cpp ends idle ones after 5 s (measured), and twice a request on a kept one was
        // lost in the tests for a reason that was not found. A proxy from the environment would carry local prompts
        // out of the machine.
        let near = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .dns_resolver(Resolver::new(self.lookup.clone(), guard));
        let [plain, tls] = &self.made.near[guard as usize];
        if url.starts_with("https://") {
            made(tls, near)
        } else {
            made(plain, near.tls_certs_only([]))
        }
    }

    /// The client for public files: it follows redirects and sends no credentials.
    pub(crate) fn download(&self) -> Result<&Client, ModelError> {
        made(&self.made.download, Client::builder().redirect(Policy::limited(5)))
    }
}

fn made(place: &OnceLock<Client>, builder: ClientBuilder) -> Result<&Client, ModelError> {
    if let Some(client) = place.get() {
        return Ok(client);
    }
    let client = builder
        .user_agent(concat!("yabby/", env!("CARGO_PKG_VERSION")))
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true)
        .build()
        .map_err(|error| {
            ModelError::new(
                ErrorKind::Tls,
                Phase::Connect,
                "",
                text!("the HTTP client could not be set up: {error}", error = error),
            )
            .with_source(error)
        })?;
    Ok(place.get_or_init(|| client))
}
