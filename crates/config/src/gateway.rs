//! From the written gateway to the typed one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use url::{Origin as UrlOrigin, Url};
use yabby_core::{Secret, text};

use crate::{
    diagnostic::{Diagnostic, DiagnosticKind},
    environment::vars,
    path::{Seg, at, below},
    raw,
    resolve::Resolver,
};

/// Where the gateway listens, and who may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewaySettings {
    /// The port of the environment or the config.
    pub port: Option<u16>,
    /// Where it listens.
    pub bind: Bind,
    /// Who may use it.
    pub auth: GatewayAuth,
    /// Encryption.
    pub tls: GatewayTls,
    /// The proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// Where pages may come from, beside this machine: scheme, host and port in lower case, as browsers write them.
    pub allowed_origins: Vec<String>,
}

/// Where the gateway listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// For this machine.
    #[default]
    Loopback,
    /// At all addresses.
    Lan,
    /// At the address of Tailscale.
    Tailnet,
    /// At this one.
    Address(IpAddr),
}

/// Who may use the gateway, beside the keys that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayAuth {
    /// Whether nobody is asked for a key.
    pub open: bool,
    /// A key of the owner's.
    pub owner: Option<Secret>,
    /// What follows wrong keys.
    pub lockout: Lockout,
}

/// What follows wrong keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// So many different ones of an address lock it out.
    pub attempts: u32,
    /// For so long they count.
    pub window: Duration,
    /// For so long it is locked out.
    pub time: Duration,
    /// Whether this machine never is.
    pub spares_loopback: bool,
}

/// Encryption of the connections to the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GatewayTls {
    /// There is none.
    #[default]
    Off,
    /// With the certificate and the key in these files.
    Files {
        /// The certificate, with those of its authorities.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// With a certificate that Yabby has made for itself.
    Own,
    /// It is wanted, and a mistake hides how. Then nothing may be served: keys would travel in the open.
    InDoubt,
}

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

// === impl Network ===

