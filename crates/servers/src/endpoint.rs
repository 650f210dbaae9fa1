//! One place that serves models.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;
use yabby_config::{Api, BaseUrl, Config, KeepWarm, ModelEntry, Provider};
use yabby_core::{ErrorKind, ModelError, ModelRequest, OpaqueSource, Phase, Secret, Zone, text};
use yabby_wire::{Dialect, Quirks, Target, encode};

use crate::{
    AnswerStream, Http, Reach,
    answer::Asked,
    counting::Counts,
    credentials::Credentials,
    learned::Memory,
    live::Live,
    managed::{Hold, Lease, Service},
    replicas::Replicas,
    tool_mode::ToolModes,
    vendor::Vendor,
    warm::{Gates, Loads},
};

/// Where requests for one provider go.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The provider id, as in `models.providers.<id>`.
    pub provider: String,
    /// The base URL as people see it: without a trailing slash, credentials and secret variables.
    pub base_url: String,
    /// The base URL of requests.
    pub(crate) url: String,
    /// The dialect that the config asks for, where a model has none of its own.
    pub dialect: Dialect,
    /// User name and password for HTTP basic authentication, from the base URL.
    pub basic: Option<(String, Secret)>,
    /// Its keys and which of them rest, shared by all clones.
    pub(crate) credentials: Credentials,
    /// Extra headers of each request.
    pub headers: Vec<(String, Secret)>,
    /// How far away it is.
    pub reach: Reach,
    /// Where its data goes, if the config says so.
    pub zone: Option<Zone>,
    /// Where Yabby knows it from.
    pub origin: EndpointOrigin,
    /// The program of the config that serves it, which is started when it is needed.
    pub service: Option<Service>,
    /// What keeps that program from being stopped, as long as this endpoint is used.
    pub(crate) held: Option<Hold>,
    /// The most time that a whole request may take.
    pub timeout: Option<Duration>,
    /// Whether the key is sent as `Authorization: Bearer` in every dialect.
    pub bearer: bool,
    /// Whose API it is, where that is documented.
    pub(crate) vendor: Option<Vendor>,
    /// Whether its models are kept loaded.
    pub keep_warm: KeepWarm,
    /// The models that the config lists.
    pub listed: Vec<ModelEntry>,
    /// Environment variables that would give it a key.
    pub key_env: Vec<String>,
    /// The dialect that the server turned out to speak, shared by all clones.
    spoken: Arc<OnceLock<Dialect>>,
    /// How tools are offered to its models, as far as it was asked.
    pub(crate) tool_modes: ToolModes,
    /// What it has taught, shared by all clones.
    pub(crate) memory: Memory,
    /// What is known of it right now, shared by all clones.
    pub(crate) live: Live,
    /// Other addresses that serve the same models.
    pub(crate) replicas: Replicas,
    /// Who wakes its models, shared by all clones.
    pub(crate) gates: Gates,
    /// What it has taught about the tokens of prompts, shared by all clones.
    pub(crate) counts: Counts,
    /// Loads of its models, shared by all clones.
    pub(crate) loads: Loads,
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

impl Endpoint {
    /// The endpoint of a configured or built-in provider; `None` when its `api` is one that Yabby cannot speak.
    pub fn from_provider(provider: &Provider) -> Option<Self> {
        // The keys are the same at every address, and so is what is known of them.
        let credentials = Credentials::of(provider);
        let first = Self::at(provider, &provider.base_url, &credentials)?;
        let others = provider.replicas.iter();
        let others = others.filter_map(|url| Self::at(provider, url, &credentials));
        Some(first.with_replicas(others.collect()))
    }

