//! One question to a server's counter.

use std::time::Duration;

use yabby_core::{ErrorKind, Exactness, ModelRequest, TokenCount};
use yabby_wire::{Count, CountRequest, TokenCounter, classify, encode_count, read_count};

use crate::{
    Endpoint, Http,
    answer::{read_at_most, response_headers},
    vendor::Vendor,
};

/// vLLM sends the tokens with their count: some 8 bytes for each.
const LONGEST: usize = 16 * 1024 * 1024;

/// What a counter said.
enum Said {
    Counted(Count),
    /// There is none.
    Absent,
    /// Something else went wrong, which may be better next time.
    Nothing,
}

impl Endpoint {
    /// Counts the tokens of a request, as the server would count them if `counter` says how it can be asked, within
    /// `limit`; else as well as it can be estimated. What was counted teaches the estimate.
    ///
    /// Counting may wake a server that sleeps, and load a model where a server loads on demand: who does not want that
    /// calls [`Endpoint::estimate_tokens`]. A counter that the server does not have is asked once in a process.
    pub async fn count_tokens(
        &self,
        http: &Http,
        model: &str,
        request: &ModelRequest,
        counter: Option<TokenCounter>,
        limit: Duration,
    ) -> TokenCount {
        // platform.claude.com, "Token counting".
        let documented = (self.vendor == Some(Vendor::Anthropic)).then_some(TokenCounter::CountTokens);
        if let Some(counter) = counter.or(documented)
            && let Some(counted) = self.ask_counter(http, model, request, counter, limit).await
        {
            return counted;
        }
        self.estimate_tokens(model, request)
    }

    async fn ask_counter(
        &self,
        http: &Http,
        model: &str,
        request: &ModelRequest,
        counter: TokenCounter,
        limit: Duration,
    ) -> Option<TokenCount> {
        let quirks = self.quirks_of(model, request);
        let dialect = self.dialect_of(model, request);
        let asked = encode_count(counter, dialect, request, &self.target(model, &quirks))?;
        let (path, same_prompt) = (asked.encoded.path, asked.same_prompt);
        if self.counts.change(model, |known| known.absent.contains(path)) {
            return None;
        }
        match tokio::time::timeout(limit, self.send(http, model, asked, limit)).await {
            Ok(Some(Said::Counted(count))) => {
                let exact = count.exact && same_prompt;
                if exact {
                    let prompt = self.prompt(model, request);
                    self.counts.change(model, |known| known.counted(&prompt, count.tokens));
                }
                Some(TokenCount {
                    tokens: count.tokens,
                    exactness: if exact { Exactness::Exact } else { Exactness::Estimated },
                })
            }
            Ok(Some(Said::Absent)) => {
                self.counts.change(model, |known| known.absent.insert(path));
                None
            }
            Ok(Some(Said::Nothing) | None) | Err(_) => None,
        }
    }

    async fn send(&self, http: &Http, model: &str, asked: CountRequest, limit: Duration) -> Option<Said> {
        let base = if asked.at_root { self.root() } else { &self.url };
        let mut post = http
            .client(self)
            .ok()?
            .post(format!("{base}{}", asked.encoded.path))
            .header("content-type", "application/json")
            .header("accept", "application/json");
        for (name, value) in &asked.encoded.headers {
            post = post.header(*name, *value);
        }
        for (name, value) in self.listed_model(model).into_iter().flat_map(|entry| &entry.headers) {
            post = post.header(name, value.expose());
        }
        let sent = self
            .authorise(post, asked.dialect, self.lease(model))
            .body(asked.encoded.body)
            .send();
        let mut response = sent.await.ok()?;
        let (status, headers) = (response.status().as_u16(), response_headers(&response));
        let body = read_at_most(&mut response, LONGEST, limit).await;
        if response.status().is_success() {
            return read_count(&body).map(Said::Counted);
        }
        // A model that is not there says nothing of the counter.
        let absent = match status {
            404 => classify(status, &headers, &body).kind != ErrorKind::ModelNotFound,
            405 | 501 => true,
            _ => false,
        };
        Some(if absent { Said::Absent } else { Said::Nothing })
    }
}
