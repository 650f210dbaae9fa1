//! A gateway in this runtime.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde_json::json;
use tokio::{sync::oneshot, task::JoinSet};
use yabby_config::{Environment, load_text};
use yabby_core::Attempt;
use yabby_gateway::{Access, Exposed, Furniture, Gateway, House, Records, Reload, Settings, Upkeep};
use yabby_route::Spending;
use yabby_servers::{Endpoint, Fleet, Http};
use yabby_store::{KeyHash, Keys};
use yabby_testkit::ModelServer;

use crate::client::{Answer, OWNER, Open, ask};

pub(crate) const CHAT: &str = "/v1/chat/completions";

pub(crate) struct Scene {
    pub(crate) at: SocketAddr,
    records: Records,
    pub(crate) spending: Spending,
    reload: Reload,
    end: Option<oneshot::Sender<()>>,
    serving: JoinSet<()>,
}

impl Scene {
    /// A gateway with this config.
    pub(crate) async fn with_config(text: &str) -> Self {
        Self::with_keys(text, None).await
    }

    /// The same, for which keys are kept.
    pub(crate) async fn with_keys(text: &str, keys: Option<Keys>) -> Self {
        Self::listening("127.0.0.1:0", text, keys).await
    }

    /// The same at this address; it is reached from this machine.
    pub(crate) async fn listening(address: &str, text: &str, keys: Option<Keys>) -> Self {
        let loaded = load_text(text, &Environment::default());
        assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
        let spending = Spending::in_memory(loaded.config.route.budget);
        let house = House {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            http: Http::default(),
            spending: spending.clone(),
            office: None,
            upkeep: Upkeep::default(),
            default: None,
            config: loaded.config,
            certificate: None,
            access: Access {
                owners: vec![KeyHash::of(OWNER.as_bytes())],
                keys,
            },
        };
        let gateway = Gateway::bind(address.parse().unwrap(), house).await.unwrap();
        let at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), gateway.address().port());
        let (records, reload) = (gateway.records(), gateway.reload());
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(gateway.serve(async { drop(ended.await) }));
        Self {
            at,
            records,
            spending,
            reload,
            end: Some(end),
            serving,
        }
    }

    /// From now on it has this config.
    pub(crate) fn change(&self, text: &str) {
        let loaded = load_text(text, &Environment::default());
        self.reload.put(Furniture {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            default: None,
            settings: Settings::of(&loaded),
            config: loaded.config,
        });
    }

    /// Whether it would let this config say who comes in.
    pub(crate) fn bears(&self, text: &str) -> Result<(), Exposed> {
        let loaded = load_text(text, &Environment::default());
        self.reload.bears(&loaded.config.gateway)
    }

    /// The models `m` of the providers `a`, `b`, … at these URLs, tried in this order.
    pub(crate) async fn chain(urls: &[String]) -> Self {
        Self::with_config(&chain("openai-completions", urls)).await
    }

    pub(crate) async fn one(server: &ModelServer) -> Self {
        Self::chain(&[server.base_url()]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        ask(self.at, "POST", path, &[], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.at, "GET", path, &[], "").await
    }

    /// A request with this key, or without one.
    pub(crate) async fn with_key(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = if key.is_empty() {
            String::new()
        } else {
            format!("Bearer {key}")
        };
        ask(self.at, method, path, &[("authorization", &bearer)], body).await
    }

    /// A chat request that is left open.
    pub(crate) async fn open(&self, body: &str) -> Open {
        Open::send(self.at, "POST", CHAT, &[], body).await
    }

    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.records.attempts()
    }

    pub(crate) async fn stop(mut self) {
        drop(self.end.take());
        let ended = async { while self.serving.join_next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    }

    /// Asks to end, and does not wait for it.
    pub(crate) fn ends(&mut self) {
        drop(self.end.take());
    }
}

/// A config with the models `m` of the providers `a`, `b`, …, tried in this order.
pub(crate) fn chain(api: &str, urls: &[String]) -> String {
    let ids: Vec<char> = ('a'..='z').take(urls.len()).collect();
    let providers: serde_json::Map<_, _> = ids
        .iter()
        .zip(urls)
        .map(|(id, url)| {
            let provider = json!({"baseUrl": url, "api": api, "apiKey": format!("key-{id}"), "models": [{"id": "m"}]});
            (id.to_string(), provider)
        })
        .collect();
    let names: Vec<String> = ids.iter().map(|id| format!("{id}/m")).collect();
    json!({
        "models": {"providers": providers},
        "agents": {"defaults": {
            "model": {"primary": names[0], "fallbacks": names[1..]},
            "models": {"a/m": {"alias": "Opus"}},
        }},
    })
    .to_string()
}