    /// The endpoint at one address of a provider.
    fn at(provider: &Provider, base_url: &BaseUrl, credentials: &Credentials) -> Option<Self> {
        let dialect = dialect(&provider.api)?;
        // Ollama's own API lies at the root; a model with an API of its own is asked below `/v1`.
        let version = if provider.api == Api::Ollama { "/v1" } else { "" };
        Some(Self {
            provider: provider.id.clone(),
            reach: Reach::of_host(base_url.host()),
            vendor: Vendor::of_host(base_url.host()),
            base_url: base_url.to_string().trim_end_matches('/').to_owned(),
            url: format!("{}{version}", base_url.as_str().trim_end_matches('/')),
            dialect,
            basic: base_url
                .credentials()
                .map(|(user, password)| (user.to_owned(), password.clone())),
            bearer: provider.auth_header == Some(true),
            credentials: credentials.clone(),
            spoken: Arc::default(),
            tool_modes: ToolModes::default(),
            memory: Memory::default(),
            live: Live::default(),
            replicas: Replicas::default(),
            gates: Gates::default(),
            counts: Counts::default(),
            loads: Loads::default(),
            headers: provider.headers.clone(),
            origin: if provider.configured {
                EndpointOrigin::Config
            } else {
                EndpointOrigin::BuiltIn
            },
            service: None,
            held: None,
            zone: provider.zone.clone(),
            timeout: provider.timeout,
            keep_warm: provider.keep_warm,
            listed: provider.models.clone(),
            key_env: provider.key_env.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    /// The endpoints of all providers in the config that can be used: configured ones, and built-in ones that have
    /// a key. Their programs are started where they come from [`Services::endpoints`](crate::managed::Services).
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
            url: format!("http://127.0.0.1:{port}/v1"),
            dialect: Dialect::Chat,
            basic: None,
            bearer: false,
            credentials: Credentials::default(),
            spoken: Arc::default(),
            tool_modes: ToolModes::default(),
            memory: Memory::default(),
            live: Live::default(),
            replicas: Replicas::default(),
            gates: Gates::default(),
            counts: Counts::default(),
            loads: Loads::default(),
            headers: Vec::new(),
            reach: Reach::Loopback,
            zone: None,
            origin,
            service: None,
            held: None,
            timeout: None,
            keep_warm: KeepWarm::No,
            vendor: None,
            listed: Vec::new(),
            key_env: Vec::new(),
        }
    }

    /// What the config says of a model.
    pub fn listed_model(&self, id: &str) -> Option<&ModelEntry> {
        self.listed.iter().find(|entry| entry.id == id)
    }

    /// Remembers for this process that the server speaks another dialect than the config says.
    pub fn learn_dialect(&self, dialect: Dialect) {
        // The first discovery counts; a second one in the same process would be the same.
        let _ = self.spoken.set(dialect);
    }

    /// Whether its server turned out to speak another dialect.
    pub(crate) fn speaks_otherwise(&self) -> bool {
        self.spoken.get().is_some()
    }

    /// It is the same server as another one.
    pub(crate) fn speaks_as(&mut self, other: &Self) {
        self.spoken = Arc::clone(&other.spoken);
    }

    /// The dialect for a model.
    pub fn dialect_for(&self, model: &str) -> Dialect {
        if let Some(spoken) = self.spoken.get() {
            return *spoken;
        }
        self.listed_model(model)
            .and_then(|entry| entry.api.as_ref())
            .and_then(dialect)
            .unwrap_or(self.dialect)
    }

    /// The place that opaque parts of an answer of `model` belong to.
    pub fn opaque_source(&self, model: &str) -> OpaqueSource {
        OpaqueSource {
            endpoint: self.base_url.clone(),
            model: model.to_owned(),
        }
    }

    /// Whether requests may say which providers OpenRouter may use: OpenRouter itself, or a provider of that name in
    /// front of it.
    pub fn takes_routing(&self) -> bool {
        self.vendor == Some(Vendor::OpenRouter) || self.provider.eq_ignore_ascii_case("openrouter")
    }

    /// The address without the API's version segment: where side channels such as `/props` live.
    pub fn root(&self) -> &str {
        self.url.strip_suffix("/v1").unwrap_or(&self.url)
    }

    /// Where its list of models is.
    pub(crate) fn list_url(&self) -> String {
        match self.dialect {
            // `docs/api.md` of Ollama, "List Local Models".
            Dialect::Ollama => format!("{}/api/tags", self.root()),
            Dialect::Chat | Dialect::Responses | Dialect::Messages => format!("{}/models", self.url),
        }
    }

    /// The same endpoint with `/v1` behind its base URL, unless it is there.
    pub fn with_version(&self) -> Option<Self> {
        (!self.url.ends_with("/v1")).then(|| Self {
            base_url: format!("{}/v1", self.base_url),
            url: format!("{}/v1", self.url),
            live: Live::default(),
            ..self.clone()
        })
    }

    /// The same API at another port of its host; `None` when that is its port. What listens there may be somebody else's,
    /// so it gets no credentials.
    pub fn with_port(&self, port: u16) -> Option<Self> {
        let mut moved = reqwest::Url::parse(&self.base_url).ok()?;
        let before = moved.port_or_known_default()?;
        moved.set_port(Some(port)).ok()?;
        // Where it does not begin with what may be shown, a secret stands in its path.
        let deeper = self.url.strip_prefix(self.base_url.as_str())?;
        let base_url = moved.to_string().trim_end_matches('/').to_owned();
        (before != port).then(|| Self {
            url: format!("{base_url}{deeper}"),
            base_url,
            basic: None,
            credentials: Credentials::default(),
            headers: Vec::new(),
            // They may have headers of their own.
            listed: Vec::new(),
            live: Live::default(),
            ..self.clone()
        })
    }

    /// The port that requests go to.
    pub fn port(&self) -> u16 {
        let url = reqwest::Url::parse(&self.url).ok();
        url.and_then(|url| url.port_or_known_default()).unwrap_or_default()
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
        let quirks = self.quirks_of(model, request);
        let encoded = encode(dialect, request, &self.target(model, &quirks));
        let base = if dialect.is_at_root() { self.root() } else { &self.url };
        let url = format!("{base}{}", encoded.path);
        let mut post = http
            .client(self)?
            .post(&url)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json");
        for (name, value) in &encoded.headers {
            post = post.header(*name, *value);
        }
        for (name, value) in self.listed_model(model).into_iter().flat_map(|entry| &entry.headers) {
            post = post.header(name, value.expose());
        }
        let lease = self.lease(model);
        let response = self
            .authorise(post, dialect, lease)
            .body(encoded.body)
            .send()
            .await
            .map_err(|error| crate::transport::error(self, Phase::Connect, error))?;
        let asked = Asked {
            endpoint: self.clone(),
            model: model.to_owned(),
            lease,
        };
        AnswerStream::open(asked, dialect, request, &quirks, response).await
    }

    /// The body of a request, as a value.
    pub(crate) fn body(&self, dialect: Dialect, model: &str, request: &ModelRequest) -> Option<Value> {
        let quirks = self.quirks_of(model, request);
        serde_json::from_slice(&encode(dialect, request, &self.target(model, &quirks)).body).ok()
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

    /// Whom a request is for.
    pub(crate) fn target<'a>(&'a self, model: &'a str, quirks: &'a Quirks) -> Target<'a> {
        Target {
            endpoint: &self.base_url,
            model,
            quirks,
        }
    }
}

