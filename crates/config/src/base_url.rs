//! Addresses of model servers, as people write them and as they are used.

use std::{fmt, net::IpAddr};

use url::{Host, Url};
use yabby_core::{Secret, Text, text};

use crate::{Api, secret::Redactor};

/// The address below which a server's API lies, without a slash at the end.
///
/// User name and password are kept apart: no text of a `BaseUrl` shows them. `Display` and `Debug` show no value of a
/// secret variable either; [`as_str`](Self::as_str) is what requests need.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    credentials: Option<(String, Secret)>,
    notes: Vec<BaseUrlNote>,
    /// How it is shown where it holds a secret.
    shown: Option<String>,
}

/// How a [`BaseUrl`] was understood where it was not written in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseUrlNote {
    /// There was no `http://` or `https://`; this scheme is assumed.
    SchemeAssumed(&'static str),
    /// There was no path; `/v1` is appended.
    VersionAppended,
    /// The version stood twice, as in `/v1/v1`.
    VersionTwice,
    /// Slashes too many are left out.
    Slashes,
    /// The path of one endpoint stood at the end and is left out.
    Endpoint(String),
    /// Ollama's own protocol lies at the root, so this end of the path is left out.
    NotForOllama(String),
    /// Query and fragment are left out.
    QueryDropped,
    /// There is a user name or a password in it.
    Credentials,
}

/// Why a text is no base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text().english())]
pub enum InvalidBaseUrl {
    /// It is empty.
    Empty,
    /// The scheme is neither `http` nor `https`.
    Scheme(String),
    /// One slash follows the scheme, or none.
    Slashes(String),
    /// It cannot be read as a URL.
    Malformed,
}

/// Paths of single endpoints, which people copy from documentation.
const ENDPOINTS: [&[&str]; 6] = [
    &["chat", "completions"],
    &["embeddings"],
    &["completions"],
    &["responses"],
    &["messages"],
    &["models"],
];

// === impl BaseUrl ===

impl BaseUrl {
    /// Reads an address for a server that speaks `api`.
    pub fn parse(input: &str, api: &Api) -> Result<Self, InvalidBaseUrl> {
        let mut notes = Vec::new();
        let mut url = with_scheme(input.trim(), &mut notes)?;
        let credentials = take_credentials(&mut url, &mut notes)?;
        if url.query().is_some() || url.fragment().is_some() {
            url.set_query(None);
            url.set_fragment(None);
            notes.push(BaseUrlNote::QueryDropped);
        }
        let path = normal_path(url.path(), api, &mut notes);
        url.set_path(&path);
        Ok(Self {
            url,
            credentials,
            notes,
            shown: None,
        })
    }

    /// The address without user name and password, and without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The address of an endpoint, such as `chat/completions`.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.as_str(), path.trim_start_matches('/'))
    }

    /// Shows the address without these secrets from now on.
    pub(crate) fn hide(&mut self, redactor: &Redactor) {
        self.shown = Some(redactor.redact(self.as_str())).filter(|shown| shown != self.as_str());
    }

    /// The host: a name, an address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
            None => false,
        }
    }

    /// User name and password for HTTP basic authentication.
    pub fn credentials(&self) -> Option<(&str, &Secret)> {
        self.credentials
            .as_ref()
            .map(|(user, password)| (user.as_str(), password))
    }

    /// How the text was understood where it was not written in full.
    pub fn notes(&self) -> &[BaseUrlNote] {
        &self.notes
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown.as_deref().unwrap_or(self.as_str()))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown.as_deref().unwrap_or(self.as_str()))
    }
}

// === impl BaseUrlNote ===

impl BaseUrlNote {
    /// The note for a person.
    pub fn text(&self) -> Text {
        match self {
            Self::SchemeAssumed(scheme) => text!("the address has no scheme; {scheme} is assumed", scheme = scheme),
            Self::VersionAppended => text!("the address has no path; /v1 is appended"),
            Self::VersionTwice => text!("the version stands twice in the address; one is left out"),
            Self::Slashes => text!("the address has slashes too many; they are left out"),
            Self::Endpoint(path) => text!(
                "the address ends in {path}, which is one endpoint; that part is left out",
                path = path
            ),
            Self::NotForOllama(path) => text!(
                "Ollama's own protocol lies at the root of the server; {path} is left out",
                path = path
            ),
            Self::QueryDropped => text!("the address has a query or a fragment; it is left out"),
            Self::Credentials => text!("the address holds a user name or a password, which many programs print"),
        }
    }
}

// === impl InvalidBaseUrl ===

