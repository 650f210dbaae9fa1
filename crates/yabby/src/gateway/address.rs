//! Where the gateway listens.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use yabby_config::{Bind, Config, GatewayTls, Network};

/// As in OpenClaw.
pub(crate) const PORT: u16 = 18789;
/// An address that everybody in a network of Tailscale has (tailscale.com/kb/1381).
const OF_TAILSCALE: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 100);
/// Addresses of nobody (RFC 5737, RFC 3849), which are reached as all the world is.
const FAR: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

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
    let own = Network::parse("100.64.0.0/10")?;
    match towards(OF_TAILSCALE.into())? {
        IpAddr::V4(address) if own.contains(address.into()) => Some(address),
        _ => None,
    }
}

/// The address of this machine from which another one would be reached. Nothing is sent.
fn towards(other: IpAddr) -> Option<IpAddr> {
    let any = match other {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((other, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses at which others reach a gateway that listens at this one: of one that listens everywhere, those of the machine.
/// Elsewhere than on Linux, these are the ones from which it reaches the world.
pub(crate) fn others(at: IpAddr) -> Vec<IpAddr> {
    if !at.is_unspecified() {
        return vec![at];
    }
    let mut own = match fs::read_to_string("/proc/net/fib_trie") {
        Ok(routes) => of_routes(&routes),
        Err(_) => FAR.into_iter().filter_map(towards).collect(),
    };
    if at.is_ipv6() {
        own.extend(of_interfaces(
            &fs::read_to_string("/proc/net/if_inet6").unwrap_or_default(),
        ));
    }
    own.retain(|ip| !ip.is_loopback() && (at.is_ipv6() || ip.is_ipv4()));
    own.sort_unstable();
    own.dedup();
    own
}

/// Those of IPv4, in the kernel's routes: the leaves that are this machine.
fn of_routes(routes: &str) -> Vec<IpAddr> {
    let mut leaf: Option<IpAddr> = None;
    let mut own = Vec::new();
    for line in routes.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL" {
            own.extend(leaf);
        }
    }
    own
}

/// Those of IPv6 that stay, and count on more than one cable.
fn of_interfaces(interfaces: &str) -> Vec<IpAddr> {
    let global = |line: &str| {
        let mut words = line.split_whitespace();
        let (address, scope, flags) = (words.next()?, words.nth(2)?, words.next()?);
        let address = u128::from_str_radix(address, 16).ok()?;
        let is_temporary = u32::from_str_radix(flags, 16).ok()? & 0x01 != 0;
        (scope == "00" && !is_temporary).then_some(IpAddr::V6(address.into()))
    };
    interfaces.lines().filter_map(global).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_this_machine_are_read_as_linux_writes_them() {
        let routes = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 192.168.1.0/24 2 0 2\n\
                      \x20       |-- 192.168.1.0\n           /24 link UNICAST\n        |-- 192.168.1.5\n           /32 host LOCAL\n\
                      \x20       |-- 192.168.1.255\n           /32 link BROADCAST\nLocal:\n        |-- 192.168.1.5\n\
                      \x20          /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let expected: [IpAddr; 3] = ["192.168.1.5", "192.168.1.5", "127.0.0.1"].map(|ip| ip.parse().unwrap());
        assert_eq!(of_routes(routes), expected);
        let interfaces = "00000000000000000000000000000001 01 80 10 80       lo\n\
                          fd120000000000000000000000000005 02 40 00 80     eth0\n\
                          20010db8000000000000000000000005 02 40 00 01     eth0\n\
                          fe800000000000000000000000000005 02 40 20 80     eth0\n";
        assert_eq!(of_interfaces(interfaces), ["fd12::5".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn others_reach_it_where_it_listens() {
        let at: IpAddr = "100.64.0.7".parse().unwrap();
        assert_eq!(others(at), [at]);
        let [everywhere, both] = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()].map(others);
        // A machine of tests may have no network.
        let way = towards(FAR[0]);
        assert!(way.is_none_or(|ip| everywhere.contains(&ip)), "{way:?} {everywhere:?}");
        assert!(
            everywhere.iter().all(|ip| ip.is_ipv4() && !ip.is_loopback()),
            "{everywhere:?}"
        );
        assert!(everywhere.iter().all(|ip| both.contains(ip)), "{both:?}");
    }
}
