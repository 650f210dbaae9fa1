//! How an agent searches the web and reads pages.

use std::{net::Ipv6Addr, time::Duration};

use serde::Serialize;
use url::Host;
use yabby_core::text;

use super::{lay::put, shown};
use crate::{
    ApiKey,
    diagnostic::{Diagnostic, DiagnosticKind},
    path::{Seg, at, below},
    raw,
    resolve::Resolver,
};

/// Variables of OpenClaw's providers of searches.
const BRAVE: &str = "BRAVE_API_KEY";
const SEARXNG: &str = "SEARXNG_BASE_URL";

/// How an agent searches the web.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchSettings {
    /// Whether there is the tool, where there is somebody to ask.
    pub enabled: bool,
    /// Whom to ask: `brave` or `searxng`; `None` for whichever is set up, SearXNG first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The key of Brave Search.
    #[serde(
        rename = "apiKey",
        skip_serializing_if = "Option::is_none",
        serialize_with = "shown::key"
    )]
    pub brave: Option<ApiKey>,
    /// The address of SearXNG.
    #[serde(skip)]
    pub searxng: Option<String>,
    /// The categories in which SearXNG searches, with commas between them.
    #[serde(skip)]
    pub categories: Option<String>,
    /// The language in which SearXNG searches.
    #[serde(skip)]
    pub language: Option<String>,
    /// The most results.
    pub max_results: u32,
    /// How long a search may take.
    #[serde(rename = "timeoutSeconds", serialize_with = "shown::seconds")]
    pub timeout: Duration,
    /// How long results are kept.
    #[serde(rename = "cacheTtlMinutes", serialize_with = "shown::minutes")]
    pub cache: Duration,
}

/// How an agent reads pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchSettings {
    /// Whether there is the tool.
    pub enabled: bool,
    /// The most characters of a page, where the model does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
    /// The most characters that the model may ask for.
    pub max_chars_cap: u32,
    /// The most bytes that are loaded.
    #[serde(rename = "maxResponseBytes")]
    pub max_bytes: u32,
    /// How long a page may take.
    #[serde(rename = "timeoutSeconds", serialize_with = "shown::seconds")]
    pub timeout: Duration,
    /// How long a page is kept.
    #[serde(rename = "cacheTtlMinutes", serialize_with = "shown::minutes")]
    pub cache: Duration,
    /// How many times it may lead elsewhere.
    pub max_redirects: u32,
    /// The name by which Yabby goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Which addresses may be reached that are not public.
    #[serde(skip)]
    pub reach: Reach,
}

/// Which addresses may be reached that are not public; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Whether any may.
    #[serde(rename = "dangerouslyAllowPrivateNetwork", skip_serializing_if = "shown::is_usual")]
    pub private: bool,
    /// Whether 198.18.0.0/15 may.
    #[serde(rename = "allowRfc2544BenchmarkRange", skip_serializing_if = "shown::is_usual")]
    pub benchmark: bool,
    /// Whether `fc00::/7` may.
    #[serde(rename = "allowIpv6UniqueLocalRange", skip_serializing_if = "shown::is_usual")]
    pub unique_local: bool,
    /// Hosts that may be reached wherever they lie, lower case; `*.` in front for all below.
    #[serde(rename = "allowedHostnames")]
    pub hosts: Vec<String>,
    /// Hosts that may never be reached, in the same form.
    #[serde(rename = "blockedHostnames")]
    pub never: Vec<String>,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            provider: None,
            brave: None,
            searxng: None,
            categories: None,
            language: None,
            max_results: 5,
            timeout: Duration::from_secs(30),
            cache: Duration::from_mins(15),
        }
    }
}