impl InvalidBaseUrl {
    /// The error for a person.
    pub fn text(&self) -> Text {
        match self {
            Self::Empty => text!("the address is empty"),
            Self::Scheme(scheme) => text!(
                "an address begins with http:// or https://, not {scheme}://",
                scheme = scheme
            ),
            Self::Slashes(scheme) => text!("two slashes follow the scheme: {scheme}://", scheme = scheme),
            Self::Malformed => text!("this is not an address such as http://127.0.0.1:1234/v1"),
        }
    }
}

fn with_scheme(input: &str, notes: &mut Vec<BaseUrlNote>) -> Result<Url, InvalidBaseUrl> {
    if input.is_empty() {
        return Err(InvalidBaseUrl::Empty);
    }
    let parse = |text: &str| Url::parse(text).map_err(|_| InvalidBaseUrl::Malformed);
    let scheme_end = input
        .find("://")
        .filter(|at| !input[..*at].contains(['/', '?', '#', '@']));
    if scheme_end.is_none()
        && let Some((scheme, _)) = input.split_once(':')
        && ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(InvalidBaseUrl::Slashes(scheme.to_lowercase()));
    }
    let url = if scheme_end.is_some() {
        parse(input)?
    } else {
        let rest = input.trim_start_matches('/');
        let plain = parse(&format!("http://{rest}"))?;
        let scheme = if is_local(&plain) { "http" } else { "https" };
        notes.push(BaseUrlNote::SchemeAssumed(scheme));
        parse(&format!("{scheme}://{rest}"))?
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidBaseUrl::Scheme(url.scheme().to_owned()));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(InvalidBaseUrl::Malformed);
    }
    Ok(url)
}

fn take_credentials(url: &mut Url, notes: &mut Vec<BaseUrlNote>) -> Result<Option<(String, Secret)>, InvalidBaseUrl> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = decode(url.username());
    let password = Secret::new(decode(url.password().unwrap_or_default()));
    url.set_username("").map_err(|()| InvalidBaseUrl::Malformed)?;
    url.set_password(None).map_err(|()| InvalidBaseUrl::Malformed)?;
    notes.push(BaseUrlNote::Credentials);
    Ok(Some((user, password)))
}

/// Decodes `%41`; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(|_| *first == b'%') {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path to use, with a slash before each segment; empty for the root.
fn normal_path(path: &str, api: &Api, notes: &mut Vec<BaseUrlNote>) -> String {
    let had_path = path != "/";
    let mut segments: Vec<&str> = path.split('/').skip(1).collect();
    let written = segments.len();
    segments.retain(|segment| !segment.is_empty());
    if had_path && segments.len() < written {
        notes.push(BaseUrlNote::Slashes);
    }
    loop {
        if let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| ends_in(&segments, endpoint)) {
            notes.push(BaseUrlNote::Endpoint(format!("/{}", endpoint.join("/"))));
            segments.truncate(segments.len() - endpoint.len());
        } else if let Some(last) = segments
            .last()
            .filter(|last| *api == Api::Ollama && matches!(**last, "v1" | "api"))
        {
            notes.push(BaseUrlNote::NotForOllama(format!("/{last}")));
            segments.pop();
        } else {
            break;
        }
    }
    let before = segments.len();
    segments.dedup_by(|later, earlier| is_version(later) && later == earlier);
    if segments.len() < before {
        notes.push(BaseUrlNote::VersionTwice);
    }
    let ends_in_version = segments.last().is_some_and(|segment| is_version(segment));
    match api {
        Api::Ollama => {}
        // Clients of this protocol append `/v1/messages` themselves, so configs for them leave the version out.
        Api::Messages if !ends_in_version => segments.push("v1"),
        _ if segments.is_empty() => {
            notes.push(BaseUrlNote::VersionAppended);
            segments.push("v1");
        }
        _ => {}
    }
    segments
        .iter()
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Whether the path ends in this endpoint. A word of its own counts only behind a version: `/models` may be a folder.
fn ends_in(segments: &[&str], endpoint: &[&str]) -> bool {
    let Some(before) = segments.strip_suffix(endpoint) else {
        return false;
    };
    endpoint.len() > 1 || before.last().is_some_and(|segment| is_version(segment))
}

