//! Whether others on the network may reach a gateway.

use std::net::SocketAddr;

use yabby_config::GatewaySettings;

/// Where a gateway listens, and whether it speaks TLS there. Neither changes while it serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exposure {
    pub(crate) address: SocketAddr,
    pub(crate) encrypted: bool,
}

/// Why a config must not count at an address that others can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exposed {
    /// They could read the keys that are sent, and all that is said.
    #[error("at {0} anybody on the network could read what is said")]
    Unprotected(SocketAddr),
    /// They could use the models, and nothing would ask them who they are.
    #[error("at {0} anybody on the network could use the models")]
    Open(SocketAddr),
}

impl Exposure {
    /// Beyond this machine, everybody is asked for a key, which comes with TLS or by a proxy that the config names.
    pub(crate) fn bears(self, settings: &GatewaySettings) -> Result<(), Exposed> {
        if self.address.ip().is_loopback() {
            return Ok(());
        }
        if settings.auth.open {
            return Err(Exposed::Open(self.address));
        }
        if !self.encrypted && settings.trusted_proxies.is_empty() {
            return Err(Exposed::Unprotected(self.address));
        }
        Ok(())
    }
}
