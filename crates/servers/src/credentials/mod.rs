//! Keys: which one a request is sent with, where they go in it, and that they go nowhere else.
//!
//! An endpoint may have several. [`Endpoint::ask`] takes one for each request and notes what its error says of it, so
//! that callers need not: they ask [`Endpoint::another_key`] after an error, and [`Endpoint::key_rests`] before a request.

mod check;
mod pool;
mod table;

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;
use tokio::time::Instant;
use yabby_config::Provider;
use yabby_core::{ErrorDetails, ErrorKind, ModelError, Numbers, Phase, Secret, Text, text};
use yabby_wire::{Dialect, WireError};

pub(crate) use self::pool::Lease;
use self::{pool::Pool, table::Says};
use crate::Endpoint;

/// The keys of an endpoint and their state, which clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    keys: Arc<[Key]>,
    pool: Pool,
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    secret: Secret,
    /// The environment variable that gave it, if one did.
    variable: Option<String>,
    /// Where a person finds it.
    place: String,
}

/// One key of an endpoint, as far as it is known. Never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Where it comes from: `OPENAI_API_KEY_2`, `models.providers.x.apiKeys[1]`.
    pub place: String,
    /// Why and for how long it rests; empty when it can be used for every model.
    pub rests: Vec<KeyRest>,
}

/// That a key rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRest {
    /// `Auth`, `Billing` or `RateLimit`.
    pub why: ErrorKind,
    /// The one model for which it rests; `None` for all.
    pub model: Option<String>,
    /// For how much longer.
    pub left: Duration,
}

// === impl Credentials ===

impl Credentials {
    /// The keys of a provider.
    pub(crate) fn of(provider: &Provider) -> Self {
        let key = |key: &yabby_config::ApiKey| Key {
            secret: key.secret.clone(),
            variable: key.source.variable().map(str::to_owned),
            place: key.source.to_string(),
        };
        Self {
            keys: provider.keys.iter().map(key).collect(),
            pool: Pool::default(),
        }
    }

    /// The key that Yabby has made for a server of its own.
    pub(crate) fn own(provider: &str, secret: Secret) -> Self {
        let key = Key {
            secret,
            variable: None,
            place: format!("models.providers.{provider}.apiKey"),
        };
        Self {
            keys: Arc::new([key]),
            pool: Pool::default(),
        }
    }
}

