//! What counts as near is reached at near addresses alone.
//!
//! A name is spelt like one of this network, or the config says that it is; what it resolves to is another matter, and can
//! change between a check and a connection. So the check stands where the connection is made: the resolver of the HTTP
//! client hands out near addresses and no others.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use yabby_core::{ErrorKind, ModelError, Phase, Zone, text};

use crate::{Endpoint, Lookup, Reach};

/// Which addresses an endpoint may be reached at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Those of this machine: its name says so.
    Machine,
    /// Those of this machine and of private networks.
    Lan,
    /// All.
    Open,
}

/// A host that counts as near and has no near address.
#[derive(Debug)]
pub(crate) struct Outside {
    host: String,
    address: IpAddr,
}

/// Looks names up for a client, and gives it only addresses that the guard lets through.
#[derive(Debug)]
pub(crate) struct Resolver {
    lookup: Lookup,
    guard: Guard,
}

impl Guard {
    /// The guard for a host of which nothing is known but its name.
    pub(crate) fn of(reach: Reach) -> Self {
        match reach {
            Reach::Loopback => Self::Machine,
            Reach::Lan => Self::Lan,
            Reach::Hosted => Self::Open,
        }
    }

    pub(crate) fn lets_through(self, address: IpAddr) -> bool {
        match (self, Reach::of_address(address)) {
            (Self::Open, _) | (_, Reach::Loopback) | (Self::Lan, Reach::Lan) => true,
            (Self::Machine, Reach::Lan) | (Self::Machine | Self::Lan, Reach::Hosted) => false,
        }
    }
}

impl Endpoint {
    /// Which addresses it may be reached at. The config's `hosted`, or a region, is the owner's word that a name which
    /// looks near may be anywhere.
    pub(crate) fn guard(&self) -> Guard {
        let by_name = Guard::of(self.reach);
        match &self.zone {
            Some(Zone::Hosted | Zone::Region(_)) => Guard::Open,
            // A container or a virtual machine of this machine has a private address.
            Some(Zone::Machine | Zone::Lan) if by_name == Guard::Open => Guard::Lan,
            None if by_name == Guard::Open && self.live.is_private() => Guard::Lan,
            _ => by_name,
        }
    }
}

/// The address that a URL has in place of a name, where the guard does not let it through.
pub(crate) fn literal(url: &str, guard: Guard) -> Option<Outside> {
    let host = Url::parse(url).ok()?.host_str()?.to_owned();
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    (!guard.lets_through(address)).then_some(Outside { host, address })
}

/// The error of an endpoint that was not contacted because it is not where it counts as being.
pub(crate) fn error(endpoint: &Endpoint, outside: Option<&Outside>) -> ModelError {
    let address = outside.map_or_else(|| "?".to_owned(), |outside| outside.address.to_string());
    ModelError::new(
        ErrorKind::OutOfZone,
        Phase::Connect,
        &endpoint.base_url,
        text!(
            "{url} counts as near, but its address {address} is not; nothing was sent",
            url = endpoint.base_url,
            address = address
        ),
    )
    .with_hint(text!(
        "set models.providers.{provider}.zone to \"hosted\" if that is meant, or correct baseUrl",
        provider = endpoint.provider
    ))
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has the address {}, which is not near", self.host, self.address)
    }
}

impl Error for Outside {}

// === impl Resolver ===

impl Resolver {
    pub(crate) fn new(lookup: Lookup, guard: Guard) -> Self {
        Self { lookup, guard }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, guard) = (self.lookup.clone(), self.guard);
        Box::pin(async move {
            let near = addresses(&lookup, guard, name.as_str()).await?;
            Ok(Box::new(near.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a name that a guard lets through; [`Outside`] when there are only others.
pub(crate) async fn addresses(
    lookup: &Lookup,
    guard: Guard,
    name: &str,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let found = lookup.addresses(name).await?;
    let first = found.first().map(SocketAddr::ip);
    // Many a machine of a private network has public addresses too.
    let near: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| guard.lets_through(address.ip()))
        .collect();
    match first {
        Some(address) if near.is_empty() => {
            let host = name.to_owned();
            Err(Outside { host, address }.into())
        }
        _ => Ok(near),
    }
}
