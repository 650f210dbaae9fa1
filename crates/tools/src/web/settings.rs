//! What the owner sets.

use std::time::Duration;

use super::OpenHost;

/// Settings of `web_fetch`; OpenClaw's are in `tools.web.fetch`.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchSettings {
    /// Whether there is the tool. OpenClaw: `enabled`.
    pub enabled: bool,
    /// A page is never longer, in characters. OpenClaw: `maxCharsCap`.
    pub max_chars: usize,
    /// So many bytes of a page are read, on the wire and once more after decompression. OpenClaw: `maxResponseBytes`.
    pub max_bytes: usize,
    /// So long a page may take, redirects and all. OpenClaw: `timeoutSeconds`.
    pub timeout: Duration,
    /// So long a page is kept; zero keeps none. OpenClaw: `cacheTtlMinutes`.
    pub cache_ttl: Duration,
    /// Kept pages take no more memory, in bytes.
    pub cache_bytes: usize,
    /// So many redirects are followed. OpenClaw: `maxRedirects`.
    pub max_redirects: usize,
    /// What sites are told who asks. OpenClaw: `userAgent`.
    pub user_agent: String,
    /// Hosts that may be read although they are near or on another port. OpenClaw has `allowedHostnames` for its browser.
    pub hosts: Vec<OpenHost>,
    /// Ports of all other hosts; none means all.
    pub ports: Vec<u16>,
    /// Whether `198.18.0.0/15` is let through, for a proxy that hands out addresses of it. OpenClaw:
    /// `ssrfPolicy.allowRfc2544BenchmarkRange`.
    pub benchmark_range: bool,
    /// The same of `fc00::/7`. OpenClaw: `ssrfPolicy.allowIpv6UniqueLocalRange`.
    pub unique_local_range: bool,
    /// The URL of a proxy that looks names up and decides what may be reached; hosts of `hosts` are asked directly. None by
    /// default, whatever the environment says. OpenClaw: `useTrustedEnvProxy`.
    pub proxy: Option<String>,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_chars: 400_000,
            max_bytes: 2_000_000,
            timeout: Duration::from_secs(20),
            cache_ttl: Duration::from_mins(15),
            cache_bytes: 8_000_000,
            max_redirects: 5,
            // Many sites refuse what does not look like a browser at all.
            user_agent: concat!("Mozilla/5.0 (compatible; Yabby/", env!("CARGO_PKG_VERSION"), ")").to_owned(),
            hosts: Vec::new(),
            ports: vec![80, 443],
            benchmark_range: false,
            unique_local_range: false,
            proxy: None,
        }
    }
}
