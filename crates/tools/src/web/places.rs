//! Which URLs may be asked for.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use reqwest::Url;

use super::address::Guard;
use crate::{ToolError, ToolErrorKind};

/// A host that the owner opens although it is near, or on another port: `nas.lan`, `nas.lan:8080`, `192.168.1.5:3000`,
/// `[fd00::5]:8080`. Without a port, 80 and 443 are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHost {
    /// As a URL has it.
    host: String,
    port: Option<u16>,
}

/// What was given is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host: write a name or an address, with a port where it is not 80 or 443, such as nas.lan:8080")]
pub struct InvalidHost(pub String);

/// Hosts that are never asked, wherever they are: a name or an address alone, or with `*.` in front all names below that one
/// and not itself, as OpenClaw has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedHost {
    /// As a URL has it, without the dot at its end.
    host: String,
    below: bool,
}

/// The rules.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Never, whoever opens them.
    pub(super) blocked: Vec<BlockedHost>,
    pub(super) hosts: Vec<OpenHost>,
    /// Of other hosts; none means all.
    pub(super) ports: Vec<u16>,
    /// The guard for other hosts.
    pub(super) guard: Guard,
}

/// A URL that says where something is in so many characters carries something else.
const LONGEST: usize = 4096;

/// Names that mean something near, wherever they are looked up.
const NEAR_NAMES: [&str; 5] = ["localhost", "local", "internal", "lan", "home.arpa"];

impl FromStr for OpenHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.to_owned());
        let url = Url::parse(&format!("http://{}/", text.trim())).map_err(|_| invalid())?;
        let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
        let host = url
            .host_str()
            .filter(|host| bare && url.fragment().is_none() && !host.contains('*'));
        Ok(Self {
            host: host.ok_or_else(invalid)?.to_owned(),
            port: url.port(),
        })
    }
}

impl fmt::Display for OpenHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl FromStr for BlockedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let text = text.trim();
        let invalid = || InvalidHost(text.to_owned());
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        // An IPv6 address stands in brackets in a URL. The usual port would be left out there.
        let bracketed = name.parse::<Ipv6Addr>().map(|address| format!("[{address}]"));
        let written = bracketed.as_deref().unwrap_or(name);
        let has_port = written.contains(':') && !written.ends_with(']');
        let open: OpenHost = written.parse().map_err(|_| invalid())?;
        let host = bare(&open.host);
        if has_port || host.is_empty() || (below && literal(host).is_some()) {
            return Err(invalid());
        }
        Ok(Self {
            host: host.to_owned(),
            below,
        })
    }
}

impl BlockedHost {
    fn means(&self, host: &str) -> bool {
        let host = bare(host);
        if self.below {
            let above = host.strip_suffix(self.host.as_str());
            above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
        } else {
            host == self.host
        }
    }
}