impl PartialEq for Credentials {
    /// Whether they are the same keys, whatever is known of them.
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Endpoint {
    /// Whether it has a key of its own, besides what may stand in its headers and its base URL.
    pub fn has_key(&self) -> bool {
        !self.credentials.keys.is_empty()
    }

    /// How many keys it has. A candidate is asked at most so often for the sake of its keys.
    pub fn key_count(&self) -> usize {
        self.credentials.keys.len()
    }

    /// The environment variable that gave the preferred key, if one did.
    pub fn key_variable(&self) -> Option<&str> {
        self.credentials.keys.first()?.variable.as_deref()
    }

    /// Its keys, the preferred one first, with what is known of them now.
    pub fn keys(&self) -> Vec<KeyStatus> {
        let now = Instant::now();
        let keys = self.credentials.keys.iter().enumerate();
        let status = |(index, key): (usize, &Key)| KeyStatus {
            place: key.place.clone(),
            rests: self
                .credentials
                .pool
                .rests_of(index, now)
                .into_iter()
                .map(|(model, rest)| KeyRest {
                    why: rest.why,
                    model,
                    left: rest.left,
                })
                .collect(),
        };
        keys.map(status).collect()
    }

    /// Whether `error` was about the key that the request was sent with, and another one can be tried at once.
    pub fn another_key(&self, model: &str, error: &ModelError) -> bool {
        let is_about_key = table::says(error.kind, &error.details) != Says::Nothing;
        is_about_key
            && error.details.credential.is_some()
            && self
                .credentials
                .pool
                .has_usable(self.key_count(), model, Instant::now())
    }

    /// How long until a key can be used for a model, when all of them rest.
    pub fn key_rests(&self, model: &str) -> Option<Duration> {
        let rest = self
            .credentials
            .pool
            .all_rest(self.key_count(), model, Instant::now())?;
        Some(rest.left)
    }

    /// The same as an error, for an endpoint that is passed over: its kind is why the key rests that can be used first,
    /// and `retry_after` when that is.
    pub fn keys_at_rest(&self, model: &str) -> Option<ModelError> {
        let rest = self
            .credentials
            .pool
            .all_rest(self.key_count(), model, Instant::now())?;
        let why = match rest.why {
            ErrorKind::Auth => text!("refused by the server"),
            ErrorKind::Billing => text!("no credit left"),
            _ => text!("limit reached"),
        };
        let seconds = rest.left.as_secs_f64().ceil();
        let message = match self.key_count() {
            0 => text!(
                "{provider} is not asked for {seconds} s: {why}",
                provider = self.provider,
                seconds = seconds,
                why = why
            ),
            1 => text!(
                "the key of {provider} rests for {seconds} s: {why}",
                provider = self.provider,
                seconds = seconds,
                why = why
            ),
            count => text!(
                "all {count} keys of {provider} rest, the first for {seconds} s: {why}",
                count = count,
                provider = self.provider,
                seconds = seconds,
                why = why
            ),
        };
        let details = ErrorDetails {
            numbers: Numbers {
                retry_after: Some(rest.left),
                ..Numbers::default()
            },
            credential: self.has_key().then_some(rest.key),
            ..ErrorDetails::default()
        };
        let mut error = ModelError::new(rest.why, Phase::Connect, &self.base_url, message);
        error.hint = self.key_hint(rest.why, &details);
        Some(error.with_details(details))
    }

    /// The key for a request.
    pub(crate) fn lease(&self, model: &str) -> Lease {
        self.lease_at(model, Instant::now())
    }

    pub(crate) fn lease_at(&self, model: &str, now: Instant) -> Lease {
        self.credentials.pool.lease(self.key_count(), model, now)
    }

    /// Notes what an error says about the key of its request, and puts into it which one that was.
    pub(crate) fn key_failed(&self, lease: Lease, model: &str, error: &mut WireError) {
        let now = Instant::now();
        error.details.credential = self.has_key().then_some(lease.key);
        let pool = &self.credentials.pool;
        pool.failed(lease, model, error.kind, &error.details, now);
        // With several keys the time to wait is that of the one that is usable first.
        if error.kind == ErrorKind::RateLimit
            && self.key_count() > 1
            && let Some(rest) = pool.all_rest(self.key_count(), model, now)
        {
            error.details.numbers.retry_after = Some(rest.left);
        }
    }

    /// Notes that a model has answered to the key of a request.
    pub(crate) fn key_succeeded(&self, lease: Lease, model: &str) {
        self.key_succeeded_at(lease, model, Instant::now());
    }

    pub(crate) fn key_succeeded_at(&self, lease: Lease, model: &str, now: Instant) {
        self.credentials.pool.succeeded(lease, model, now);
    }

    /// Adds the credential in the form that the dialect's own service expects, and the configured headers.
    pub(crate) fn authorise(
        &self,
        request: reqwest::RequestBuilder,
        dialect: Dialect,
        lease: Lease,
    ) -> reqwest::RequestBuilder {
        let mut request = request;
        for (name, value) in self.credential_headers(dialect, lease.key) {
            request = match HeaderValue::from_str(value.expose()) {
                Ok(mut value) => {
                    // So that HTTP/2 keeps it in no table of headers.
                    value.set_sensitive(true);
                    request.header(name, value)
                }
                // The request fails with what is wrong with it.
                Err(_) => request.header(name, value.expose()),
            };
        }
        request
    }

    /// The credential in the form that the dialect's own service expects, with the key at this place, and the configured
    /// headers.
    pub(crate) fn credential_headers(&self, dialect: Dialect, key: usize) -> Vec<(String, Secret)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: Secret| headers.push((name.to_owned(), value));
        if let Some((user, password)) = &self.basic {
            add("authorization", Secret::new(format!("Basic {}", basic(user, password))));
        }
        if let Some(key) = self.credentials.keys.get(key) {
            match dialect {
                // https://docs.claude.com/en/api/overview: `x-api-key`. llama.cpp takes both forms (measured).
                Dialect::Messages if !self.bearer => add("x-api-key", key.secret.clone()),
                _ if self.basic.is_some() && !self.bearer => {}
                _ => add("authorization", Secret::new(format!("Bearer {}", key.secret.expose()))),
            }
        }
        headers.extend(self.headers.iter().cloned());
        headers
    }

