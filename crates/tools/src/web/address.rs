//! Where an IP address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address is, as far as it matters for who may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// On the internet.
    Public,
    /// This machine, or a private network: the owner can open a named host there.
    Near,
    /// `fc00::/7`: private, and also what some proxies hand out in place of real addresses.
    UniqueLocal,
    /// `198.18.0.0/15`, for benchmarks: what other proxies hand out in place of real addresses.
    Benchmark,
    /// Nowhere that a page can be: the services of a cloud for its machines, other links, groups, tunnels, reserved ranges.
    Never,
}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Guard {
    /// Those of the internet, and ranges of a proxy that the owner trusts.
    Public {
        /// `198.18.0.0/15` too.
        benchmark: bool,
        /// `fc00::/7` too.
        unique_local: bool,
    },
    /// The host was named by the owner: it may be near.
    Named,
    /// The owner's own server, or the owner's proxy: anywhere.
    Own,
}

/// Services that tell a machine of a cloud its keys, outside of `169.254.0.0/16`: of Alibaba, Azure and Oracle.
const CLOUD_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same of Amazon and Google.
const CLOUD_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

impl Guard {
    pub(super) fn lets_through(self, address: IpAddr) -> bool {
        match (self, Whereabouts::of(address)) {
            (Self::Own, _) | (_, Whereabouts::Public) => true,
            (Self::Public { .. }, Whereabouts::Near) | (_, Whereabouts::Never) => false,
            (Self::Named, _) => true,
            (Self::Public { unique_local, .. }, Whereabouts::UniqueLocal) => unique_local,
            (Self::Public { benchmark, .. }, Whereabouts::Benchmark) => benchmark,
        }
    }
}