/// A name without the dot that it may end in.
fn bare(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// The one reader of URLs: what it makes of a text is what is checked, looked up and connected to.
pub(super) fn parse(text: &str) -> Result<Url, ToolError> {
    let invalid = |message| ToolError::new(ToolErrorKind::Invalid, message);
    if text.len() > LONGEST {
        return Err(invalid(format!("The URL is longer than {LONGEST} characters.")));
    }
    let text = text.trim();
    Url::parse(text).map_err(|error| {
        invalid(format!(
            "This is no URL ({error}). Give a whole one: https://example.com/page"
        ))
    })
}

impl Places {
    /// Which addresses the host of a URL may have; or why it is not asked for. An address in place of a name is vetted here,
    /// because it is not looked up.
    pub(super) fn check(&self, url: &Url) -> Result<Guard, ToolError> {
        let denied = |message: String| Err(ToolError::new(ToolErrorKind::Denied, message));
        if !matches!(url.scheme(), "http" | "https") {
            return denied(format!(
                "{}: is not read; only http: and https: pages are.",
                url.scheme()
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return denied("A URL with a name or password is not asked for. Leave them out.".to_owned());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return denied("The URL names no host.".to_owned());
        };
        if self.blocked.iter().any(|blocked| blocked.means(host)) {
            return denied(format!(
                "{host} is not asked: the owner does not want it. Do not try other spellings."
            ));
        }
        if self.opened(host, port) {
            return match literal(host) {
                Some(address) if !Guard::Named.lets_through(address) => denied(near(host)),
                _ => Ok(Guard::Named),
            };
        }
        if !self.ports.is_empty() && !self.ports.contains(&port) {
            return denied(format!(
                "Port {port} is not allowed. The owner can open it with tools.web.fetch.hosts: [\"{host}:{port}\"]."
            ));
        }
        match literal(host) {
            Some(address) if self.guard.lets_through(address) => Ok(self.guard),
            None if !is_near(host) => Ok(self.guard),
            _ => denied(near(host)),
        }
    }

    fn opened(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|open| {
            let same_port = open.port.map_or(matches!(port, 80 | 443), |open| open == port);
            same_port && open.host == host
        })
    }
}

/// What the model is told of a host that is not on the internet.
pub(super) fn near(host: &str) -> String {
    format!(
        "{host} is not on the public internet, so it is not asked. The owner can open it with tools.web.fetch.hosts; \
         do not try other spellings."
    )
}

/// The address that a host is, where it is one. `Url` has read `127.1` and `0x7f000001` already.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn is_near(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let under = |name: &&str| {
        host.strip_suffix(*name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !host.contains('.') || NEAR_NAMES.iter().any(under)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(hosts: &[&str]) -> Places {
        Places {
            blocked: Vec::new(),
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ports: vec![80, 443],
            guard: Guard::Public {
                benchmark: false,
                unique_local: false,
            },
        }
    }

    fn check(places: &Places, text: &str) -> Result<Guard, ToolErrorKind> {
        parse(text)
            .and_then(|url| places.check(&url))
            .map_err(|error| error.kind)
    }

    #[test]
    fn pages_of_the_internet_are_read() {
        let places = places(&[]);
        for url in [
            "https://example.com/a?b=c#d",
            "http://example.com:443/",
            "https://example.com.",
            "https://例え.jp/",
            "http://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
            "https://internal.example.com/",
            "https://mylocalhost.com/",
            // A backslash is a slash, to whoever checks and to whoever connects.
            "http://example.com\\@127.0.0.1/",
        ] {
            assert_eq!(check(&places, url), Ok(places.guard), "{url}");
        }
    }

    /// The cases of the catalogue of attacks: every spelling of an address, other schemes and ports, names in URLs.
    #[test]
    fn what_is_not_a_page_of_the_internet_is_not_asked_for() {
        let places = places(&[]);
        for url in [
            "http://127.0.0.1/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://[::1]/",
            "http://0/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1./",
            "http://①②⑦.⓪.⓪.①/",
            "http://127。0。0。1/",
            "http://[::ffff:10.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:0:7f00:1::]/",
            "http://[fc00::1]/",
            "http://[fe80::1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0xa9fea9fe/",
            "http://metadata.google.internal/",
            "http://100.100.100.200/",
            "http://100.64.0.1/",
            "http://224.0.0.1/",
            "http://0.0.0.0/",
            "http://10.0.0.1/",
            "http://router/",
            "http://nas.lan/",
            "http://printer.local/",
            "http://user@example.com/",
            "http://user:password@example.com/",
            "http://example.com@127.0.0.1/",
            "http://127.0.0.1\\@example.com/",
            "http://127.0.0.1#@example.com/",
            "http://exa\tmple.com@10.0.0.1/",
            "http:127.0.0.1",
            "http:///127.0.0.1/",
            "https://example.com:22/",
            "https://example.com:6379/",
            "http://example.com:11434/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "ftp://example.com/",
            "data:text/html,x",
            "javascript:alert(1)",
            "view-source:https://example.com/",
        ] {
            assert_eq!(check(&places, url), Err(ToolErrorKind::Denied), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        for url in [
            "",
            "example.com",
            "http://",
            "http://[fe80::1%eth0]/",
            "http://%00/",
            &long,
        ] {
            assert_eq!(check(&places, url), Err(ToolErrorKind::Invalid), "{url}");
        }
    }

    #[test]
    fn the_owner_opens_a_host_on_a_port() {
        let places = places(&[
            "nas.lan",
            "127.0.0.1:8080",
            "[fd00::5]:81",
            "example.com:8443",
            "169.254.169.254",
        ]);
        let tries = [
            ("http://nas.lan/", true),
            ("https://NAS.lan/", true),
            ("http://nas.lan:8080/", false),
            ("http://other.lan/", false),
            ("http://127.0.0.1:8080/", true),
            ("http://127.1:8080/", true),
            ("http://127.0.0.1/", false),
            ("http://127.0.0.2:8080/", false),
            ("http://[fd00:0::5]:81/", true),
            ("https://example.com:8443/", true),
            // What tells a machine its keys is no page, whoever names it.
            ("http://169.254.169.254/", false),
        ];
        for (url, opened) in tries {
            let expected = if opened {
                Ok(Guard::Named)
            } else {
                Err(ToolErrorKind::Denied)
            };
            assert_eq!(check(&places, url), expected, "{url}");
        }
    }

    #[test]
    fn what_the_owner_blocks_is_never_asked() {
        let blocked = [
            "tracker.example",
            "*.ads.example",
            "例え.jp",
            "1.1.1.1",
            "2606:4700:4700::1111",
            "nas.lan",
        ];
        let places = Places {
            blocked: blocked.iter().map(|host| host.parse().unwrap()).collect(),
            ..places(&["nas.lan"])
        };
        for (url, is_asked) in [
            ("https://tracker.example/", false),
            ("https://TRACKER.example./x", false),
            ("https://tracker%2eexample/", false),
            // A name alone means itself.
            ("https://sub.tracker.example/", true),
            ("https://nottracker.example/", true),
            ("https://a.ads.example/", false),
            ("https://a.b.ads.example./", false),
            ("https://ads.example/", true),
            ("https://badads.example/", true),
            ("https://xn--r8jz45g.jp/", false),
            ("http://0x01010101/", false),
            ("https://[2606:4700:4700:0::1111]/", false),
            // Also what was opened.
            ("http://nas.lan/", false),
        ] {
            let expected = if is_asked {
                Ok(places.guard)
            } else {
                Err(ToolErrorKind::Denied)
            };
            assert_eq!(check(&places, url), expected, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_blocked_is_no_host() {
        for bad in [
            "",
            "*",
            "*.",
            "a.*",
            "*.*.a",
            "http://a.example",
            "a.example:80",
            "a.example/x",
            "*.1.1.1.1",
            ".",
        ] {
            assert_eq!(bad.parse::<BlockedHost>(), Err(InvalidHost(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn hosts_of_the_config() {
        for good in ["nas.lan", "nas.lan:8080", "[::1]:80", "192.168.1.5:3000"] {
            assert!(good.parse::<OpenHost>().is_ok(), "{good}");
        }
        assert_eq!("Nas.Lan:8080".parse::<OpenHost>().unwrap().to_string(), "nas.lan:8080");
        for bad in [
            "",
            "http://nas.lan",
            "nas.lan/path",
            "a@nas.lan",
            "nas.lan:99999",
            "nas lan",
            "*.lan",
        ] {
            assert_eq!(bad.parse::<OpenHost>(), Err(InvalidHost(bad.to_owned())));
        }
    }
}
