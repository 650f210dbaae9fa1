//! Whom a request is meant for, and which page has made it.
//!
//! A web page that the person visits could use the gateway in the person's name: by a name of its own that leads to this
//! machine, or across origins. Both say so in a header that a page cannot set. So only names count that lead nowhere else:
//! those of this machine, the address at which the request has arrived, and those of the config.

use std::net::IpAddr;

use hyper::{
    HeaderMap, StatusCode,
    header::{HOST, HeaderValue, ORIGIN},
    http::request::Parts,
};

use crate::api::Refusal;

const OF_THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The names of the gateway, and the pages that may use it, beside those of this machine.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// As browsers write them.
    origins: Vec<String>,
}

impl Names {
    pub(super) fn new(origins: &[String]) -> Self {
        Self {
            origins: origins.to_vec(),
        }
    }

    /// Whether a request that has arrived at `local` is meant for the gateway, and comes from a page that may use it, or from
    /// no page.
    pub(super) fn check(&self, head: &Parts, local: IpAddr) -> Result<(), Refusal> {
        if head.uri.authority().is_some() {
            return Err(unclear("this gateway is no proxy: the target of a request is a path"));
        }
        let host = one(&head.headers, &HOST).map_err(|()| unclear("a request has one Host"))?;
        let Some(host) = host else {
            return Err(unclear("a request has a Host"));
        };
        if !self.is_ours(host, local) {
            let message = "this gateway does not have that name; names beside those of this machine are allowed by \
                           gateway.controlUi.allowedOrigins in its config";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "forbidden", message));
        }
        let foreign = || {
            let message = "pages from there may not use this gateway";
            Refusal::new(StatusCode::FORBIDDEN, "forbidden", message)
        };
        match one(&head.headers, &ORIGIN).map_err(|()| foreign())? {
            None => Ok(()),
            Some(origin) if self.may_come_from(origin, host) => Ok(()),
            Some(_) => Err(foreign()),
        }
    }

    fn is_ours(&self, host: &str, local: IpAddr) -> bool {
        let Some(name) = without_port(host) else { return false };
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        OF_THIS_MACHINE.into_iter().any(is)
            || address(name) == Some(local)
            || self
                .origins
                .iter()
                .filter_map(|origin| without_port(origin.split_once("://")?.1))
                .any(is)
    }

    fn may_come_from(&self, origin: &str, host: &str) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else {
            return false;
        };
        let is_page = scheme == "http" || scheme == "https";
        let of_this_machine = || {
            without_port(rest).is_some_and(|name| OF_THIS_MACHINE.iter().any(|other| name.eq_ignore_ascii_case(other)))
        };
        // The page that the gateway itself has served, by a name that was looked at already.
        is_page && (of_this_machine() || rest.eq_ignore_ascii_case(host))
            || self.origins.iter().any(|own| own == origin)
    }
}

/// The one value of a header, if there is one and not more.
fn one<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).into_iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(()),
    }
}

/// A host without its port; nothing for what is none.
fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        host.find(']')? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at(end);
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    (is_port && !name.is_empty()).then_some(name)
}

/// An address as it stands in a host. That of IPv4 within IPv6 is another one than that of IPv4: no browser writes it so.
fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[') {
        Some(rest) => Some(IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?)),
        None => Some(IpAddr::V4(name.parse().ok()?)),
    }
}

fn unclear(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    /// The status with which a request is refused, or 200.
    fn status(names: &Names, local: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let checked = names.check(&head, local.parse().unwrap());
        checked.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let names = Names::default();
        for (host, expected) in [
            ("127.0.0.1:18789", 200),
            ("127.0.0.1", 200),
            ("LOCALHOST", 200),
            ("[::1]:1", 200),
            ("127.0.0.1.example.com", 421),
            ("127.0.0.1.nip.io:18789", 421),
            ("127.0.0.1:80@evil.example", 421),
            ("localhost:80@evil.example", 421),
            ("localhost.", 421),
            ("[::ffff:127.0.0.1]", 421),
            ("0.0.0.0:18789", 421),
            ("127.1", 421),
            ("2130706433", 421),
            ("[::1", 421),
            ("192.168.1.5", 421),
            ("evil.example", 421),
            ("", 421),
        ] {
            assert_eq!(status(&names, "127.0.0.1", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&names, "127.0.0.1", &[]), 400);
        assert_eq!(
            status(&names, "127.0.0.1", &[("host", "localhost"), ("host", "localhost")]),
            400
        );
    }

    #[test]
    fn the_address_at_which_it_arrives_is_ours() {
        let names = Names::new(&["https://yabby.example".to_owned()]);
        for (local, host, expected) in [
            ("192.168.1.5", "192.168.1.5:18789", 200),
            ("192.168.1.5", "192.168.1.6", 421),
            ("192.168.1.5", "[::ffff:192.168.1.5]", 421),
            ("fd00::1", "[FD00:0::1]:443", 200),
            ("192.168.1.5", "yabby.example", 200),
            ("192.168.1.5", "Yabby.example:8443", 200),
            ("192.168.1.5", "a.yabby.example", 421),
        ] {
            assert_eq!(status(&names, local, &[("host", host)]), expected, "{local} {host}");
        }
    }

    #[test]
    fn pages_from_elsewhere_stay_outside() {
        let names = Names::new(&["https://yabby.example".to_owned()]);
        for (host, origin, expected) in [
            ("127.0.0.1:1", "http://127.0.0.1:1", 200),
            ("127.0.0.1:1", "http://localhost:3000", 200),
            ("127.0.0.1:1", "https://[::1]", 200),
            ("127.0.0.1:1", "https://yabby.example", 200),
            ("127.0.0.1:1", "https://yabby.example:444", 403),
            ("127.0.0.1:1", "http://yabby.example", 403),
            ("yabby.example", "http://yabby.example", 200),
            ("192.168.1.5:1", "http://192.168.1.5:1", 200),
            ("192.168.1.5:1", "http://192.168.1.5:2", 403),
            ("127.0.0.1:1", "null", 403),
            ("127.0.0.1:1", "", 403),
            ("127.0.0.1:1", "http://evil.example", 403),
            ("127.0.0.1:1", "http://localhost.evil.example", 403),
            ("127.0.0.1:1", "http://localhost@evil.example", 403),
            ("127.0.0.1:1", "file://localhost", 403),
            ("127.0.0.1:1", "chrome-extension://localhost", 403),
        ] {
            let headers = [("host", host), ("origin", origin)];
            assert_eq!(status(&names, "192.168.1.5", &headers), expected, "{host} {origin}");
        }
        let twice = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ];
        assert_eq!(status(&names, "127.0.0.1", &twice), 403);
    }
}