impl Network {
    /// From `10.0.0.1` or `10.0.0.0/8`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether an address is in it.
    pub fn contains(&self, other: IpAddr) -> bool {
        let shared = |one: u128, other: u128, width: u32| {
            let left = width - u32::from(self.bits);
            (one ^ other).checked_shr(left).unwrap_or(0) == 0
        };
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => shared(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => shared(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            attempts: 10,
            window: Duration::from_mins(1),
            time: Duration::from_mins(5),
            spares_loopback: false,
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn gateway(&mut self, raw: &raw::Gateway) -> GatewaySettings {
        let path = at!["gateway"];
        let from_env = self.variables.get(vars::OPENCLAW_GATEWAY_PORT);
        GatewaySettings {
            port: from_env.and_then(|port| port.trim().parse().ok()).or(raw.port),
            bind: self.bind(raw, &path),
            auth: self.gateway_auth(&raw.auth, &below(&path, "auth")),
            tls: self.gateway_tls(&raw.tls, &below(&path, "tls")),
            trusted_proxies: self.trusted_proxies(&raw.trusted_proxies, &below(&path, "trustedProxies")),
            allowed_origins: self.allowed_origins(
                &raw.control_ui.allowed_origins,
                &below(&below(&path, "controlUi"), "allowedOrigins"),
            ),
        }
    }

    fn bind(&mut self, raw: &raw::Gateway, path: &[Seg]) -> Bind {
        match raw.bind.unwrap_or_default() {
            raw::GatewayBind::Auto | raw::GatewayBind::Loopback => Bind::Loopback,
            raw::GatewayBind::Lan => Bind::Lan,
            raw::GatewayBind::Tailnet => Bind::Tailnet,
            raw::GatewayBind::Custom => {
                let written = raw.custom_bind_host.as_deref().map(str::trim);
                if let Some(address) = written.and_then(|text| text.parse().ok()) {
                    return Bind::Address(address);
                }
                let message = text!("customBindHost is no address, so the gateway listens for this machine alone");
                let help = text!("write an address such as 192.168.1.5; names do not count");
                self.push(
                    Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                    &below(path, "customBindHost"),
                );
                Bind::Loopback
            }
        }
    }

    fn gateway_auth(&mut self, raw: &raw::GatewayAuth, path: &[Seg]) -> GatewayAuth {
        use raw::GatewayAuthMode as Mode;
        let (token_path, password_path) = (below(path, "token"), below(path, "password"));
        let mode_path = below(path, "mode");
        if raw.mode.is_none() && raw.token.is_some() && raw.password.is_some() {
            let message = text!("there are a token and a password, and nothing says which of them counts");
            let help = text!("write mode: \"token\" or mode: \"password\"; until then, the token counts");
            self.push(
                Diagnostic::error(DiagnosticKind::MissingKey, message).with_help(help),
                path,
            );
        }
        if raw.mode == Some(Mode::TrustedProxy) {
            let message = text!("Yabby does not believe a proxy who somebody is, so that keys count");
            let help = text!("give each program a key: yabby keys add");
            self.push(
                Diagnostic::warning(DiagnosticKind::NoEffect, message).with_help(help),
                &mode_path,
            );
        }
        if raw.mode == Some(Mode::None) {
            let message = text!("the gateway asks nobody for a key: every program on this machine may use your models");
            let help = text!("remove it, and give each program a key: yabby keys add");
            self.push(
                Diagnostic::warning(DiagnosticKind::NoEffect, message).with_help(help),
                &mode_path,
            );
        }
        let only_password = raw.password.is_some() && raw.token.is_none();
        let is_password = raw.mode == Some(Mode::Password) || raw.mode.is_none() && only_password;
        let from_env = |names: &[&str]| names.iter().find_map(|name| self.variables.get(name)).map(Secret::new);
        let owner = if is_password {
            let from_env = from_env(&[vars::OPENCLAW_GATEWAY_PASSWORD]);
            self.key(raw.password.as_ref(), &password_path)
                .map(|key| key.secret)
                // What is written and cannot be had is not replaced.
                .or(from_env.filter(|_| raw.password.is_none()))
        } else {
            let from_env = from_env(&[vars::GATEWAY_TOKEN, vars::OPENCLAW_GATEWAY_TOKEN]);
            self.key(raw.token.as_ref(), &token_path)
                .map(|key| key.secret)
                .or(from_env.filter(|_| raw.token.is_none()))
        };
        let limit = &raw.rate_limit;
        let usual = Lockout::default();
        GatewayAuth {
            open: raw.mode == Some(Mode::None),
            owner,
            lockout: Lockout {
                attempts: limit.max_attempts.unwrap_or(usual.attempts),
                window: limit.window_ms.map_or(usual.window, Duration::from_millis),
                time: limit.lockout_ms.map_or(usual.time, Duration::from_millis),
                spares_loopback: limit.exempt_loopback.unwrap_or(usual.spares_loopback),
            },
        }
    }

    fn gateway_tls(&mut self, raw: &raw::GatewayTls, path: &[Seg]) -> GatewayTls {
        // What the check has taken out, because something beside it is wrong, was wanted all the same.
        let written = self.written.find(&below(path, "enabled"));
        let in_doubt = raw.enabled.is_none() && written.is_some_and(|node| node.to_json() != false);
        if raw.enabled != Some(true) && !in_doubt {
            return GatewayTls::Off;
        }
        // Also what the check has taken out: it was not meant to be Yabby's own.
        let is_written = |key: &str| self.written.find(&below(path, key)).is_some();
        let names_files = is_written("certPath") || is_written("keyPath");
        let makes_one = raw.auto_generate.unwrap_or(!is_written("autoGenerate"));
        if !in_doubt && !names_files && makes_one {
            return GatewayTls::Own;
        }
        let file = |written: Option<&String>| written.and_then(|path| self.absolute(path.trim()));
        match (file(raw.cert_path.as_ref()), file(raw.key_path.as_ref())) {
            (Some(certificate), Some(key)) if !in_doubt => GatewayTls::Files { certificate, key },
            _ => {
                let message = text!("TLS is wanted, and certPath and keyPath do not both name a file");
                let help = text!(
                    "write both as absolute paths, or neither and no autoGenerate: then Yabby makes a certificate of its own; until then nothing is served"
                );
                self.push(
                    Diagnostic::error(DiagnosticKind::MissingKey, message).with_help(help),
                    path,
                );
                GatewayTls::InDoubt
            }
        }
    }

    fn trusted_proxies(&mut self, written: &[String], path: &[Seg]) -> Vec<Network> {
        let mut networks = Vec::with_capacity(written.len());
        for (index, text) in written.iter().enumerate() {
            if let Some(network) = Network::parse(text) {
                networks.push(network);
                continue;
            }
            let message = text!("this is no address of a proxy, so that it is not believed");
            let help = text!("write an address such as 10.0.0.1, or a network such as 10.0.0.0/8");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                &nth(path, index),
            );
        }
        networks
    }

    fn allowed_origins(&mut self, written: &[String], path: &[Seg]) -> Vec<String> {
        let mut origins = Vec::with_capacity(written.len());
        for (index, text) in written.iter().enumerate() {
            if let Some(origin) = origin(text.trim()) {
                origins.push(origin);
                continue;
            }
            let message = text!("this is no place that a page can come from, so that it has no effect");
            let help = text!("write scheme and name such as https://yabby.example; * would let every page in");
            self.push(
                Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                &nth(path, index),
            );
        }
        origins
    }
}

fn nth(path: &[Seg], index: usize) -> Vec<Seg> {
    let mut path = path.to_vec();
    path.push(Seg::Index(index));
    path
}

/// An origin as browsers write it.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_page = matches!(url.scheme(), "http" | "https") && url.path() == "/";
    match url.origin() {
        origin @ UrlOrigin::Tuple(..) if is_page && url.query().is_none() => Some(origin.ascii_serialization()),
        _ => None,
    }
}

impl Bind {
    /// The address, where it is known without asking the system.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Loopback => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Self::Lan => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            Self::Tailnet => None,
            Self::Address(address) => Some(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_addresses() {
        for (text, address, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::2", false),
        ] {
            let network = Network::parse(text).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{text} {address}");
        }
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.0/", "::/129", "*"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
