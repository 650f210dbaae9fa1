//! Servers that the config names a program for: `models.providers.<id>.localService`.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::Url;
use yabby_config::{Config, LocalService, Provider};
use yabby_core::{ErrorKind, ModelError, Phase, text};

use super::{
    Hold, Report, ServerStatus,
    health::Health,
    site::{Elsewhere, Found, Site},
    spec::{CommandSpec, Piped, Spec, service_folder},
};
use crate::{Endpoint, EndpointOrigin, Http};

/// The services of this process, below its state directory. Made once: what it holds is shared by all endpoints, and by its
/// clones.
#[derive(Clone, Debug)]
pub struct Services {
    state_dir: PathBuf,
    known: Arc<Mutex<Vec<Service>>>,
}

/// The program that serves an endpoint. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    site: Site,
    local: LocalService,
    /// The hold of this process, from its first request on, where the config does not say how long the server may be
    /// idle.
    lease: tokio::sync::Mutex<Option<Hold>>,
}

// === impl Services ===

impl Services {
    /// The services whose supervisors have their folders below `state_dir`.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            known: Arc::default(),
        }
    }

    /// The endpoints of [`Endpoint::from_config`], with the programs that serve them.
    pub fn endpoints(&self, config: &Config) -> Vec<Endpoint> {
        let mut endpoints = Endpoint::from_config(config);
        for endpoint in &mut endpoints {
            if let Some(provider) = config.provider(&endpoint.provider) {
                self.attach(provider, endpoint);
            }
        }
        endpoints
    }

    /// Lets go of the programs that a config no longer has, or has otherwise: each is stopped once the last request to it is
    /// over.
    pub fn release_others(&self, config: &Config) {
        let is_there = |service: &Service| {
            let place = &service.inner.site.place;
            config.providers().any(|provider| {
                provider.service.as_ref() == Some(&service.inner.local) && is_first_address(provider, place)
            })
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|service| is_there(service) || !service.release());
    }

    /// Gives an endpoint the program that serves it: a provider's program serves its first address.
    pub fn attach(&self, provider: &Provider, endpoint: &mut Endpoint) {
        let Some(local) = &provider.service else {
            return;
        };
        if !is_first_address(provider, &endpoint.base_url) {
            return;
        }
        let folder = service_folder(&self.state_dir, &endpoint.provider, &endpoint.base_url);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |service: &&Service| service.inner.site.folder == folder && service.inner.local == *local;
        if let Some(service) = known.iter().find(is_it) {
            endpoint.service = Some(service.clone());
            return;
        }
        let service = Service {
            inner: Arc::new(Inner {
                site: Site {
                    folder,
                    place: endpoint.base_url.clone(),
                },
                local: local.clone(),
                lease: tokio::sync::Mutex::default(),
            }),
        };
        known.push(service.clone());
        endpoint.service = Some(service);
    }
}

/// Whether a base URL, as people see it, is the first one of a provider.
fn is_first_address(provider: &Provider, base_url: &str) -> bool {
    base_url == provider.base_url.to_string().trim_end_matches('/')
}

// === impl Service ===

