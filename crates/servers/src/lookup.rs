//! The addresses of a host name.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;

type Addresses = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// How names are looked up: as the system does it, unless a test says otherwise.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> Addresses + Send + Sync>);

impl Lookup {
    /// Looks names up with a function.
    pub fn with(lookup: impl Fn(String) -> Addresses + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// All addresses of a name; their ports mean nothing.
    pub(crate) fn addresses(&self, name: &str) -> Addresses {
        (self.0)(name.to_owned())
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
