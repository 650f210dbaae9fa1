//! One place that serves models.

use std::{net::IpAddr, time::Duration};

use yabby_config::{Api, Config, ModelEntry, Params, Provider};
use yabby_core::{ErrorKind, ModelError, ModelRequest, Phase, Secret, text};
use yabby_wire::{Dialect, Quirks, Target, encode};

use crate::{AnswerStream, Http, managed::Lease};

/// Where requests for one provider go.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The provider id, as in `models.providers.<id>`.
    pub provider: String,
    /// The base URL, without a trailing slash and without credentials.
    pub base_url: String,
    /// The dialect that the config asks for, where a model has none of its own.
    pub dialect: Dialect,
    /// User name and password for HTTP basic authentication, from the base URL.
    pub basic: Option<(String, Secret)>,
    /// The credential, if there is one.
    pub key: Option<Secret>,
    /// Extra headers of each request.
    pub headers: Vec<(String, Secret)>,
    /// How far away it is.
    pub reach: Reach,
    /// Where Yabby knows it from.
    pub origin: EndpointOrigin,
    /// The most time that a whole request may take.
    pub timeout: Option<Duration>,
    /// Whether the key is sent as `Authorization: Bearer` in every dialect.
    pub bearer: bool,
    /// Parameters of every request.
    pub params: Params,
    /// The models that the config lists.
    pub listed: Vec<ModelEntry>,
    /// Environment variables that would give it a key.
    pub key_env: Vec<String>,
}

/// How far away an endpoint is; decides proxies and what silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On this machine.
    Loopback,
    /// In a private network.
    Lan,
    /// Anywhere else.
    Hosted,
}

/// Where Yabby knows an endpoint from.
#[derive(Clone, Debug)]
pub enum EndpointOrigin {
    /// The config names it.
    Config,
    /// Built in, and there is a key for it.
    BuiltIn,
    /// It was found on a well-known port.
    Discovered,
    /// Yabby runs it; the lease keeps it running.
    Managed(Lease),
}

impl Reach {
    /// Reads the distance from a URL's host. Names are not resolved; `.local`, `.lan`, `.internal` and names
    /// without a dot are taken as private.
    pub fn of_host(host: &str) -> Self {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return match address {
                address if address.is_loopback() => Self::Loopback,
                IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || v4.is_unspecified() => Self::Lan,
                IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Self::Lan,
                _ => Self::Hosted,
            };
        }
        let name = bare.to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return Self::Loopback;
        }
        let private = [".local", ".lan", ".internal", ".home.arpa"];
        if !name.contains('.') || private.iter().any(|suffix| name.ends_with(suffix)) {
            Self::Lan
        } else {
            Self::Hosted
        }
    }
}