impl Service {
    /// Whether another one is the same program with the same settings.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.inner.local == other.inner.local && self.inner.site.folder == other.inner.site.folder
    }

    /// Ends the hold of this process, unless somebody is about to take it; whether it could.
    fn release(&self) -> bool {
        self.inner.lease.try_lock().is_ok_and(|mut lease| {
            *lease = None;
            true
        })
    }

    /// How the server is now; nothing is started.
    pub fn status(&self) -> ServerStatus {
        self.inner.site.status()
    }

    /// Starts the server unless it runs, and waits until it answers. There is no hold on a server that somebody else
    /// has started: Yabby never stops it.
    async fn ready(&self, endpoint: &Endpoint, http: &Http, report: &dyn Report) -> Result<Option<Hold>, ModelError> {
        let site = &self.inner.site;
        let client = http.client(endpoint)?;
        let spec = self.spec(endpoint, client)?;
        let elsewhere = Some(Elsewhere {
            client,
            health: &spec.health,
        });
        // Asked first, so that nothing is written where there is nothing to do. When a supervisor comes in between,
        // the server may be its.
        if !site.supervised() && site.is_elsewhere(elsewhere).await && !site.supervised() {
            return Ok(None);
        }
        let spec = Spec::Command(spec.clone());
        let hold = self.hold(&spec).await?;
        Ok(match site.run(&spec, &hold, elsewhere, report).await? {
            Found::Own(_) => Some(hold),
            Found::Elsewhere => None,
        })
    }

    /// A hold of this request, or of this process.
    async fn hold(&self, spec: &Spec) -> Result<Hold, ModelError> {
        let name = spec.name();
        let take = self.inner.site.hold(&name);
        if self.inner.local.idle_stop.is_some() {
            return take.await;
        }
        let mut lease = self.inner.lease.lock().await;
        let hold = match lease.as_ref() {
            Some(hold) => hold.clone(),
            None => take.await?,
        };
        *lease = Some(hold.clone());
        Ok(hold)
    }

    fn spec(&self, endpoint: &Endpoint, client: &reqwest::Client) -> Result<CommandSpec, ModelError> {
        let local = &self.inner.local;
        Ok(CommandSpec {
            provider: endpoint.provider.clone(),
            url: Piped::new(&endpoint.url),
            command: local.command.clone(),
            args: local.args.clone(),
            cwd: local.cwd.clone(),
            env: local
                .env
                .iter()
                .map(|(name, value)| (name.clone(), Piped(value.clone())))
                .collect(),
            health: health(endpoint, local, client)?,
            secrets: endpoint.secrets().into_iter().map(Piped).collect(),
            ready_timeout: local.ready_timeout,
            idle_stop: local.idle_stop,
        })
    }
}

/// How to ask whether the server is ready. Credentials go only to where requests go.
fn health(endpoint: &Endpoint, local: &LocalService, client: &reqwest::Client) -> Result<Health, ModelError> {
    let url = local.health_url.clone().unwrap_or_else(|| endpoint.list_url());
    let wrong = || {
        ModelError::new(
            ErrorKind::Provision,
            Phase::Connect,
            &endpoint.base_url,
            text!(
                "the healthUrl of {provider} is not a URL that can be asked",
                provider = endpoint.provider
            ),
        )
        .with_hint(text!(
            "set models.providers.{provider}.localService.healthUrl to the address at which the server says that it is ready, or leave it out",
            provider = endpoint.provider
        ))
    };
    let parsed = Url::parse(&url).map_err(|_| wrong())?;
    let base = Url::parse(&endpoint.url).map_err(|_| wrong())?;
    let mut request = client.get(parsed.clone());
    if parsed.origin() == base.origin() {
        request = endpoint.authorise(request, endpoint.dialect, endpoint.lease(""));
    }
    let request = request.build().map_err(|_| wrong())?;
    let headers = request.headers().iter();
    Ok(Health {
        url: Piped::new(url),
        headers: headers
            .filter_map(|(name, value)| Some((name.to_string(), Piped::new(value.to_str().ok()?))))
            .collect(),
        list: local.health_url.is_none(),
    })
}

// === impl Endpoint ===

impl Endpoint {
    /// Whether Yabby starts its server when it is needed.
    pub fn is_managed(&self) -> bool {
        self.service.is_some() || matches!(self.origin, EndpointOrigin::Managed(_))
    }

    /// How the server is that Yabby runs for this endpoint, or would run; nothing is started.
    pub fn managed_status(&self) -> Option<ServerStatus> {
        match (&self.service, &self.origin) {
            (Some(service), _) => Some(service.status()),
            (None, EndpointOrigin::Managed(lease)) => Some(lease.status()),
            (None, _) => None,
        }
    }