/// `v1`, `v1beta`, `v4`.
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Whether the host is on this machine or in a private network, where `http` is usual.
fn is_local(url: &Url) -> bool {
    let ip = match url.host() {
        Some(Host::Domain(name)) => {
            let suffixes = [".localhost", ".local", ".lan", ".home.arpa", ".internal"];
            return !name.contains('.') || suffixes.iter().any(|suffix| name.ends_with(suffix));
        }
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        None => return false,
    };
    match ip {
        IpAddr::V4(ip) => {
            let carrier_grade = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || carrier_grade
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(input: &str) -> (String, Vec<BaseUrlNote>) {
        let url = BaseUrl::parse(input, &Api::Completions).unwrap();
        (url.as_str().to_owned(), url.notes().to_vec())
    }

    #[test]
    fn what_is_understood() {
        use BaseUrlNote as N;
        let endpoint = |path: &str| N::Endpoint(path.to_owned());
        let cases: Vec<(&str, &str, Vec<N>)> = vec![
            ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1", vec![]),
            ("http://h:1", "http://h:1/v1", vec![N::VersionAppended]),
            ("http://h:1/", "http://h:1/v1", vec![N::VersionAppended]),
            ("http://h/v1/", "http://h/v1", vec![N::Slashes]),
            ("http://h//v1//", "http://h/v1", vec![N::Slashes]),
            ("http://h/v1/v1", "http://h/v1", vec![N::VersionTwice]),
            ("http://h/proxy", "http://h/proxy", vec![]),
            ("http://h/api/v4", "http://h/api/v4", vec![]),
            (
                "http://h/v1/chat/completions",
                "http://h/v1",
                vec![endpoint("/chat/completions")],
            ),
            ("https://x/models", "https://x/models", vec![]),
            ("https://x/messages/", "https://x/messages", vec![N::Slashes]),
            ("http://h/v1/models", "http://h/v1", vec![endpoint("/models")]),
            ("http://h/v1?key=1#x", "http://h/v1", vec![N::QueryDropped]),
            (
                "localhost:1234/v1",
                "http://localhost:1234/v1",
                vec![N::SchemeAssumed("http")],
            ),
            (
                "192.168.1.5:8000/v1",
                "http://192.168.1.5:8000/v1",
                vec![N::SchemeAssumed("http")],
            ),
            (
                "api.example.com/v1",
                "https://api.example.com/v1",
                vec![N::SchemeAssumed("https")],
            ),
            ("http://a:b@h/v1", "http://h/v1", vec![N::Credentials]),
        ];
        for (input, expected, notes) in cases {
            assert_eq!(parse(input), (expected.to_owned(), notes), "{input}");
        }
    }

    #[test]
    fn protocols_differ_in_the_version() {
        let parse = |input: &str, api: Api| BaseUrl::parse(input, &api).unwrap();
        let minimax = parse("https://api.minimax.io/anthropic", Api::Messages);
        assert_eq!(minimax.as_str(), "https://api.minimax.io/anthropic/v1");
        assert_eq!(minimax.notes(), []);
        assert_eq!(
            parse("https://api.anthropic.com", Api::Messages).as_str(),
            "https://api.anthropic.com/v1"
        );
        assert_eq!(parse("http://h:11434", Api::Ollama).as_str(), "http://h:11434");
        assert_eq!(parse("http://h:11434/v1", Api::Ollama).as_str(), "http://h:11434");
    }

    #[test]
    fn refused() {
        let error = |input| BaseUrl::parse(input, &Api::Completions).unwrap_err();
        assert_eq!(error("  "), InvalidBaseUrl::Empty);
        assert_eq!(error("ftp://h"), InvalidBaseUrl::Scheme("ftp".to_owned()));
        assert_eq!(error("http://"), InvalidBaseUrl::Malformed);
        for (one, scheme) in [
            ("http:/127.0.0.1:8080/v1", "http"),
            ("HTTPS:h", "https"),
            ("http:8080", "http"),
        ] {
            assert_eq!(error(one), InvalidBaseUrl::Slashes(scheme.to_owned()), "{one}");
        }
        assert_eq!(error("http://a b/"), InvalidBaseUrl::Malformed);
    }

    #[test]
    fn credentials_are_kept_apart() {
        let url = BaseUrl::parse("http://me:p%40ss@h:1/v1", &Api::Completions).unwrap();
        assert_eq!(format!("{url} {url:?}"), "http://h:1/v1 http://h:1/v1");
        let (user, password) = url.credentials().unwrap();
        assert_eq!((user, password.expose()), ("me", "p@ss"));
        assert_eq!(url.join("/models"), "http://h:1/v1/models");
        assert_eq!((url.host(), url.is_loopback()), ("h", false));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_idempotent(
            input in "(https?://)?[a-z0-9.\\[\\]:@]{0,12}(/(v1|chat|completions|models|messages|api|x|)){0,5}[?#]?[a-z]{0,3}|.{0,20}",
            api in prop::sample::select(Api::KNOWN.to_vec()),
        ) {
            if let Ok(first) = BaseUrl::parse(&input, &api) {
                let second = BaseUrl::parse(first.as_str(), &api).unwrap();
                prop_assert_eq!(first.as_str(), second.as_str());
                prop_assert_eq!(second.notes(), &[]);
            }
        }
    }
}