impl Endpoint {
    /// The endpoint of a configured or built-in provider; `None` when its `api` is one that Yabby cannot speak.
    pub fn from_provider(provider: &Provider) -> Option<Self> {
        let dialect = dialect(&provider.api)?;
        let base_url = provider.base_url.as_str().trim_end_matches('/').to_owned();
        Some(Self {
            provider: provider.id.clone(),
            reach: Reach::of_host(provider.base_url.host()),
            base_url,
            dialect,
            basic: provider
                .base_url
                .credentials()
                .map(|(user, password)| (user.to_owned(), password.clone())),
            bearer: provider.auth_header == Some(true),
            params: provider.params.clone(),
            key: provider.key.as_ref().map(|key| key.secret.clone()),
            headers: provider.headers.clone(),
            origin: if provider.configured {
                EndpointOrigin::Config
            } else {
                EndpointOrigin::BuiltIn
            },
            timeout: provider.timeout,
            listed: provider.models.clone(),
            key_env: provider.key_env.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    /// The endpoints of all providers in the config that can be used: configured ones, and built-in ones that have
    /// a key.
    pub fn from_config(config: &Config) -> Vec<Self> {
        config
            .providers()
            .filter(|provider| provider.is_usable())
            .filter_map(Self::from_provider)
            .collect()
    }

    /// An endpoint on this machine without credentials.
    pub fn loopback(provider: &str, port: u16, origin: EndpointOrigin) -> Self {
        Self {
            provider: provider.to_owned(),
            base_url: format!("http://127.0.0.1:{port}/v1"),
            dialect: Dialect::Chat,
            basic: None,
            bearer: false,
            params: Params::default(),
            key: None,
            headers: Vec::new(),
            reach: Reach::Loopback,
            origin,
            timeout: None,
            listed: Vec::new(),
            key_env: Vec::new(),
        }
    }

    /// What the config says of a model.
    pub fn listed_model(&self, id: &str) -> Option<&ModelEntry> {
        self.listed.iter().find(|entry| entry.id == id)
    }

    /// The dialect for a model.
    pub fn dialect_for(&self, model: &str) -> Dialect {
        self.listed_model(model)
            .and_then(|entry| entry.api.as_ref())
            .and_then(dialect)
            .unwrap_or(self.dialect)
    }

    /// The address without the API's version segment: where side channels such as `/props` live.
    pub fn root(&self) -> &str {
        self.base_url.strip_suffix("/v1").unwrap_or(&self.base_url)
    }

    /// Sends one request in `dialect` and returns the answer as it comes.
    ///
    /// There is no deadline in here; dropping the future or the stream closes the connection.
    pub async fn ask(
        &self,
        http: &Http,
        dialect: Dialect,
        model: &str,
        request: &ModelRequest,
    ) -> Result<AnswerStream, ModelError> {
        let quirks = self.quirks(model);
        let encoded = encode(dialect, request, &Target { model, quirks: &quirks });
        let url = format!("{}{}", self.base_url, encoded.path);
        let mut post = http
            .client(self)?
            .post(&url)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json");
        for (name, value) in &encoded.headers {
            post = post.header(*name, *value);
        }
        let response = self
            .authorise(post, dialect)
            .body(encoded.body)
            .send()
            .await
            .map_err(|error| crate::transport::error(self, Phase::Connect, error))?;
        AnswerStream::open(self.clone(), dialect, request, response).await
    }

    /// Asks on a connection of its own whether the server lives. Any HTTP answer counts, also a refusal.
    ///
    /// Fails with [`ErrorKind::Hung`] when there is none within `limit`, or with what the socket said.
    pub async fn sign_of_life(&self, http: &Http, limit: Duration) -> Result<(), ModelError> {
        let request = http.client(self)?.get(format!("{}/models", self.base_url));
        let asked = self.authorise(request, self.dialect).send();
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(crate::transport::error(self, Phase::Connect, error)),
            Err(_) => Err(self.hung(limit)),
        }
    }

    pub(crate) fn hung(&self, limit: Duration) -> ModelError {
        ModelError::new(
            ErrorKind::Hung,
            Phase::Head,
            &self.base_url,
            text!(
                "{url} gave no sign of life within {seconds} s",
                url = self.base_url,
                seconds = limit.as_secs_f32()
            ),
        )
        .with_hint(text!("look into the server's log, or restart it"))
    }

    /// Adds the credential in the form that the dialect's own service expects, and the configured headers.
    pub(crate) fn authorise(&self, request: reqwest::RequestBuilder, dialect: Dialect) -> reqwest::RequestBuilder {
        let mut request = request;
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password.expose()));
        }
        if let Some(key) = &self.key {
            request = match dialect {
                // https://docs.claude.com/en/api/overview: `x-api-key`. llama.cpp takes both forms (measured).
                Dialect::Messages if !self.bearer => request.header("x-api-key", key.expose()),
                _ if self.basic.is_some() && !self.bearer => request,
                _ => request.bearer_auth(key.expose()),
            };
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.expose());
        }
        request
    }

    /// What is special about this endpoint, from the config's `compat` flags and params.
    fn quirks(&self, model: &str) -> Quirks {
        let mut quirks = Quirks {
            // Loopback and LAN servers all report usage when they are asked; hosted ones only where it is known.
            include_usage: self.reach != Reach::Hosted || matches!(self.origin, EndpointOrigin::BuiltIn),
            ..Quirks::default()
        };
        if let EndpointOrigin::Managed(_) = self.origin {
            quirks.prefill_progress = true;
        }
        quirks.extra_body.extend(extra_body(&self.params));
        if let Some(entry) = self.listed_model(model) {
            let flag = |name: &str| entry.compat.0.get(name).and_then(serde_json::Value::as_bool);
            if let Some(value) = flag("supportsUsageInStreaming") {
                quirks.include_usage = value;
            }
            if entry.compat.0.get("maxTokensField").and_then(serde_json::Value::as_str) == Some("max_completion_tokens")
            {
                quirks.max_tokens_field = yabby_wire::MaxTokensField::MaxCompletionTokens;
            }
            quirks.extra_body.extend(extra_body(&entry.params));
        }
        quirks
    }

    /// The key's place, for a hint about a refused credential.
    pub(crate) fn key_hint(&self) -> yabby_core::Text {
        match (&self.key, self.key_env.first()) {
            (None, Some(name)) => text!(
                "set {name}, or models.providers.{provider}.apiKey in the config",
                name = name,
                provider = self.provider
            ),
            _ => text!(
                "check models.providers.{provider}.apiKey in the config: the server refused it",
                provider = self.provider
            ),
        }
    }
}

/// The dialect for a provider's `api`; `None` for one that Yabby cannot speak.
fn dialect(api: &Api) -> Option<Dialect> {
    match api {
        Api::Responses => Some(Dialect::Responses),
        // Ollama's own API is not spoken yet; its OpenAI API at the same address is.
        Api::Completions | Api::Ollama => Some(Dialect::Chat),
        Api::Messages => Some(Dialect::Messages),
        Api::Unsupported(_) => None,
    }
}

/// OpenClaw's pass-through fields (`params.extra_body` or `params.extraBody`).
fn extra_body(params: &Params) -> serde_json::Map<String, serde_json::Value> {
    let written = ["extra_body", "extraBody"].map(|name| params.0.get(name));
    let objects = written.into_iter().flatten().filter_map(serde_json::Value::as_object);
    objects
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_of_hosts() {
        for (host, reach) in [
            ("127.0.0.1", Reach::Loopback),
            ("[::1]", Reach::Loopback),
            ("localhost", Reach::Loopback),
            ("192.168.1.20", Reach::Lan),
            ("studio.local", Reach::Lan),
            ("nas", Reach::Lan),
            ("[fd00::1]", Reach::Lan),
            ("api.openai.com", Reach::Hosted),
            ("8.8.8.8", Reach::Hosted),
        ] {
            assert_eq!(Reach::of_host(host), reach, "{host}");
        }
    }
}
