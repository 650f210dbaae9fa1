//! The URL of a database: what the client library takes from it, and what is ours.

use std::{path::PathBuf, str::FromStr as _, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode};
use yabby_core::{Secret, text};

use super::tls::Trust;
use crate::error::{Result, StoreError, StoreErrorKind};

/// For one address of a host; a host may have several.
const CONNECT: Duration = Duration::from_secs(5);
/// What is written and not acknowledged for so long is lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// A database, and how to get there.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// `db.example.com:5432`, for messages. It holds no password, also where a URL was written wrongly.
    pub(super) shown: String,
    password: Option<Secret>,
}

impl Address {
    /// Reads a URL. Beside what libpq and the library know, `sslmode=verify-full` and `sslrootcert=FILE` are understood; a
    /// mode that libpq gives a weaker meaning means the stronger one here.
    pub(super) fn of(url: &Secret) -> Result<Self> {
        let (rest, mode, authority) = split(url.expose());
        let is_url = rest.starts_with("postgres://") || rest.starts_with("postgresql://");
        // What the library says of it may quote the password.
        let parsed = if is_url { Config::from_str(&rest).ok() } else { None };
        let mut config = parsed.filter(is_complete).ok_or_else(unreadable)?;
        let all_local = config.get_hosts().iter().all(is_socket) && config.get_hostaddrs().is_empty();
        let (tls, trust) = match (mode.as_deref(), authority) {
            _ if all_local => (SslMode::Disable, Trust::Anybody),
            (Some("disable"), _) => (SslMode::Disable, Trust::Anybody),
            (Some("allow" | "prefer") | None, None) => (SslMode::Prefer, Trust::Anybody),
            (Some("require"), None) => (SslMode::Require, Trust::Anybody),
            (Some("verify-ca" | "verify-full"), None) => (SslMode::Require, Trust::System),
            (Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") | None, Some(file)) => {
                (SslMode::Require, Trust::File(file))
            }
            (Some(_), _) => return Err(unreadable()),
        };
        config.ssl_mode(tls);
        if config.get_application_name().is_none() {
            config.application_name("yabby");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_idle(Duration::from_secs(10));
            config.keepalives_interval(Duration::from_secs(3));
            config.keepalives_retries(3);
        }
        let password = config.get_password().map(String::from_utf8_lossy).map(Secret::new);
        Ok(Self {
            trust,
            shown: shown(&config),
            password,
            config,
        })
    }

    /// A text from elsewhere, without the password.
    pub(super) fn redact(&self, text: &str) -> String {
        self.password
            .as_ref()
            .map_or_else(|| text.to_owned(), |password| password.redact(text))
    }
}

/// The URL without what is ours, the mode of TLS, and the file with the authority.
fn split(url: &str) -> (String, Option<String>, Option<PathBuf>) {
    // A password may hold any character but `@`.
    let from = url.find('@').unwrap_or_default();
    let Some(query) = url[from..].find('?').map(|at| from + at) else {
        return (url.to_owned(), None, None);
    };
    let (mut mode, mut authority) = (None, None);
    let mut others = Vec::new();
    for pair in url[query + 1..].split('&') {
        let value = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match pair.split_once('=') {
            Some(("sslmode", text)) => mode = Some(value(text)),
            Some(("sslrootcert", text)) => authority = Some(PathBuf::from(value(text))),
            _ => others.push(pair),
        }
    }
    let rest = if others.is_empty() {
        url[..query].to_owned()
    } else {
        format!("{}?{}", &url[..query], others.join("&"))
    };
    // The name that libpq has for the authorities of the system.
    let authority = authority.filter(|path| path.as_os_str() != "system");
    (rest, mode, authority)
}

fn is_complete(config: &Config) -> bool {
    !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty()
}

fn is_socket(host: &Host) -> bool {
    matches!(host, Host::Unix(_))
}

fn shown(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        // Behind an `@` that should have been written as %40.
        Host::Tcp(name) => name.rsplit('@').next().unwrap_or_default().to_owned(),
        Host::Unix(path) => path.display().to_string(),
    });
    let mut hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let ports = config.get_ports();
    let with_port = hosts.iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or_else(|| ports.first()).unwrap_or(&5432);
        format!("{host}:{port}")
    });
    with_port.collect::<Vec<_>>().join(", ")
}

fn unreadable() -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        text!("the URL of the PostgreSQL database cannot be read"),
    )
    .with_hint(text!(
        "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full; in a password, @ is %40, / is %2F \
         and % is %25"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Option<(SslMode, Trust, String)> {
        let address = Address::of(&Secret::new(url)).ok()?;
        Some((address.config.get_ssl_mode(), address.trust, address.shown))
    }

    #[test]
    fn modes_of_tls_are_at_least_as_strict_as_those_of_libpq() {
        let shown = "h:5432".to_owned();
        let file = || Trust::File("/etc/my ca.pem".into());
        for (query, tls, trust) in [
            ("", SslMode::Prefer, Trust::Anybody),
            ("?sslmode=disable", SslMode::Disable, Trust::Anybody),
            ("?sslmode=prefer", SslMode::Prefer, Trust::Anybody),
            ("?sslmode=require&application_name=x", SslMode::Require, Trust::Anybody),
            (
                "?application_name=x&sslmode=verify-full",
                SslMode::Require,
                Trust::System,
            ),
            (
                "?sslmode=verify-full&sslrootcert=system",
                SslMode::Require,
                Trust::System,
            ),
            (
                "?sslmode=require&sslrootcert=/etc/my%20ca.pem",
                SslMode::Require,
                file(),
            ),
            ("?sslrootcert=/etc/my%20ca.pem", SslMode::Require, file()),
        ] {
            let url = format!("postgres://u:p?w@h/d{query}");
            assert_eq!(read(&url), Some((tls, trust, shown.clone())), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "h",
            "host=h user=u",
            "mysql://h/d",
            "postgres://u@h/d?sslmode=maybe",
            "postgres:///d",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password_in_it() {
        for (url, shown) in [
            ("postgres://u:pa@ss@h:7/d", "h:7"),
            ("postgres://u:p@a,b:7/d", "a:5432, b:7"),
            ("postgres://u@/d?host=/run/pg&port=9", "/run/pg:9"),
        ] {
            assert_eq!(read(url).map(|read| read.2).as_deref(), Some(shown), "{url}");
        }
    }
}
