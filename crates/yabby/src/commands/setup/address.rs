//! The one server that the command line names: at an address, which may be wrong in the usual ways, or by its id.

use futures_util::future::join_all;
use yabby_config::{Api, BaseUrl, Edit, Needs, NewProvider, Provider};
use yabby_core::{ErrorKind, Text, text};
use yabby_servers::{Endpoint, Reach, ServerKind, WellKnown};

use super::server::{Found, Server, as_config, everywhere, key_place};
use crate::{app::App, arguments::Setup, config_file::ConfigFile};

/// Why there is no server to look at.
pub(super) struct Refusal {
    pub(super) message: Text,
    pub(super) hint: Option<Text>,
}

/// The server at `--base-url`, or the one that `--provider` names.
pub(super) async fn look(app: &App, file: &ConfigFile, arguments: &Setup) -> Result<Found, Refusal> {
    match &arguments.base_url {
        Some(address) => at(app, file, arguments, address).await,
        None => named(app, file, arguments).await,
    }
}

async fn at(app: &App, file: &ConfigFile, arguments: &Setup, address: &str) -> Result<Found, Refusal> {
    let known = arguments.provider.as_deref().and_then(|id| app.config().provider(id));
    let api = arguments
        .api
        .clone()
        .or_else(|| known.map(|provider| provider.api.clone()))
        .unwrap_or(Api::Completions);
    let url = BaseUrl::parse(address, &api).map_err(|error| Refusal {
        message: error.text(),
        hint: Some(text!(
            "write it as http://HOST:PORT/v1, such as http://127.0.0.1:1234/v1"
        )),
    })?;
    if url.credentials().is_some() {
        return Err(Refusal {
            message: text!("the address holds a user name or a password, which would stand in the config"),
            hint: Some(text!("leave them out, and give the key with --key-env NAME")),
        });
    }
    let mut found = Found::default();
    for note in url.notes() {
        found.notes.push(note.text());
    }
    let same = |provider: &&Provider| provider.configured && provider.base_url.as_str() == url.as_str();
    let known = known.or_else(|| app.config().providers().find(same));
    let asked = NewProvider {
        id: known.map(|provider| provider.id.clone()).unwrap_or_default(),
        base_url: Some(url.as_str().to_owned()),
        api: Some(api),
        key_env: arguments.key_env.clone(),
        models: Vec::new(),
    };
    let mut server = ask(app, file, asked).await?;
    if let Some(better) = elsewhere(app, file, &server).await {
        found.notes.push(text!(
            "{url} does not answer as an API, and {better} does, so that one is used",
            url = server.endpoint.base_url,
            better = better.endpoint.base_url
        ));
        server = better;
    }
    if server.facts.kind == Some(ServerKind::Ollama) && arguments.api.is_none() && known.is_none() {
        // Over /v1 it drops the oldest messages of a prompt that is too long, and says nothing (`wire-facts.md` §7.4).
        let root = server.endpoint.root().to_owned();
        if let Some(asked) = &server.new {
            let own = NewProvider {
                base_url: Some(root),
                api: Some(Api::Ollama),
                ..asked.clone()
            };
            server = ask(app, file, own).await?;
        }
    }
    if let Some(hint) = other_port(app, file, &server).await {
        found.notes.push(hint);
    }
    let id = match (&arguments.provider, known) {
        (_, Some(provider)) => provider.id.clone(),
        (Some(id), None) => id.clone(),
        (None, None) => free_id(app, &server),
    };
    server.endpoint.provider.clone_from(&id);
    if let Some(new) = &mut server.new {
        new.id = id;
        if let Some(known) = known {
            complete(new, known, arguments);
        }
    }
    // Nothing is missing.
    let bare = NewProvider {
        id: server.endpoint.provider.clone(),
        ..NewProvider::default()
    };
    server.new.take_if(|new| *new == bare);
    found.servers.push(server);
    Ok(found)
}

/// Leaves out what the config says already, and what nobody asked to change.
fn complete(new: &mut NewProvider, known: &Provider, arguments: &Setup) {
    new.base_url.take_if(|url| url == known.base_url.as_str());
    new.api.take_if(|api| *api == known.api || arguments.api.is_none());
}

async fn named(app: &App, file: &ConfigFile, arguments: &Setup) -> Result<Found, Refusal> {
    let id = arguments.provider.as_deref().unwrap_or_default();
    let Some(known) = app.config().provider(id) else {
        let mut found = everywhere(app).await;
        let is_it = |server: &Server| server.endpoint.provider.eq_ignore_ascii_case(id);
        found.servers.retain(is_it);
        found.hosted.clear();
        if found.servers.is_empty() {
            return Err(Refusal {
                message: text!("there is no provider {provider}", provider = id),
                hint: Some(text!("add it with its address: --base-url http://HOST:PORT/v1")),
            });
        }
        if arguments.key_env.is_some() || arguments.api.is_some() {
            // It was found without them.
            let address = found.servers.swap_remove(0).endpoint.base_url;
            return at(app, file, arguments, &address).await;
        }
        return Ok(found);
    };
    let change = NewProvider {
        id: known.id.clone(),
        api: arguments.api.clone().filter(|api| *api != known.api),
        key_env: arguments.key_env.clone(),
        ..NewProvider::default()
    };
    let empty = NewProvider {
        id: known.id.clone(),
        ..NewProvider::default()
    };
    let endpoint = if change == empty {
        if !known.is_usable() {
            return Err(Refusal {
                message: text!("{provider} has no key", provider = known.id),
                hint: Some(key_place(app, known.key_env.first().copied().unwrap_or("NAME"))),
            });
        }
        served(app, known)
    } else {
        endpoint_of(app, file, &change)
    };
    let endpoint = endpoint.ok_or_else(|| Refusal {
        message: text!("{provider} cannot be used as the config has it", provider = known.id),
        hint: Some(text!("`yabby config check` says what is wrong")),
    })?;
    let new = (change != empty).then_some(change);
    Ok(Found {
        servers: vec![Server::ask(app, endpoint, new).await],
        ..Found::default()
    })
}

