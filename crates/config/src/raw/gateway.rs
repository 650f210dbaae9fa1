//! The gateway as it is written. Keys of OpenClaw, as its 2026.9 understands them (docs.openclaw.ai, "Gateway
//! configuration"; `src/config/types.gateway.ts`).

use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretInput;

/// Where the gateway listens, and who may use it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Gateway {
    /// The port; 18789 when unset. `--port` and the variable `OPENCLAW_GATEWAY_PORT` win over it.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: Option<u16>,
    /// Where it listens: `loopback` (default; `auto` is the same) for programs on this machine, `lan` on all addresses,
    /// `tailnet` on the address of Tailscale, `custom` on `customBindHost`. Anything but this machine needs `tls`, or a proxy
    /// in `trustedProxies` that has it.
    pub(crate) bind: Option<GatewayBind>,
    /// The address of `bind: "custom"`.
    pub(crate) custom_bind_host: Option<String>,
    /// Who may use it.
    pub(crate) auth: GatewayAuth,
    /// Encryption of the connections to it.
    pub(crate) tls: GatewayTls,
    /// Addresses of proxies in front of it, such as `10.0.0.1` or `10.0.0.0/8`. What they say in `X-Forwarded-For` counts, and
    /// that of nobody else.
    pub(crate) trusted_proxies: Vec<String>,
    /// Pages in a browser.
    pub(crate) control_ui: ControlUi,
}

/// Where the gateway listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GatewayBind {
    Auto,
    Lan,
    #[default]
    Loopback,
    Custom,
    Tailnet,
}

/// Who may use the gateway. Keys of `yabby keys` and the token in the state folder always count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GatewayAuth {
    /// `token` (default) or `password`: which of the two below counts as a key of the owner's. `none` asks nobody for a key,
    /// and is honoured only where nobody but this machine can come in.
    pub(crate) mode: Option<GatewayAuthMode>,
    /// A key of the owner's: text, `${VARIABLE}`, the name of a variable, or a reference to a secret. Unset, the variables
    /// `YABBY_GATEWAY_TOKEN` and `OPENCLAW_GATEWAY_TOKEN` are looked at.
    pub(crate) token: Option<SecretInput>,
    /// The same for `mode: "password"`; the variable is `OPENCLAW_GATEWAY_PASSWORD`.
    pub(crate) password: Option<SecretInput>,
    /// What follows wrong keys.
    pub(crate) rate_limit: GatewayRateLimit,
}

/// How the owner says who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GatewayAuthMode {
    None,
    Token,
    Password,
    // Not supported: keys count all the same. (A doc comment would make it a schema of its own.)
    TrustedProxy,
}

/// What follows wrong keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GatewayRateLimit {
    /// After so many different wrong keys from an address it is locked out; 10 when unset.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) max_attempts: Option<u32>,
    /// Wrong keys count for so many milliseconds; 60000 when unset.
    #[schemars(range(min = 1000))]
    pub(crate) window_ms: Option<u64>,
    /// It is locked out for so many milliseconds; 300000 when unset.
    #[schemars(range(min = 1000))]
    pub(crate) lockout_ms: Option<u64>,
    /// Whether programs on this machine are never locked out; false when unset, where OpenClaw has true.
    pub(crate) exempt_loopback: Option<bool>,
}

/// Encryption of the connections to the gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GatewayTls {
    /// Whether it speaks TLS, and nothing else; false when unset.
    pub(crate) enabled: Option<bool>,
    /// Whether Yabby makes a certificate of its own where `certPath` and `keyPath` are not written; true when unset. It is in
    /// the state folder, and nobody vouches for it: compare its fingerprint, which `yabby serve` tells.
    pub(crate) auto_generate: Option<bool>,
    /// The file of its certificate, with those of its authorities, as PEM.
    pub(crate) cert_path: Option<String>,
    /// The file of the certificate's private key, as PEM.
    pub(crate) key_path: Option<String>,
}

/// Pages in a browser.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ControlUi {
    /// Where pages may come from that use the gateway, beside this machine: `https://yabby.example`. Under these names it
    /// also lets itself be called.
    pub(crate) allowed_origins: Vec<String>,
}
