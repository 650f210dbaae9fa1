//! How far away a host is.

use std::net::{IpAddr, Ipv4Addr};

/// How far away an endpoint is; decides proxies and what silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On this machine.
    Loopback,
    /// In a private network.
    Lan,
    /// Anywhere else.
    Hosted,
}

impl Reach {
    /// The distance of an address. `0.0.0.0` and `::` are this machine: a connection to them goes to loopback.
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() || address.is_unspecified() => Self::Loopback,
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || is_shared(v4) => Self::Lan,
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Self::Lan,
            _ => Self::Hosted,
        }
    }

    /// Reads the distance from a URL's host. Names are not resolved; `.local`, `.lan`, `.internal`, `.home.arpa`,
    /// Tailscale's `.ts.net` and names without a dot are taken as private.
    pub fn of_host(host: &str) -> Self {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self::of_address(address);
        }
        let name = bare.to_ascii_lowercase();
        // The dot of the root; the name is the same.
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name == "localhost" || name.ends_with(".localhost") {
            return Self::Loopback;
        }
        let private = [".local", ".lan", ".internal", ".home.arpa", ".ts.net"];
        if !name.contains('.') || private.iter().any(|suffix| name.ends_with(suffix)) {
            Self::Lan
        } else {
            Self::Hosted
        }
    }
}

/// 100.64.0.0/10 (RFC 6598): Tailscale and other private overlays.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_of_hosts() {
        for (host, reach) in [
            ("127.0.0.1", Reach::Loopback),
            ("[::1]", Reach::Loopback),
            ("localhost", Reach::Loopback),
            ("192.168.1.20", Reach::Lan),
            ("studio.local", Reach::Lan),
            ("nas", Reach::Lan),
            ("100.101.102.103", Reach::Lan),
            ("box.tail1234.ts.net", Reach::Lan),
            ("[::ffff:10.0.0.7]", Reach::Lan),
            ("0.0.0.0", Reach::Loopback),
            ("100.200.0.1", Reach::Hosted),
            ("[fd00::1]", Reach::Lan),
            ("api.openai.com", Reach::Hosted),
            ("8.8.8.8", Reach::Hosted),
            ("[::]", Reach::Loopback),
            ("[::ffff:127.0.0.1]", Reach::Loopback),
            ("[::ffff:8.8.8.8]", Reach::Hosted),
            ("[fe80::1]", Reach::Lan),
            ("169.254.1.1", Reach::Lan),
            ("172.16.0.1", Reach::Lan),
            ("172.32.0.1", Reach::Hosted),
            ("100.63.255.255", Reach::Hosted),
            ("100.127.255.255", Reach::Lan),
            ("198.18.0.1", Reach::Hosted),
            ("[2001:db8::1]", Reach::Hosted),
            ("[64:ff9b::a00:1]", Reach::Hosted),
            ("localhost.", Reach::Loopback),
            ("Studio.LOCAL.", Reach::Lan),
            ("a.localhost", Reach::Loopback),
            ("localhost.example.com", Reach::Hosted),
        ] {
            assert_eq!(Reach::of_host(host), reach, "{host}");
        }
    }
}
