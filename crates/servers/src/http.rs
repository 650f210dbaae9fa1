//! The HTTP clients.

use std::time::Duration;

use reqwest::{Client, redirect::Policy};
use yabby_core::{ErrorKind, ModelError, Phase, text};

use crate::Reach;

/// Two clients: one that never leaves the local network, one for the rest of the world.
///
/// Neither has a time-out: deadlines belong to the caller, who knows the phase. Neither follows redirects with an
/// API request, because a redirect would carry the prompt to a host that the owner did not name.
#[derive(Clone, Debug)]
pub struct Http {
    local: Client,
    hosted: Client,
    download: Client,
}

/// llama.cpp closes idle connections after 5 s (`Keep-Alive: timeout=5`, measured); staying below that avoids a
/// reset on the first write of the next request.
const POOL_IDLE: Duration = Duration::from_secs(4);

impl Http {
    /// Builds the clients. Fails only when the machine's certificate store cannot be read.
    pub fn new() -> Result<Self, ModelError> {
        let build = |builder: reqwest::ClientBuilder| {
            builder
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
                })
        };
        Ok(Self {
            // A proxy from the environment would carry local prompts out of the machine.
            local: build(Client::builder().no_proxy().redirect(Policy::none()).http1_only())?,
            hosted: build(Client::builder().redirect(Policy::none()))?,
            download: build(Client::builder().redirect(Policy::limited(5)))?,
        })
    }

    /// The client for an endpoint that is `reach` away.
    pub fn client(&self, reach: Reach) -> &Client {
        match reach {
            Reach::Loopback | Reach::Lan => &self.local,
            Reach::Hosted => &self.hosted,
        }
    }

    /// The client for public files: it follows redirects and sends no credentials.
    pub fn download(&self) -> &Client {
        &self.download
    }
}
