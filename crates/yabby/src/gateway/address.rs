//! Where the gateway listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use yabby_config::{Bind, Config, GatewayTls, Network};

/// As in OpenClaw.
pub(crate) const PORT: u16 = 18789;
/// An address that everybody in a network of Tailscale has (tailscale.com/kb/1381).
const OF_TAILSCALE: (Ipv4Addr, u16) = (Ipv4Addr::new(100, 100, 100, 100), 53);

/// Where the gateway listens by its config, and by the port of the command line; nothing where Tailscale is wanted and not
/// there.
pub(crate) fn of(config: &Config, port: Option<u16>) -> Option<SocketAddr> {
    let port = port.or(config.gateway.port).unwrap_or(PORT);
    let ip = match config.gateway.bind {
        Bind::Tailnet => IpAddr::V4(tailnet()?),
        bind => bind.address()?,
    };
    Some(SocketAddr::new(ip, port))
}

/// The address from which Tailscale's would be reached, if that is one of Tailscale's too. Nothing is sent.
fn tailnet() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(OF_TAILSCALE).ok()?;
    let local = socket.local_addr().ok()?.ip();
    let own = Network::parse("100.64.0.0/10")?;
    match local {
        IpAddr::V4(address) if own.contains(local) => Some(address),
        _ => None,
    }
}

/// The gateway of the config as its owner reaches it from this machine.
pub(crate) fn url(config: &Config) -> String {
    let at = of(config, None).unwrap_or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    reached(at, config.gateway.tls != GatewayTls::Off)
}

/// A gateway that listens at an address, as its owner reaches it from this machine.
pub(crate) fn reached(at: SocketAddr, with_tls: bool) -> String {
    let at = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), at.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), at.port()),
        _ => at,
    };
    let scheme = if with_tls { "https" } else { "http" };
    format!("{scheme}://{at}")
}
