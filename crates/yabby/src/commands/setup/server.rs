//! Which servers there are: those of the config, those that run on this machine, and hosted ones by name.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use yabby_config::{Api, NewProvider};
use yabby_core::{ErrorKind, ModelError, Text, text};
use yabby_servers::{Endpoint, Fleet, Reach, ServerFacts, ServerKind, WellKnown, discover};
use yabby_wire::Dialect;

use crate::app::App;

/// Servers near by answer in milliseconds; hosted ones get longer.
const NEAR: Duration = Duration::from_millis(1500);
const FAR: Duration = Duration::from_secs(5);

/// A model server and what it says of itself.
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    pub(super) facts: Arc<ServerFacts>,
    /// What the config lacks of it, without models.
    pub(super) new: Option<NewProvider>,
}

/// A hosted provider that has a key. It is not asked: nobody has chosen it.
pub(super) struct Hosted {
    pub(super) provider: String,
    /// The variable that gave the key, if one did.
    pub(super) key: Option<String>,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) servers: Vec<Server>,
    pub(super) hosted: Vec<Hosted>,
    /// What should be known of how it was found.
    pub(super) notes: Vec<Text>,
}

// === impl Server ===

impl Server {
    /// Asks an endpoint what it is.
    pub(super) async fn ask(app: &App, endpoint: Endpoint, new: Option<NewProvider>) -> Self {
        let limit = if endpoint.reach == Reach::Hosted { FAR } else { NEAR };
        let facts = endpoint.refresh(&app.http, Duration::ZERO, limit).await;
        Self { endpoint, facts, new }
    }

    /// Why it gave no list. That nothing listens is no error where Yabby starts the server when it is needed.
    pub(super) fn error(&self) -> Option<&ModelError> {
        let error = self.facts.error.as_deref();
        error.filter(|_| !self.starts_when_needed())
    }

    /// Whether nothing listens there because Yabby starts the server only when it is needed.
    pub(super) fn starts_when_needed(&self) -> bool {
        let error = self.facts.error.as_ref();
        self.endpoint.is_managed() && error.is_some_and(|error| error.kind == ErrorKind::Refused)
    }

    /// Whether its models run on this machine or one near by, as far as can be told: LiteLLM sends requests on to
    /// wherever it is set up to.
    pub(super) fn runs_near(&self) -> bool {
        self.endpoint.reach != Reach::Hosted && self.facts.kind != Some(ServerKind::LiteLlm)
    }

    /// What it is, in the words of its makers.
    pub(super) fn kind(&self) -> String {
        match (self.facts.kind, &self.facts.version) {
            (Some(kind), Some(version)) => format!("{} {version}", kind.name()),
            (Some(kind), None) => kind.name().to_owned(),
            (None, _) => "OpenAI API".to_owned(),
        }
    }
}

// === impl Found ===

impl Found {
    /// The endpoints with what is known about them, to resolve names.
    pub(super) fn fleet(&self) -> Fleet {
        let mut fleet = Fleet::default();
        for server in &self.servers {
            fleet.add(server.endpoint.clone());
        }
        fleet
    }
}

/// The servers of the config, and those that listen on well-known ports of this machine.
pub(super) async fn everywhere(app: &App) -> Found {
    let configured = app.services.endpoints(app.config());
    let ports = WellKnown::here(&app.env);
    let probes = configured
        .iter()
        .filter(|endpoint| endpoint.reach != Reach::Hosted)
        .map(|endpoint| Server::ask(app, endpoint.clone(), None));
    let (mut servers, discovered) = tokio::join!(join_all(probes), discover(&app.http, &ports, &configured));
    for (endpoint, facts) in discovered {
        servers.push(Server {
            new: Some(as_config(&endpoint)),
            endpoint,
            facts,
        });
    }
    let hosted = configured
        .iter()
        .filter(|endpoint| endpoint.reach == Reach::Hosted && endpoint.has_key())
        .map(|endpoint| Hosted {
            provider: endpoint.provider.clone(),
            key: endpoint.key_variable().map(str::to_owned),
        });
    Found {
        hosted: hosted.collect(),
        servers,
        notes: Vec::new(),
    }
}

/// What stands in a config for an endpoint that was found.
pub(super) fn as_config(endpoint: &Endpoint) -> NewProvider {
    let api = match endpoint.dialect {
        Dialect::Chat => Api::Completions,
        Dialect::Responses => Api::Responses,
        Dialect::Messages => Api::Messages,
        Dialect::Ollama => Api::Ollama,
    };
    let base_url = match api {
        // Its own API lies at the root.
        Api::Ollama => endpoint.root(),
        _ => endpoint.base_url.as_str(),
    };
    NewProvider {
        id: endpoint.provider.clone(),
        base_url: Some(base_url.to_owned()),
        api: Some(api),
        ..NewProvider::default()
    }
}

/// What is wrong with a server that cannot be used as it is, and the way out.
pub(super) fn trouble(app: &App, server: &Server) -> Option<(Text, Option<Text>)> {
    if let Some(error) = server.error() {
        return Some((error.message.clone(), fix(app, server, error)));
    }
    (server.facts.models.is_empty() && !server.starts_when_needed()).then(|| {
        (
            text!("it has no model yet"),
            Some(text!("load or pull a model there, then run `yabby setup` again")),
        )
    })
}

fn fix(app: &App, server: &Server, error: &ModelError) -> Option<Text> {
    let endpoint = &server.endpoint;
    match (error.kind, &server.new) {
        (ErrorKind::Auth, Some(new)) if !endpoint.has_key() => Some(match &new.key_env {
            Some(name) => key_place(app, name),
            None => text!(
                "put its key into a variable and run `yabby setup --provider {provider} --base-url {url} --key-env NAME`",
                provider = endpoint.provider,
                url = endpoint.base_url
            ),
        }),
        (ErrorKind::Loading, _) => Some(text!("wait until it is done, then run `yabby setup` again")),
        (ErrorKind::NotAnApi, _) if endpoint.base_url.ends_with("/v1") => Some(text!(
            "something else listens there: use the address and port that the model server's own log shows"
        )),
        _ => error.hint.clone(),
    }
}

/// Where to put a key.
pub(super) fn key_place(app: &App, name: &str) -> Text {
    text!(
        "put {name}=… into {file}, or set it in the environment",
        name = name,
        file = app.paths.state_dir.join(".env").display()
    )
}
