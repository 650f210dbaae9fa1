//! Model servers that run on this machine without being configured.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use yabby_config::{Environment, vars};
use yabby_core::ErrorKind;
use yabby_wire::Dialect;

use crate::{Endpoint, EndpointOrigin, Http, ServerFacts, ServerKind, probe};

/// A loopback port on which a kind of server listens by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellKnown {
    /// The provider id that a server there gets.
    pub provider: String,
    /// The port.
    pub port: u16,
}

impl WellKnown {
    /// The defaults, in the order in which a server is preferred.
    pub fn defaults() -> Vec<Self> {
        [
            ("lmstudio", 1234),
            ("ollama", 11434),
            ("vllm", 8000),
            ("llamacpp", 8080),
            ("sglang", 30000),
            ("litellm", 4000),
        ]
        .into_iter()
        .map(|(provider, port)| Self {
            provider: provider.to_owned(),
            port,
        })
        .collect()
    }

    /// The places of `YABBY_DISCOVER`, or the defaults.
    pub fn here(env: &Environment) -> Vec<Self> {
        env.get(vars::DISCOVER).map_or_else(Self::defaults, Self::parse)
    }

    /// Reads the value of `YABBY_DISCOVER`: `off`, or pairs such as `llamacpp:8080,vllm:8001`. Pairs that cannot be
    /// read are left out.
    pub fn parse(value: &str) -> Vec<Self> {
        value
            .split(',')
            .filter_map(|pair| {
                let (provider, port) = pair.trim().split_once(':')?;
                Some(Self {
                    provider: provider.to_ascii_lowercase(),
                    port: port.parse().ok()?,
                })
            })
            .collect()
    }
}

/// A loopback server answers its list of models in milliseconds, also while it generates.
const LIMIT: Duration = Duration::from_millis(900);

/// Asks all `ports` at once and returns the model servers that answered, in the order of `ports`: with a list of
/// models, which may be empty, or with `facts.error`, where they want a key ([`ErrorKind::Auth`]) or are loading their
/// model ([`ErrorKind::Loading`]).
///
/// Ports of endpoints that are `known` already are not asked again.
pub async fn discover(http: &Http, ports: &[WellKnown], known: &[Endpoint]) -> Vec<(Endpoint, Arc<ServerFacts>)> {
    let probes = ports
        .iter()
        .map(|place| Endpoint::loopback(&place.provider, place.port, EndpointOrigin::Discovered))
        .filter(|endpoint| !known.iter().any(|other| same_place(other, endpoint)))
        .map(|mut endpoint| async move {
            let facts = Arc::new(probe(http, &endpoint, LIMIT).await);
            if facts.kind == Some(ServerKind::Ollama) {
                // Over /v1 it drops the oldest messages of a prompt that is too long, and says nothing
                // (`wire-facts.md` §7.4).
                endpoint.dialect = Dialect::Ollama;
            }
            endpoint.take_in(&facts);
            (endpoint, facts)
        });
    let mut found: Vec<(Endpoint, Arc<ServerFacts>)> = join_all(probes).await;
    found.retain(|(_, facts)| {
        let error = facts.error.as_ref().map(|error| error.kind);
        matches!(error, None | Some(ErrorKind::Auth | ErrorKind::Loading))
    });
    let mut taken: Vec<String> = known
        .iter()
        .map(|endpoint| endpoint.provider.to_ascii_lowercase())
        .collect();
    for (endpoint, _) in &mut found {
        // A configured provider keeps its id, and no two servers share one.
        while taken.contains(&endpoint.provider) {
            endpoint.provider.push_str("-local");
        }
        taken.push(endpoint.provider.clone());
    }
    found
}

fn same_place(a: &Endpoint, b: &Endpoint) -> bool {
    let place = |endpoint: &Endpoint| {
        let here = ["://localhost:", "://0.0.0.0:", "://[::1]:"];
        here.iter().fold(endpoint.root().to_owned(), |root, name| {
            root.replace(name, "://127.0.0.1:")
        })
    };
    place(a) == place(b)
}

#[cfg(test)]
mod tests {
    use yabby_testkit::{Fault, ModelServer, dead_port};

    use super::*;

    #[tokio::test]
    async fn a_server_that_loads_or_wants_a_key_is_there() {
        let [loads, wants, answers, broken] = [
            Some(Fault::LoadingWhile(Duration::from_hours(1))),
            Some(Fault::Unauthorized),
            None,
            Some(Fault::HtmlWith200),
        ]
        .map(|fault| async {
            let server = ModelServer::start().await;
            if let Some(fault) = fault {
                server.fault(fault);
            }
            server
        });
        let servers = [loads.await, wants.await, answers.await, broken.await];
        let ports = servers.iter().map(|server| server.addr().port());
        let ports: Vec<WellKnown> = ports
            .chain([dead_port().port()])
            .map(|port| WellKnown {
                provider: "p".to_owned(),
                port,
            })
            .collect();
        let found = discover(&Http::default(), &ports, &[]).await;
        let found: Vec<_> = found
            .iter()
            .map(|(endpoint, facts)| {
                let error = facts.error.as_ref().map(|error| error.kind);
                (endpoint.provider.as_str(), endpoint.port(), error)
            })
            .collect();
        let expected = [
            ("p", ports[0].port, Some(ErrorKind::Loading)),
            ("p-local", ports[1].port, Some(ErrorKind::Auth)),
            ("p-local-local", ports[2].port, None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_the_variable() {
        assert_eq!(WellKnown::parse("off"), []);
        assert_eq!(
            WellKnown::parse("vllm:8001, x"),
            [WellKnown {
                provider: "vllm".into(),
                port: 8001
            }]
        );
    }
}
