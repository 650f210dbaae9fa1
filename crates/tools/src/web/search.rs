//! `web_search`.

use std::{sync::OnceLock, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::{
    Client,
    header::{ACCEPT, ACCEPT_ENCODING},
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use yabby_core::{Tool as Told, text};

use super::{Lookup, Provider, SearchSettings, address::Guard, body, cache::Cache, http, providers::Findings};
use crate::{At, Effect, Group, Manifest, Output, Returns, Tool, ToolError, ToolErrorKind};

/// Searches the web.
#[derive(Debug)]
pub struct WebSearch {
    manifest: Manifest,
    provider: Provider,
    lookup: Lookup,
    client: OnceLock<Client>,
    cache: Cache<Findings>,
    count: usize,
    timeout: Duration,
}

/// As OpenClaw has it.
const MOST_RESULTS: usize = 10;
/// Brave takes no longer query (<https://api-dashboard.search.brave.com/api-reference/web/search/get>), and nobody needs one.
const LONGEST_QUERY: usize = 400;
const MOST_BYTES: usize = 2_000_000;
const CACHE_BYTES: usize = 1_000_000;
const USER_AGENT: &str = concat!("yabby/", env!("CARGO_PKG_VERSION"));

impl WebSearch {
    /// The tool, when there is somebody who searches.
    pub fn new(settings: SearchSettings, lookup: Lookup) -> Option<Self> {
        let provider = settings.provider.filter(|_| settings.enabled)?;
        Some(Self {
            manifest: manifest(),
            provider,
            lookup,
            client: OnceLock::new(),
            cache: Cache::new(settings.cache_ttl, CACHE_BYTES),
            count: settings.max_results.clamp(1, MOST_RESULTS),
            timeout: settings.timeout,
        })
    }

    async fn search(&self, arguments: &Map<String, Value>, at: &At) -> Result<Output, ToolError> {
        let query = arguments
            .get("query")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim();
        if query.is_empty() || query.chars().count() > LONGEST_QUERY {
            return Err(ToolError::new(
                ToolErrorKind::Invalid,
                format!("Give a query of 1 to {LONGEST_QUERY} characters."),
            ));
        }
        let count = arguments.get("count").and_then(Value::as_u64);
        let count = count
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(self.count);
        let count = count.clamp(1, MOST_RESULTS);
        // The key of Brave's answers names their number; SearXNG answers as it likes, and the rest is left out below.
        let key = format!("{count} {query}");
        if let Some((findings, _)) = self.cache.get(&key, at.now) {
            return output(&findings, count, at.room);
        }
        let findings = self.ask(query, count).await?;
        if !findings.pages.is_empty() {
            self.cache.put(&key, findings.clone(), findings.bytes(), at.now);
        }
        output(&findings, count, at.room)
    }

    async fn ask(&self, query: &str, count: usize) -> Result<Findings, ToolError> {
        let deadline = Instant::now() + self.timeout;
        let question = self.provider.question(query, count)?;
        let mut request = self
            .client()?
            .get(question.url.clone())
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "gzip");
        if let Some((name, value)) = question.header {
            request = request.header(name, value);
        }
        let response = http::send(request, &question.url, deadline).await?;
        if !response.status().is_success() {
            return Err(self.provider.refused(response.status().as_u16()));
        }
        let body = body::read(response, MOST_BYTES, deadline).await?;
        let answer = serde_json::from_slice(&body.bytes).map_err(|_| {
            ToolError::new(
                ToolErrorKind::Unavailable,
                "The search server does not answer in JSON. Tell the owner to check its baseUrl.",
            )
        })?;
        let mut findings = self.provider.findings(&answer);
        findings.pages.truncate(count);
        Ok(findings)
    }

    /// The owner's own server may be anywhere, so its address is not vetted; it cannot send us on to another.
    fn client(&self) -> Result<&Client, ToolError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = http::client(&self.lookup, Guard::Own, USER_AGENT, None)?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Tool for WebSearch {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn run<'a>(&'a self, arguments: &'a Map<String, Value>, at: &'a At) -> BoxFuture<'a, Result<Output, ToolError>> {
        Box::pin(self.search(arguments, at))
    }
}

impl Findings {
    fn bytes(&self) -> usize {
        let pages = self
            .pages
            .iter()
            .map(|page| page.title.len() + page.url.len() + page.snippet.len());
        pages.sum::<usize>() + self.answers.iter().map(String::len).sum::<usize>()
    }
}

fn manifest() -> Manifest {
    Manifest {
        tool: Told {
            name: "web_search".to_owned(),
            description: "Search the web: titles, URLs, snippets. Read a result with web_fetch.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string"},
                    "count": {"type": "integer", "description": "1-10"},
                },
                "required": ["query"],
            }),
        },
        // As with `web_fetch`: it changes nothing, but a query tells somebody something.
        effect: Effect::Read,
        sinks: vec!["query".to_owned()],
        returns: Returns::Foreign,
        repeatable: true,
        group: Group::Web,
        core: true,
    }
}

fn output(findings: &Findings, count: usize, room: usize) -> Result<Output, ToolError> {
    if findings.pages.is_empty() && findings.answers.is_empty() {
        if findings.silent.is_empty() {
            return Ok(
                Output::text("Nothing was found. Try other or fewer words.").with_summary(text!("nothing was found"))
            );
        }
        // An empty answer of engines that were not reached says nothing about the web.
        return Err(ToolError::new(
            ToolErrorKind::Unavailable,
            format!(
                "No search engine answered ({}). Try once more later, or go on without.",
                findings.silent.join("; ")
            ),
        ));
    }
    let answers = findings.answers.iter().map(|answer| format!("Answer: {answer}\n\n"));
    let mut text: String = answers.collect();
    let mut shown = 0_usize;
    for page in findings.pages.iter().take(count) {
        let mut one = format!("{}. {}\n{}\n", shown + 1, page.title, page.url);
        if !page.snippet.is_empty() {
            one.push_str(&page.snippet);
            one.push('\n');
        }
        one.push('\n');
        if shown > 0 && text.chars().count() + one.chars().count() > room {
            break;
        }
        text.push_str(&one);
        shown += 1;
    }
    Ok(Output::text(text.trim_end()).with_summary(text!("{count} found", count = shown)))
}