    /// Starts the server unless it runs, where Yabby is the one to start it, and waits until it answers. Returns the
    /// endpoint to send the request to. A server with an `idleStopMs` is not stopped while that endpoint, or a clone of
    /// it, lives; it belongs to one request.
    ///
    /// Fails with [`ErrorKind::Provision`] and the last lines of its log when it ends before it is ready, and with
    /// [`ErrorKind::Timeout`] when it is not ready in time.
    pub async fn ensure_running(&self, http: &Http, report: &dyn Report) -> Result<Self, ModelError> {
        if let EndpointOrigin::Managed(lease) = &self.origin {
            return Ok(lease.ready(report).await?.remembering(self));
        }
        let mut endpoint = self.clone();
        if let Some(service) = &self.service {
            endpoint.held = service.ready(self, http, report).await?;
        }
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::{Environment, load_text};

    use super::*;

    fn endpoint(provider: &str) -> Endpoint {
        let text = format!(
            "{{models: {{providers: {{p: {{apiKey: 'key-1', headers: {{'X-Team': 'team-1'}}, {provider}}}}}}}}}"
        );
        let loaded = load_text(&text, &Environment::default());
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let services = Services::new("/nowhere");
        services.endpoints(&loaded.config).into_iter().next().unwrap()
    }

    fn asked(provider: &str) -> (String, Vec<String>, bool) {
        let endpoint = endpoint(provider);
        let http = Http::default();
        let service = endpoint.service.clone().unwrap();
        let spec = service.spec(&endpoint, http.client(&endpoint).unwrap()).unwrap();
        let headers = spec.health.headers.iter();
        (
            spec.health.url.expose().to_owned(),
            headers
                .map(|(name, value)| format!("{name}: {}", value.expose()))
                .collect(),
            spec.health.list,
        )
    }

    #[test]
    fn where_the_server_is_asked_and_with_what() {
        let credentials = ["authorization: Bearer key-1".to_owned(), "x-team: team-1".to_owned()];
        for (provider, url, headers, list) in [
            (
                "baseUrl: 'http://127.0.0.1:8000/v1', localService: {command: '/s'}",
                "http://127.0.0.1:8000/v1/models",
                &credentials[..],
                true,
            ),
            (
                "baseUrl: 'http://127.0.0.1:11434', api: 'ollama', localService: {command: '/s'}",
                "http://127.0.0.1:11434/api/tags",
                &credentials,
                true,
            ),
            (
                "baseUrl: 'http://127.0.0.1:8000/v1', localService: {command: '/s', healthUrl: 'http://127.0.0.1:8000/health'}",
                "http://127.0.0.1:8000/health",
                &credentials,
                false,
            ),
            // Another server must not learn the key.
            (
                "baseUrl: 'http://127.0.0.1:8000/v1', localService: {command: '/s', healthUrl: 'http://127.0.0.1:9000/'}",
                "http://127.0.0.1:9000/",
                &[],
                false,
            ),
        ] {
            assert_eq!(asked(provider), (url.to_owned(), headers.to_vec(), list), "{provider}");
        }
    }

    #[tokio::test]
    async fn a_server_that_only_a_request_starts_does_not_rest() {
        for (kind, rests) in [(ErrorKind::Refused, false), (ErrorKind::Hung, true)] {
            let endpoint = endpoint("baseUrl: 'http://127.0.0.1:1/v1', localService: {command: '/s'}");
            let error = ModelError::new(kind, Phase::Connect, &endpoint.base_url, text!("error"));
            endpoint.failed("m", &error);
            assert!(endpoint.is_resting(), "{kind:?}");
            assert_eq!(endpoint.may_ask(&Http::default()).await.is_err(), rests, "{kind:?}");
        }
    }

    #[test]
    fn a_health_url_that_is_none_is_told() {
        let endpoint = endpoint("baseUrl: 'http://h/v1', localService: {command: '/s', healthUrl: 'health'}");
        let service = endpoint.service.clone().unwrap();
        let error = service.spec(&endpoint, &reqwest::Client::new()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Provision);
        assert_eq!(
            error.message.english(),
            "the healthUrl of p is not a URL that can be asked"
        );
    }

    #[test]
    fn endpoints_of_one_process_share_what_they_hold() {
        let text = "{models: {providers: {
            a: {baseUrl: 'http://127.0.0.1:1/v1', localService: {command: '/s'}},
            b: {baseUrl: 'http://127.0.0.1:2/v1'}}}}";
        let loaded = load_text(text, &Environment::default());
        let services = Services::new("/nowhere");
        let service = |id: &str| {
            let endpoints = services.endpoints(&loaded.config);
            endpoints.into_iter().find(|endpoint| endpoint.provider == id)?.service
        };
        assert!(Arc::ptr_eq(&service("a").unwrap().inner, &service("a").unwrap().inner));
        assert!(service("b").is_none());
        let status = service("a").unwrap().status();
        assert_eq!(
            (status.state, status.supervisor, status.restarts),
            (super::super::State::Stopped, None, 0)
        );
    }
}