impl Default for FetchSettings {
    /// OpenClaw's (docs, "Configuration — built-in tool settings").
    fn default() -> Self {
        Self {
            enabled: true,
            max_chars: None,
            max_chars_cap: 20_000,
            max_bytes: 750_000,
            timeout: Duration::from_secs(30),
            cache: Duration::from_mins(15),
            max_redirects: 3,
            user_agent: None,
            reach: Reach::default(),
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    pub(crate) fn search(&mut self, settings: &mut SearchSettings, raw: raw::WebSearch, path: &[Seg]) {
        put(&mut settings.enabled, raw.enabled);
        if let Some(provider) = raw.provider {
            let provider = provider.trim().to_ascii_lowercase();
            if !matches!(provider.as_str(), "brave" | "searxng" | "auto" | "") {
                let message = text!("Yabby does not search the web with {provider}", provider = provider);
                let help = text!("it searches with brave or searxng");
                let diagnostic = Diagnostic::warning(DiagnosticKind::NoEffect, message);
                self.push(diagnostic.with_help(help), &below(path, "provider"));
            }
            settings.provider = Some(provider).filter(|provider| !matches!(provider.as_str(), "auto" | ""));
        }
        let brave = below(&below(path, "brave"), "apiKey");
        let brave = self.key(raw.brave.api_key.as_ref(), &brave);
        let brave = brave.or_else(|| self.key(raw.api_key.as_ref(), &below(path, "apiKey")));
        settings.brave = brave.or(settings.brave.take());
        let searxng = below(&below(path, "searxng"), "baseUrl");
        let searxng = self.key(raw.searxng.base_url.as_ref(), &searxng);
        settings.searxng = searxng
            .map(|url| url.secret.expose().to_owned())
            .or(settings.searxng.take());
        settings.categories = raw.searxng.categories.or(settings.categories.take());
        settings.language = raw.searxng.language.or(settings.language.take());
        put(&mut settings.max_results, raw.max_results);
        put(&mut settings.timeout, raw.timeout_seconds.map(seconds));
        put(&mut settings.cache, raw.cache_ttl_minutes.map(minutes));
    }

    /// Whom else the config or the environment names.
    pub(crate) fn searchers(&mut self, settings: &mut SearchSettings, plugins: raw::Plugins) {
        for (id, plugin) in plugins.entries.0 {
            let path = at!["plugins", "entries", id.as_str(), "config", "webSearch"];
            let search = plugin.config.web_search;
            if plugin.enabled == Some(false) {
                continue;
            }
            match id.as_str() {
                "brave" if settings.brave.is_none() => {
                    settings.brave = self.key(search.api_key.as_ref(), &below(&path, "apiKey"));
                }
                "searxng" if settings.searxng.is_none() => {
                    let url = self.key(search.base_url.as_ref(), &below(&path, "baseUrl"));
                    settings.searxng = url.map(|url| url.secret.expose().to_owned());
                    settings.categories = search.categories.or(settings.categories.take());
                    settings.language = search.language.or(settings.language.take());
                }
                _ => {}
            }
        }
        if settings.brave.is_none() {
            settings.brave = self.keys_from_env(&[BRAVE]).into_iter().next();
        }
        let variable = |name| {
            self.variables
                .get(name)
                .map(str::trim)
                .filter(|value| !value.is_empty())
        };
        settings.searxng = settings.searxng.take().or_else(|| variable(SEARXNG).map(str::to_owned));
    }
}

impl Resolver<'_> {
    /// What is written of reading pages. A host that is to be blocked and cannot be read might be any: without it there are no
    /// pages.
    pub(crate) fn fetch(&mut self, settings: &mut FetchSettings, raw: raw::WebFetch, path: &[Seg]) {
        let policy = below(path, "ssrfPolicy");
        let lists = [
            ("blockedHostnames", &raw.ssrf_policy.blocked_hostnames),
            ("allowedHostnames", &raw.ssrf_policy.allowed_hostnames),
        ];
        let mut is_closed = false;
        for (name, hosts) in lists {
            for (index, host) in hosts.iter().enumerate() {
                let mut path = below(&policy, name);
                path.push(Seg::Index(index));
                let is_blocked = name == "blockedHostnames";
                if is_blocked && !is_host(host) {
                    is_closed = true;
                    let message = text!("{host} is no host", host = host);
                    let help = text!("until this is corrected, the tool is off");
                    self.push(
                        Diagnostic::error(DiagnosticKind::WrongType, message).with_help(help),
                        &path,
                    );
                } else if !is_blocked && host.trim().starts_with('*') {
                    let message = text!("{host} opens nothing: hosts near by are named one by one", host = host);
                    self.push(Diagnostic::warning(DiagnosticKind::NoEffect, message), &path);
                }
            }
        }
        if raw.ssrf_policy.dangerously_allow_private_network == Some(true) {
            let message = text!("no page of this network is read because of this");
            let help = text!("name the hosts in allowedHostnames");
            self.push(
                Diagnostic::warning(DiagnosticKind::NoEffect, message).with_help(help),
                &below(&policy, "dangerouslyAllowPrivateNetwork"),
            );
        }
        fetch(settings, raw);
        settings.enabled &= !is_closed;
    }
}

/// Whether it is a name or an address, maybe with `*.` in front of a name.
fn is_host(host: &str) -> bool {
    let host = host.trim();
    let is_name =
        |name: &str| matches!(Host::parse(name), Ok(Host::Domain(name)) if !name.contains('*') && name != ".");
    match host.strip_prefix("*.") {
        Some(name) => is_name(name),
        None => {
            is_name(host)
                || Host::parse(host).is_ok_and(|host| !matches!(host, Host::Domain(_)))
                || host.parse::<Ipv6Addr>().is_ok()
        }
    }
}

fn fetch(settings: &mut FetchSettings, raw: raw::WebFetch) {
    put(&mut settings.enabled, raw.enabled);
    settings.max_chars = raw.max_chars.or(settings.max_chars);
    put(&mut settings.max_chars_cap, raw.max_chars_cap);
    // OpenClaw's limits of it.
    let bytes = raw.max_response_bytes.map(|bytes| bytes.clamp(32_000, 10_000_000));
    put(&mut settings.max_bytes, bytes);
    put(&mut settings.timeout, raw.timeout_seconds.map(seconds));
    put(&mut settings.cache, raw.cache_ttl_minutes.map(minutes));
    put(&mut settings.max_redirects, raw.max_redirects);
    settings.user_agent = raw.user_agent.or(settings.user_agent.take());
    let policy = raw.ssrf_policy;
    put(&mut settings.reach.private, policy.dangerously_allow_private_network);
    put(&mut settings.reach.benchmark, policy.allow_rfc2544_benchmark_range);
    put(&mut settings.reach.unique_local, policy.allow_ipv6_unique_local_range);
    let hosts = |hosts: Vec<String>| hosts.into_iter().map(|host| host.trim().to_ascii_lowercase());
    settings.reach.hosts.extend(hosts(policy.allowed_hostnames));
    settings.reach.never.extend(hosts(policy.blocked_hostnames));
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn minutes(count: f64) -> Duration {
    Duration::try_from_secs_f64(count * 60.0).unwrap_or(Duration::MAX)
}