async fn ask(app: &App, file: &ConfigFile, new: NewProvider) -> Result<Server, Refusal> {
    let endpoint = endpoint_of(app, file, &new).ok_or_else(|| Refusal {
        message: text!("{provider} cannot be used as the config has it", provider = new.id),
        hint: Some(text!("`yabby config check` says what is wrong")),
    })?;
    Ok(Server::ask(app, endpoint, Some(new)).await)
}

/// The endpoint that a provider would be, with everything that the config says of it and the variables that it may use.
fn endpoint_of(app: &App, file: &ConfigFile, new: &NewProvider) -> Option<Endpoint> {
    let named = NewProvider {
        id: Some(&new.id)
            .filter(|id| !id.is_empty())
            .map_or_else(|| UNNAMED.to_owned(), Clone::clone),
        ..new.clone()
    };
    let change = Edit {
        providers: vec![named.clone()],
        ..Edit::default()
    };
    let text = file.edited(&change).ok()?;
    let mut draft = file.draft(app, &text);
    // They are known since this command has begun.
    draft.fetch(&app.vault, Needs::Models);
    served(app, draft.config.provider(&named.id)?)
}

/// The endpoint of a provider, with the program that serves it.
fn served(app: &App, provider: &Provider) -> Option<Endpoint> {
    let mut endpoint = Endpoint::from_provider(provider)?;
    app.services.attach(provider, &mut endpoint);
    Some(endpoint)
}

/// The id of a server that has none yet.
const UNNAMED: &str = "new-server";

/// What answers no API there may have one a step deeper, or at the root.
async fn elsewhere(app: &App, file: &ConfigFile, server: &Server) -> Option<Server> {
    let kind = server.facts.error.as_ref()?.kind;
    if !matches!(
        kind,
        ErrorKind::NotAnApi | ErrorKind::ModelNotFound | ErrorKind::BadRequest
    ) {
        return None;
    }
    let asked = server.new.as_ref()?;
    let url = asked.base_url.as_deref()?;
    let scheme = url.find("://")? + 3;
    let origin = &url[..url[scheme..].find('/').map_or(url.len(), |at| scheme + at)];
    let path = url.trim_end_matches("/v1");
    let candidates = [format!("{path}/v1"), format!("{origin}/v1"), format!("{origin}/api/v1")];
    for candidate in candidates.into_iter().filter(|candidate| candidate != url) {
        let new = NewProvider {
            base_url: Some(candidate),
            ..asked.clone()
        };
        if let Ok(server) = ask(app, file, new).await
            && server
                .facts
                .error
                .as_ref()
                .is_none_or(|error| error.kind == ErrorKind::Auth)
        {
            return Some(server);
        }
    }
    None
}

/// Where nothing listens: does a model server answer on another port of that machine?
async fn other_port(app: &App, file: &ConfigFile, server: &Server) -> Option<Text> {
    let kind = server.error()?.kind;
    if kind != ErrorKind::Refused || server.endpoint.reach == Reach::Hosted {
        return None;
    }
    let asked = server.new.as_ref()?;
    let url = BaseUrl::parse(asked.base_url.as_deref()?, &Api::Completions).ok()?;
    let probes = WellKnown::here(&app.env).into_iter().map(|WellKnown { port, .. }| {
        // Without the key: it may be somebody else's server.
        let new = NewProvider {
            base_url: Some(format!("http://{}:{port}/v1", url.host())),
            api: Some(Api::Completions),
            ..NewProvider::default()
        };
        ask(app, file, new)
    });
    let answered = join_all(probes).await.into_iter().flatten();
    let other = answered.into_iter().find(|other| other.facts.error.is_none())?;
    Some(text!(
        "{kind} answers at {url}: if you meant that one, use --base-url {url}",
        kind = other.kind(),
        url = other.endpoint.base_url
    ))
}

/// An id for a server that was not given one: what it is, else its host; never one that is taken.
fn free_id(app: &App, server: &Server) -> String {
    let name = match server.facts.kind {
        Some(ServerKind::LlamaCpp) => "llamacpp".to_owned(),
        Some(ServerKind::Vllm) => "vllm".to_owned(),
        Some(ServerKind::LmStudio) => "lmstudio".to_owned(),
        Some(ServerKind::Ollama) => "ollama".to_owned(),
        Some(ServerKind::SgLang) => "sglang".to_owned(),
        Some(ServerKind::LiteLlm) => "litellm".to_owned(),
        Some(ServerKind::OpenRouter) => "openrouter".to_owned(),
        None => host_name(server),
    };
    let taken = |id: &str| app.config().provider(id).is_some();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|id| !taken(id))
        .unwrap_or(name)
}

/// The first part of a host's name; `local` for this machine and for bare addresses.
fn host_name(server: &Server) -> String {
    let url = as_config(&server.endpoint).base_url.unwrap_or_default();
    let host = BaseUrl::parse(&url, &Api::Completions).map_or_else(|_| String::new(), |url| url.host().to_owned());
    let label = match host.split('.').collect::<Vec<_>>()[..] {
        // `api.example.com` is example's.
        [.., name, _] if server.endpoint.reach == Reach::Hosted => name.to_owned(),
        [name, ..] => name.to_owned(),
        [] => String::new(),
    };
    let is_name = label.starts_with(|c: char| c.is_ascii_alphabetic()) && label != "localhost";
    if is_name { label } else { "local".to_owned() }
}