    /// `text` without any secret of this endpoint, for servers that repeat what they were sent.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets() {
            text = secret.redact(&text);
            // `Bearer sk-…`: the server repeats the second half.
            if let Some((_, token)) = secret.expose().rsplit_once(' ') {
                text = Secret::new(token).redact(&text);
            }
        }
        text
    }

    /// Every secret that a request may carry, longer ones first: one may begin with another.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let listed = self.listed.iter().flat_map(|entry| &entry.headers);
        let headers = self.headers.iter().chain(listed).map(|(_, value)| value);
        let password = self.basic.iter().map(|(_, password)| password);
        let keys = self.credentials.keys.iter().map(|key| &key.secret);
        let mut secrets: Vec<Secret> = keys.chain(password).cloned().collect();
        let encoded = self
            .basic
            .iter()
            .map(|(user, password)| Secret::new(basic(user, password)));
        secrets.extend(encoded);
        secrets.extend(headers.cloned());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        secrets
    }

    /// What a person can do about a key: its place, never its text.
    pub(crate) fn key_hint(&self, kind: ErrorKind, details: &ErrorDetails) -> Option<Text> {
        let keys = &self.credentials.keys;
        let key = details.credential.and_then(|index| keys.get(index));
        match (kind, key) {
            (ErrorKind::Auth, _) => Some(self.refused_hint(key, details)),
            (ErrorKind::Billing, Some(key)) if keys.len() > 1 => Some(text!(
                "add credit to the account of the key in {name}",
                name = key.place
            )),
            (ErrorKind::Billing, _) => Some(text!(
                "add credit to the account of {provider}",
                provider = self.provider
            )),
            (ErrorKind::RateLimit, _) => Some(match details.numbers.retry_after {
                Some(wait) => text!(
                    "ask again in {seconds} s, or name fallbacks in agents.defaults.model",
                    seconds = wait.as_secs_f64().ceil()
                ),
                None => text!("ask again in a moment, or name fallbacks in agents.defaults.model"),
            }),
            _ => None,
        }
    }

    fn refused_hint(&self, key: Option<&Key>, details: &ErrorDetails) -> Text {
        match (key, self.key_env.first()) {
            (Some(key), _) if details.status == Some(403) => text!(
                "the key in {name} may not do this: see what its account allows, or use another model",
                name = key.place
            ),
            (Some(key), _) if key.variable.is_some() => {
                text!("check the key in {name}: the server refused it", name = key.place)
            }
            (Some(key), _) => text!("check {key} in the config: the server refused it", key = key.place),
            (None, Some(name)) => text!(
                "set {name}, or models.providers.{provider}.apiKey in the config",
                name = name,
                provider = self.provider
            ),
            (None, None) => text!(
                "check {key} in the config: the server refused it",
                key = format!("models.providers.{}.apiKey", self.provider)
            ),
        }
    }
}

/// What basic authentication makes of them on the wire (RFC 7617).
fn basic(user: &str, password: &Secret) -> String {
    STANDARD.encode(format!("{user}:{}", password.expose()))
}

#[cfg(test)]
mod tests;
