//! The other end of a connection.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{HeaderMap, header::HeaderName};
use yabby_config::Network;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// So many connections an address may have that is neither of this machine nor a proxy's.
const MOST: usize = 256;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Who has called.
    pub(crate) remote: IpAddr,
    /// At which address.
    pub(crate) local: IpAddr,
}

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Crowd,
    address: Option<IpAddr>,
}

impl Peer {
    pub(crate) fn new(remote: SocketAddr, local: SocketAddr) -> Self {
        Self {
            remote: remote.ip().to_canonical(),
            local: local.ip().to_canonical(),
        }
    }

    /// Who has sent a request: the last one before the proxies that are believed.
    pub(super) fn client(&self, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
        let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
        let mut client = self.remote;
        // Nobody else is asked, so that most requests are not looked through.
        if !is_proxy(client) {
            return client;
        }
        let named = headers.get_all(&FORWARDED_FOR).into_iter().rev();
        let readable = named.filter_map(|value| value.to_str().ok());
        let mut hops = readable.flat_map(|value| value.rsplit(','));
        // What stands before an address that no proxy of ours has written may be anything.
        while is_proxy(client) {
            match hops.next().map(|hop| hop.trim().parse::<IpAddr>()) {
                Some(Ok(address)) => client = address.to_canonical(),
                _ => break,
            }
        }
        client
    }
}

impl Crowd {
    /// One more connection, unless the address has too many. Of this machine and of proxies come any number.
    pub(crate) fn enter(&self, peer: &Peer, is_proxy: bool) -> Option<Place> {
        let address = peer.remote;
        if address.is_loopback() || is_proxy {
            return Some(Place {
                crowd: self.clone(),
                address: None,
            });
        }
        let mut crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = crowd.entry(address).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place {
            crowd: self.clone(),
            address: Some(address),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut crowd = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = crowd.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                crowd.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(remote: &str) -> Peer {
        let local = "10.0.0.9:1".parse().unwrap();
        Peer::new(SocketAddr::new(remote.parse().unwrap(), 9), local)
    }

    #[test]
    fn only_proxies_say_who_somebody_is() {
        let proxies = ["10.0.0.0/24"].map(|text| Network::parse(text).unwrap());
        for (remote, forwarded, expected) in [
            ("10.0.0.1", &["1.2.3.4"][..], "1.2.3.4"),
            ("10.0.0.1", &["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["9.9.9.9", "1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["9.9.9.9, who"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("5.5.5.5", &["1.2.3.4"], "5.5.5.5"),
            ("127.0.0.1", &["1.2.3.4"], "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(&FORWARDED_FOR, value.parse().unwrap());
            }
            let client = peer(remote).client(&headers, &proxies);
            assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{remote} {forwarded:?}");
        }
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let crowd = Crowd::default();
        let mut places: Vec<Place> = (0..MOST)
            .map(|_| crowd.enter(&peer("5.5.5.5"), false).unwrap())
            .collect();
        assert!(crowd.enter(&peer("5.5.5.5"), false).is_none());
        assert!(crowd.enter(&peer("::ffff:5.5.5.5"), false).is_none());
        assert!(crowd.enter(&peer("5.5.5.6"), false).is_some());
        assert!((0..2 * MOST).all(|_| crowd.enter(&peer("127.0.0.1"), false).is_some()));
        places.pop();
        assert!(crowd.enter(&peer("5.5.5.5"), false).is_some());
        places.clear();
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
