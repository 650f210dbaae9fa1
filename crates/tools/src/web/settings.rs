//! What the owner sets.

use std::time::Duration;

use yabby_core::Secret;

use super::{BlockedHost, OpenHost};

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
    /// Hosts that are never read, redirects included. OpenClaw: `ssrfPolicy.blockedHostnames`.
    pub blocked: Vec<BlockedHost>,
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

/// Settings of `web_search`; OpenClaw's are in `tools.web.search`.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSettings {
    /// Whether there is the tool, when there is a provider. OpenClaw: `enabled`.
    pub enabled: bool,
    /// Who searches. OpenClaw: `provider`.
    pub provider: Option<Provider>,
    /// So many results when the model does not say how many, at most ten. OpenClaw: `maxResults`.
    pub max_results: usize,
    /// So long a search may take. OpenClaw: `timeoutSeconds`.
    pub timeout: Duration,
    /// So long an answer is kept; zero keeps none. OpenClaw: `cacheTtlMinutes`.
    pub cache_ttl: Duration,
}

/// Who searches.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// An instance of `SearXNG`.
    Searxng(Searxng),
    /// Brave.
    Brave(Brave),
}

/// An instance of `SearXNG`: the owner's own, so it may be anywhere. OpenClaw: `plugins.entries.searxng.config.webSearch`,
/// before that `tools.web.search.searxng`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searxng {
    /// Its address. OpenClaw: `baseUrl`, else `SEARXNG_BASE_URL`.
    pub base_url: String,
    /// Categories with commas between. OpenClaw: `categories`.
    pub categories: Option<String>,
    /// The language of results. OpenClaw: `language`.
    pub language: Option<String>,
}

/// Brave's search. OpenClaw: `plugins.entries.brave.config.webSearch`.
#[derive(Clone, Debug, PartialEq)]
pub struct Brave {
    /// OpenClaw: `apiKey`, before that `tools.web.search.apiKey`, else `BRAVE_API_KEY`.
    pub key: Secret,
    /// Where it is, for who has a relay.
    pub base_url: String,
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
            blocked: Vec::new(),
            ports: vec![80, 443],
            benchmark_range: false,
            unique_local_range: false,
            proxy: None,
        }
    }
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            provider: None,
            max_results: 5,
            timeout: Duration::from_secs(20),
            cache_ttl: Duration::from_mins(15),
        }
    }
}

impl Brave {
    /// Brave's own address with a key.
    pub fn new(key: Secret) -> Self {
        Self {
            key,
            base_url: "https://api.search.brave.com".to_owned(),
        }
    }
}
