//! The HTTP clients.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, ClientBuilder, redirect::Policy};
use yabby_core::{ErrorKind, ModelError, Phase, text};

use crate::{Endpoint, Reach};

/// Clients that keep the local network apart from the rest of the world, each made when it is first needed: reading
/// the machine's certificates takes longer than everything else that a local request does.
///
/// None has a time-out: deadlines belong to the caller, who knows the phase. None follows a redirect with an API
/// request, because it would carry the prompt to a host that the owner did not name.
#[derive(Clone, Debug, Default)]
pub struct Http {
    made: Arc<Made>,
}

#[derive(Debug, Default)]
struct Made {
    near: OnceLock<Client>,
    near_tls: OnceLock<Client>,
    hosted: OnceLock<Client>,
    download: OnceLock<Client>,
}

/// llama.cpp closes idle connections after 5 s (`Keep-Alive: timeout=5`, measured); staying below that avoids a
/// reset on the first write of the next request.
const POOL_IDLE: Duration = Duration::from_secs(4);

impl Http {
    /// The client for an endpoint.
    pub(crate) fn client(&self, endpoint: &Endpoint) -> Result<&Client, ModelError> {
        let no_redirects = Client::builder().redirect(Policy::none());
        match endpoint.reach {
            Reach::Hosted => made(&self.made.hosted, no_redirects),
            // A proxy from the environment would carry local prompts out of the machine.
            Reach::Loopback | Reach::Lan if endpoint.url.starts_with("https://") => {
                made(&self.made.near_tls, no_redirects.no_proxy())
            }
            Reach::Loopback | Reach::Lan => made(&self.made.near, no_redirects.no_proxy().tls_certs_only([])),
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