impl Whereabouts {
    /// Where an address is, by the registries of special addresses of IANA
    /// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, `iana-ipv6-special-registry`).
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if CLOUD_V4.contains(&address) {
            return Self::Never;
        }
        match address.octets() {
            // The second range is shared by the customers of a provider, and used by private overlay networks.
            [10 | 127, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Near,
            [198, 18..=19, ..] => Self::Benchmark,
            // On Linux, all of 0.0.0.0/8 that connects at all connects to this machine.
            [0 | 224.., ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Self::Never,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if CLOUD_V6.contains(&address) {
            return Self::Never;
        }
        let [.., a, b, c, d] = address.octets();
        let inner = Ipv4Addr::new(a, b, c, d);
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Near,
            // An IPv4 address in other clothes; a network that has only IPv6 writes every IPv4 address in the second form.
            [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Self::of_v4(inner),
            [0xfc00..=0xfdff, ..] => Self::UniqueLocal,
            // Protocols (2001::/23, with the tunnels of Teredo), examples, tunnels of 6to4.
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Self::Never,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STRICT: Guard = Guard::Public {
        benchmark: false,
        unique_local: false,
    };

    #[test]
    fn where_addresses_are() {
        use Whereabouts::{Benchmark, Near, Never, Public, UniqueLocal};
        let table = [
            ("1.1.1.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.1", Public),
            ("100.63.255.255", Public),
            ("100.128.0.1", Public),
            ("198.20.0.1", Public),
            ("223.255.255.255", Public),
            ("127.0.0.1", Near),
            ("127.255.255.254", Near),
            ("10.0.0.1", Near),
            ("172.16.0.1", Near),
            ("172.31.255.255", Near),
            ("192.168.1.1", Near),
            ("100.64.0.1", Near),
            ("100.127.255.255", Near),
            ("198.18.0.1", Benchmark),
            ("198.19.255.255", Benchmark),
            ("0.0.0.0", Never),
            ("0.1.2.3", Never),
            ("169.254.169.254", Never),
            ("169.254.170.2", Never),
            ("100.100.100.200", Never),
            ("168.63.129.16", Never),
            ("192.0.0.192", Never),
            ("192.0.2.1", Never),
            ("192.88.99.1", Never),
            ("224.0.0.1", Never),
            ("240.0.0.1", Never),
            ("255.255.255.255", Never),
            ("2606:4700:4700::1111", Public),
            ("2a00:1450::1", Public),
            ("64:ff9b::101:101", Public),
            ("::ffff:1.1.1.1", Public),
            ("::1", Near),
            ("::ffff:127.0.0.1", Near),
            ("::ffff:10.0.0.1", Near),
            ("64:ff9b::7f00:1", Near),
            ("64:ff9b::a00:1", Near),
            ("::ffff:169.254.169.254", Never),
            ("64:ff9b::a9fe:a9fe", Never),
            ("fc00::1", UniqueLocal),
            ("fdff::1", UniqueLocal),
            ("fd00:ec2::254", Never),
            ("fd20:ce::254", Never),
            ("::", Never),
            ("::127.0.0.1", Never),
            ("::7f00:1", Never),
            ("64:ff9b:1::7f00:1", Never),
            ("fe80::1", Never),
            ("fec0::1", Never),
            ("ff02::1", Never),
            ("2001::1", Never),
            ("2001:0:7f00:1::", Never),
            ("2001:db8::1", Never),
            ("2002:7f00:1::", Never),
            ("2002:c0a8:101::1", Never),
            ("3fff::1", Never),
            ("100::1", Never),
            ("4000::1", Never),
        ];
        for (address, expected) in table {
            assert_eq!(Whereabouts::of(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_the_owner_opens_and_no_more() {
        let lets = |guard: Guard| {
            ["1.1.1.1", "127.0.0.1", "198.18.0.1", "fc00::1", "169.254.169.254"]
                .map(|address| guard.lets_through(address.parse().unwrap()))
        };
        let proxy = Guard::Public {
            benchmark: true,
            unique_local: true,
        };
        assert_eq!(lets(STRICT), [true, false, false, false, false]);
        assert_eq!(lets(proxy), [true, false, true, true, false]);
        assert_eq!(lets(Guard::Named), [true, true, true, true, false]);
        assert_eq!(lets(Guard::Own), [true; 5]);
    }

    /// Numbers near the ends of the special ranges as often as any others.
    fn v4() -> impl Strategy<Value = Ipv4Addr> {
        let first = prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![0u8, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255])
        ];
        let second = prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![0u8, 15, 16, 18, 19, 31, 32, 51, 63, 64, 127, 128, 168, 254])
        ];
        (first, second, any::<u8>(), any::<u8>()).prop_map(|(a, b, c, d)| Ipv4Addr::new(a, b, c, d))
    }

    proptest! {
        /// Whatever the standard library calls special is not public, in any of its clothes.
        #[test]
        fn nothing_special_is_public(address in v4()) {
            let special = address.is_loopback() || address.is_private() || address.is_link_local()
                || address.is_multicast() || address.is_unspecified() || address.is_broadcast()
                || address.is_documentation();
            prop_assert!(!(special && STRICT.lets_through(address.into())));
            let plain = Whereabouts::of(address.into());
            prop_assert_eq!(Whereabouts::of(address.to_ipv6_mapped().into()), plain);
            let [a, b, c, d] = address.octets();
            let [high, low] = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
            prop_assert_eq!(Whereabouts::of(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into()), plain);
            for tunnel in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0, 1),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            ] {
                prop_assert!(!STRICT.lets_through(tunnel.into()), "{}", tunnel);
            }
        }

        #[test]
        fn nothing_special_is_public_in_six(first in prop_oneof![any::<u16>(), 0xfc00u16..=0xffff], rest: [u16; 7]) {
            let [b, c, d, e, f, g, h] = rest;
            let address = Ipv6Addr::new(first, b, c, d, e, f, g, h);
            let special = address.is_loopback() || address.is_multicast() || address.is_unspecified()
                || address.is_unique_local() || address.is_unicast_link_local();
            prop_assert!(!(special && STRICT.lets_through(address.into())));
        }
    }
}
