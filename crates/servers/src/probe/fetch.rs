//! Questions beside the models' API: with the endpoint's credentials, and all until the same moment.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use yabby_core::{ModelError, Phase};
use yabby_wire::{Dialect, ResponseHeaders, WireError, classify};

use crate::{Endpoint, Http, answer::read_at_most, credentials::Lease};

/// OpenRouter's list of some hundred models has less than 1 MB.
const LONGEST_LIST: usize = 8 * 1024 * 1024;

/// The most entries of a list that are read. What is done for one may look through all others, so that a longer list would
/// hold up everything else; catalogues have some hundred models.
pub(super) const MOST_ENTRIES: usize = 4096;

/// A JSON answer to a question beside the models' API.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) server: String,
    pub(crate) body: Value,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The header `Server`.
    pub(super) server: String,
    headers: ResponseHeaders,
    body: Vec<u8>,
    /// The key that it was asked with.
    lease: Lease,
}

/// One endpoint and the time that is left to ask it.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) http: &'a Http,
    pub(super) endpoint: &'a Endpoint,
    limit: Duration,
    until: Instant,
}

/// A request with a limit and the endpoint's credentials; anything but JSON in a 2xx is an error.
pub(crate) async fn fetch(
    endpoint: &Endpoint,
    request: reqwest::RequestBuilder,
    limit: Duration,
) -> Result<Page, ModelError> {
    exchange(endpoint, request, endpoint.lease(""), limit, Instant::now() + limit)
        .await?
        .page(endpoint)
}

/// What the server says to a GET with this key, as JSON, or against it; nothing when it says nothing.
pub(crate) async fn shown(
    endpoint: &Endpoint,
    http: &Http,
    url: &str,
    lease: Lease,
    limit: Duration,
) -> Option<Result<Value, WireError>> {
    let request = http.client(endpoint).ok()?.get(url);
    let answer = exchange(endpoint, request, lease, limit, Instant::now() + limit)
        .await
        .ok()?;
    Some(if answer.is_good() {
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    } else {
        Err(classify(answer.status, &answer.headers, &answer.body))
    })
}

/// Sends a request and reads the whole answer.
async fn exchange(
    endpoint: &Endpoint,
    request: reqwest::RequestBuilder,
    lease: Lease,
    limit: Duration,
    until: Instant,
) -> Result<Answer, ModelError> {
    let mut request = endpoint.authorise(request, endpoint.dialect, lease);
    if endpoint.dialect == Dialect::Messages {
        // https://docs.claude.com/en/api/versioning: refused without it.
        request = request.header("anthropic-version", "2023-06-01");
    }
    let exchange = async {
        let mut response = request
            .send()
            .await
            .map_err(|error| crate::transport::error(endpoint, Phase::Connect, error))?;
        Ok(Answer {
            status: response.status().as_u16(),
            server: header(&response, "server"),
            headers: crate::answer::response_headers(&response),
            body: read_at_most(&mut response, LONGEST_LIST, limit).await,
            lease,
        })
    };
    timeout_at(until, exchange)
        .await
        .unwrap_or_else(|_| Err(endpoint.hung(limit)))
}

fn header(response: &reqwest::Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Cuts the lists of an answer.
fn shorten(body: &mut Value) {
    for list in body.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Value::Array(entries) = list {
            entries.truncate(MOST_ENTRIES);
        }
    }
}

// === impl Answer ===

impl Answer {
    /// Its JSON, with the beginning of its lists; anything but JSON in a 2xx is the server's refusal.
    pub(super) fn page(&self, endpoint: &Endpoint) -> Result<Page, ModelError> {
        let parsed = self.is_good().then(|| serde_json::from_slice(&self.body).ok());
        if let Some(mut body) = parsed.flatten() {
            shorten(&mut body);
            return Ok(Page {
                server: self.server.clone(),
                body,
            });
        }
        // What a key may not see beside the models' API says nothing of models.
        let mut error = classify(self.status, &self.headers, &self.body);
        error.details.credential = endpoint.has_key().then_some(self.lease.key);
        Err(crate::answer::from_wire(endpoint, Phase::Head, &error))
    }

    fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

// === impl Asking ===

impl<'a> Asking<'a> {
    pub(super) fn new(http: &'a Http, endpoint: &'a Endpoint, limit: Duration) -> Self {
        Self {
            http,
            endpoint,
            limit,
            until: Instant::now() + limit,
        }
    }

    /// The list of models.
    pub(super) async fn list(&self) -> Result<Answer, ModelError> {
        self.get_url(&self.endpoint.list_url()).await
    }

    /// The answer to a GET of a path beside the API's version segment, with its query.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, ModelError> {
        self.get_url(&format!("{}{path}", self.endpoint.root())).await
    }

    /// The JSON that a GET gives.
    pub(super) async fn json(&self, path: &str) -> Result<Value, ModelError> {
        Ok(self.get(path).await?.page(self.endpoint)?.body)
    }

    /// The text that a GET gives, where it gives any.
    pub(super) async fn text(&self, path: &str) -> Option<String> {
        let answer = self.get(path).await.ok().filter(Answer::is_good)?;
        String::from_utf8(answer.body).ok()
    }

    /// The JSON that a POST gives.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, ModelError> {
        let request = self
            .http
            .client(self.endpoint)?
            .post(format!("{}{path}", self.endpoint.root()))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = exchange(self.endpoint, request, self.endpoint.lease(""), self.limit, self.until).await?;
        Ok(answer.page(self.endpoint)?.body)
    }

    async fn get_url(&self, url: &str) -> Result<Answer, ModelError> {
        let request = self.http.client(self.endpoint)?.get(url);
        exchange(self.endpoint, request, self.endpoint.lease(""), self.limit, self.until).await
    }
}
