//! `web_fetch`.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::{
    Response, Url,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER},
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use yabby_core::{Tool as Told, text};

use super::{
    FetchSettings, Lookup,
    address::Guard,
    body::{self, Body},
    cache::Cache,
    http::{Http, Rules},
    page::{self, ContentType, Kind, Page},
    places::{self, Places},
};
use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind};

/// Reads a page of the web.
#[derive(Debug)]
pub struct WebFetch {
    manifest: Manifest,
    http: Http,
    cache: Cache<Arc<Page>>,
    max_chars: usize,
    max_bytes: usize,
    timeout: Duration,
}

/// So much of a page that says why there is none is read, and shown.
const ERROR_BYTES: usize = 64 * 1024;
const ERROR_CHARS: usize = 300;
/// A model that asks for less asks for nothing.
const FEWEST_CHARS: usize = 100;

impl WebFetch {
    /// The tool with the owner's settings.
    pub fn new(settings: FetchSettings, lookup: Lookup) -> Self {
        let rules = Rules {
            places: Places {
                blocked: settings.blocked,
                hosts: settings.hosts,
                ports: settings.ports,
                guard: Guard::Public {
                    benchmark: settings.benchmark_range,
                    unique_local: settings.unique_local_range,
                },
            },
            user_agent: settings.user_agent,
            proxy: settings.proxy,
            redirects: settings.max_redirects,
        };
        Self {
            manifest: manifest(),
            http: Http::new(rules, lookup),
            cache: Cache::new(settings.cache_ttl, settings.cache_bytes),
            max_chars: settings.max_chars,
            max_bytes: settings.max_bytes,
            timeout: settings.timeout,
        }
    }

    async fn fetch(&self, arguments: &Map<String, Value>, at: &At) -> Result<Output, ToolError> {
        let asked = arguments.get("url").and_then(Value::as_str).unwrap_or_default();
        let mut url = places::parse(asked)?;
        url.set_fragment(None);
        let wanted = arguments.get("maxChars").and_then(Value::as_u64);
        let wanted = wanted
            .and_then(|chars| usize::try_from(chars).ok())
            .unwrap_or(usize::MAX);
        let most = wanted.max(FEWEST_CHARS).min(self.max_chars);
        if let Some((page, age)) = self.cache.get(url.as_str(), at.now) {
            return Ok(output(&url, &page, Some(age), most));
        }
        let (page, may_be_kept) = self.load(url.clone()).await?;
        let page = Arc::new(page);
        if may_be_kept {
            let bytes = page.text.len() + page.title.len() + page.url.len();
            self.cache.put(url.as_str(), Arc::clone(&page), bytes, at.now);
        }
        Ok(output(&url, &page, None, most))
    }

    /// The page, and whether the site lets it be kept.
    async fn load(&self, url: Url) -> Result<(Page, bool), ToolError> {
        let deadline = Instant::now() + self.timeout;
        let (url, response) = self.http.get(url, deadline).await?;
        let content = ContentType::parse(header(&response, &CONTENT_TYPE));
        if !response.status().is_success() {
            return Err(self.refused(&url, response, &content, deadline).await);
        }
        let may_be_kept =
            !header(&response, &CACHE_CONTROL).is_some_and(|says| says.to_ascii_lowercase().contains("no-store"));
        if content.kind() == Some(Kind::Binary) {
            // Not `Response::content_length`, which knows nothing of a length that was announced for other bytes.
            let size = header(&response, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let page = Page {
                url: url.into(),
                text: page::binary(&content.essence, size),
                ..Page::default()
            };
            return Ok((page, may_be_kept));
        }
        let body = body::read(response, self.max_bytes, deadline).await?;
        let whole = body.cut.is_none();
        let page = read(url, content, body, self.max_chars).await?;
        Ok((page, may_be_kept && whole))
    }

    /// What the model is told of an answer that is no page, with the first words of the server.
    async fn refused(&self, url: &Url, response: Response, content: &ContentType, deadline: Instant) -> ToolError {
        let status = response.status();
        let later = header(&response, &RETRY_AFTER).map(|after| format!(" (Retry-After: {after})"));
        let (kind, hint) = match status.as_u16() {
            404 | 410 => (ToolErrorKind::NotFound, "Check the address or search for the page."),
            401 | 402 | 403 | 451 => (
                ToolErrorKind::Denied,
                "The site does not show it to you; try another source.",
            ),
            408 | 425 | 429 | 500.. => (ToolErrorKind::Unavailable, "Try once more later, or another source."),
            _ => (ToolErrorKind::Failed, "Try another address."),
        };
        let mut message = format!("{url} answers {status}{}. {hint}", later.unwrap_or_default());
        let says = match body::read(response, ERROR_BYTES, deadline).await {
            Ok(body) if content.kind() != Some(Kind::Binary) => {
                read(url.clone(), content.clone(), body, ERROR_CHARS).await.ok()
            }
            _ => None,
        };
        let says = says.map(|page| page.text).filter(|text| !text.trim().is_empty());
        if let Some(says) = says {
            message.push_str(" It says: ");
            message.push_str(&says);
        }
        ToolError::new(kind, message)
    }
}

impl Tool for WebFetch {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(self.fetch(arguments, at))
    }
}

fn manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: "web_fetch".to_owned(),
            description: "Read a web page as text with links. No scripts, no login.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string", "description": "http(s) URL"},
                    "maxChars": {"type": "integer"},
                },
                "required": ["url"],
            }),
        },
        // It changes nothing, and most fetches are harmless. But a URL tells its server something, so it is a sink: whether
        // it may carry what the conversation knows is decided from where its words came from.
        effect: Effect::Read,
        sinks: vec!["url".to_owned()],
        returns: Returns::Foreign,
        repeatable: true,
        group: Group::Web,
        core: true,
    }
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// Reads a body beside the thread on which everything else runs: a long page takes a moment.
async fn read(url: Url, content: ContentType, body: Body, max_chars: usize) -> Result<Page, ToolError> {
    let read = tokio::task::spawn_blocking(move || page::read(&url, &content, &body, max_chars));
    read.await
        .map_err(|_| ToolError::new(ToolErrorKind::Failed, "The page could not be read. Try another source."))
}

fn output(asked: &Url, page: &Page, age: Option<Duration>, most: usize) -> Output {
    let mut head = Vec::new();
    // Most titles are the first heading and the name of the site.
    let heading = page.text.lines().next().and_then(|line| line.strip_prefix("# "));
    let says_it = heading.is_some_and(|heading| page.title.starts_with(heading));
    if !page.title.is_empty() && !says_it {
        head.push(format!("# {}", page.title));
    }
    if page.url != asked.as_str() {
        head.push(format!("URL: {}", page.url));
    }
    if let Some(age) = age.filter(|age| age.as_secs() >= 60) {
        head.push(format!("(read {} min ago)", age.as_secs() / 60));
    }
    let end = page
        .text
        .char_indices()
        .nth(most)
        .map_or(page.text.len(), |(end, _)| end);
    let shown = page.text.get(..end).unwrap_or_default();
    let mut parts = vec![head.join("\n"), shown.to_owned()];
    if shown.len() < page.text.len() {
        let all = page.text.chars().count();
        parts.push(format!("[{most} of {all} characters are shown]"));
    }
    parts.extend(page.note.map(|note| format!("[{note}]")));
    parts.retain(|part| !part.is_empty());
    let host = asked.host_str().unwrap_or_default();
    let size = page::bytes_in_words(shown.len() as u64);
    Output::text(parts.join("\n\n")).with_summary(text!("{size} of text from {host}", size = size, host = host))
}