/// The dialect for a provider's `api`; `None` for one that Yabby cannot speak.
fn dialect(api: &Api) -> Option<Dialect> {
    match api {
        Api::Responses => Some(Dialect::Responses),
        Api::Completions => Some(Dialect::Chat),
        Api::Messages => Some(Dialect::Messages),
        Api::Ollama => Some(Dialect::Ollama),
        Api::Unsupported(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_gets_no_credentials() {
        let at = |base_url: &str, api: &str| {
            let text = format!(
                "{{models: {{providers: {{p: {{baseUrl: '{base_url}', api: '{api}', apiKey: 'k', headers: {{a: 'b'}},
                 models: [{{id: 'm', headers: {{c: 'd'}}}}]}}}}}}}}"
            );
            let vars = yabby_config::Environment::from_vars([("SECRET", "canary")]);
            let loaded = yabby_config::load_text(&text, &vars);
            let endpoint = Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap();
            assert!(!endpoint.secrets().is_empty(), "{base_url}");
            let moved = endpoint.with_port(9)?;
            assert_eq!(moved.secrets(), Vec::<Secret>::new(), "{base_url}");
            Some((moved.base_url, moved.url))
        };
        let both = |base_url: &str, url: &str| Some((base_url.to_owned(), url.to_owned()));
        for (base_url, api, moved) in [
            (
                "http://h:8/v1",
                "openai-completions",
                both("http://h:9/v1", "http://h:9/v1"),
            ),
            ("http://h/", "ollama", both("http://h:9", "http://h:9/v1")),
            (
                "http://user:password@h:8/v1",
                "openai-completions",
                both("http://h:9/v1", "http://h:9/v1"),
            ),
            ("http://h:8/${SECRET}/v1", "openai-completions", None),
            ("http://h:9/v1", "openai-completions", None),
        ] {
            assert_eq!(at(base_url, api), moved, "{base_url}");
        }
    }
}
