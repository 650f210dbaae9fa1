//! From the `model` of a request to the places that are asked, with everything about them that does not change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{
    HeaderMap, Uri,
    body::Bytes,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::Value;
use yabby_agent::State;
use yabby_config::{Config, Params};
use yabby_core::{Caller, ErrorKind, ModelError, ModelRef, Phase, Zone, ZoneRule, Zones, text};
use yabby_route::{Candidate, Deadlines, PlanError, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http};
use yabby_store::Scopes;

use crate::{
    api::{self, Api},
    batch::Batch,
    line::Place,
    metrics::{Counts, Metrics},
};

/// More names than this are not remembered: a client may make up any number of models of a provider.
const MOST_NAMES: usize = 512;
/// A request to an upstream has most often fewer than this.
const HEADERS: usize = 12;
/// A longer name is planned each time.
const LONGEST_NAME: usize = 256;

/// What is asked for which name. It is planned once: neither the config nor the fleet changes while this lives, and with
/// another config there are other routes.
#[derive(Debug)]
pub(crate) struct Routes {
    config: Config,
    fleet: Fleet,
    /// The model to use when the config names none.
    default: Option<ModelRef>,
    http: Http,
    metrics: Arc<Metrics>,
    batch: Batch,
    known: Mutex<HashMap<String, [Option<Arc<Route>>; 3]>>,
    /// By provider and origin, so that all models of a server share its connections.
    places: Mutex<HashMap<(String, String), Arc<Place>>>,
}

/// Candidates in order; never empty.
#[derive(Debug)]
pub(crate) struct Route {
    candidates: Vec<Stop>,
    /// Where the data may go.
    pub(crate) zones: Zones,
}

/// One candidate with the addresses that serve it.
#[derive(Debug)]
struct Stop {
    /// The configured address first.
    replicas: Vec<Arc<Target>>,
}

/// One model at one address.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) model: ModelRef,
    /// The names that it goes by: its own, and its aliases.
    names: Vec<String>,
    pub(crate) endpoint: Endpoint,
    pub(crate) deadlines: Deadlines,
    pub(crate) counts: Arc<Counts>,
    /// How a request gets there as it is: not where another API is spoken. What is wrong with it otherwise.
    way: Result<Option<Way>, ModelError>,
    /// The name of the model, for the client.
    pub(crate) name: HeaderValue,
    /// What the config says of it, for who is asked in another API.
    pub(crate) params: Params,
}

/// How a request gets to a target.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) place: Arc<Place>,
    /// Path and query.
    pub(crate) path: Uri,
    /// All headers, but those of the client, by key.
    pub(crate) headers: Vec<HeaderMap>,
    /// Those of them that the config has set.
    pub(crate) sets: Vec<HeaderName>,
    /// The model's id there, as JSON.
    pub(crate) model: Bytes,
    /// Where `OpenRouter` may send the prompt, as JSON.
    pub(crate) provider: Option<Bytes>,
}

// === impl Routes ===

impl Routes {
    pub(crate) fn new(
        config: Config,
        fleet: Fleet,
        default: Option<ModelRef>,
        http: Http,
        metrics: Arc<Metrics>,
        batch: Batch,
    ) -> Self {
        Self {
            config,
            fleet,
            default,
            http,
            metrics,
            batch,
            known: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// The same for another config. Connections to places of which nothing has changed are kept.
    pub(crate) fn succeeded_by(&self, config: Config, fleet: Fleet, default: Option<ModelRef>) -> Self {
        let stays = |place: &Arc<Place>| fleet.endpoints().any(|endpoint| place.is_of(endpoint));
        let places = lock(&self.places);
        let kept = places.iter().filter(|(_, place)| stays(place));
        let kept = kept.map(|(key, place)| (key.clone(), Arc::clone(place))).collect();
        drop(places);
        Self {
            places: Mutex::new(kept),
            ..Self::new(
                config,
                fleet,
                default,
                self.http.clone(),
                Arc::clone(&self.metrics),
                self.batch.clone(),
            )
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The agents of the config: ids and names.
    pub(crate) fn agents(&self) -> Vec<(String, Option<String>)> {
        let named = self.config.agents.entries.iter();
        let agents: Vec<_> = named.map(|agent| (agent.id.clone(), agent.name.clone())).collect();
        if agents.is_empty() {
            return vec![("main".to_owned(), None)];
        }
        agents
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The models that are asked, in order, when a request names none.
    pub(crate) fn chain(&self) -> Result<Vec<(ModelRef, Endpoint)>, PlanError> {
        let wanted = Wanted {
            default: self.default.as_ref(),
            ..Wanted::default()
        };
        let plan = plan(&self.config, &self.fleet, &wanted)?;
        let candidates = plan.candidates.into_iter();
        Ok(candidates
            .map(|candidate| (candidate.model, candidate.endpoint))
            .collect())
    }

    /// What is asked for a name, by what was known when it was asked for first; the chain of the config for none, `yabby` and `route/default`.
    pub(crate) fn find(&self, api: Api, name: Option<&str>) -> Result<Arc<Route>, PlanError> {
        let name = name.map_or("", str::trim);
        let wanted = Wanted {
            model: (!matches!(name, "" | "yabby" | "route/default")).then_some(name),
            ..Wanted::default()
        };
        self.planned(api, name, wanted)
    }

    /// The models of an agent, as far as they may be asked in a conversation for which this is set.
    pub(crate) fn find_for(&self, api: Api, agent: &str, set: &State) -> Result<Arc<Route>, PlanError> {
        // No model has such a name where there are agents.
        let name = format!(
            "agent:{agent} {} {}",
            set.private,
            set.model.as_deref().unwrap_or_default()
        );
        let private = set.private.then(|| ZoneRule {
            zones: [Zone::Machine, Zone::Lan].into(),
            from: "/private on".to_owned(),
            ask: false,
        });
        let wanted = Wanted {
            agent: Some(agent),
            model: set.model.as_deref(),
            rules: private.into_iter().collect(),
            ..Wanted::default()
        };
        self.planned(api, &name, wanted)
    }

    fn planned(&self, api: Api, name: &str, wanted: Wanted<'_>) -> Result<Arc<Route>, PlanError> {
        let number = api as usize;
        if let Some(known) = lock(&self.known).get(name).and_then(|known| known.get(number)?.clone()) {
            return Ok(known);
        }
        let wanted = Wanted {
            default: self.default.as_ref(),
            ..wanted
        };
        let plan = plan(&self.config, &self.fleet, &wanted)?;
        let candidates = plan.candidates.iter().map(|candidate| self.stop(api, candidate));
        let route = Arc::new(Route {
            candidates: candidates.collect(),
            zones: plan.zones,
        });
        let mut known = lock(&self.known);
        if known.len() >= MOST_NAMES {
            known.clear();
        }
        if name.len() <= LONGEST_NAME
            && let Some(place) = known.entry(name.to_owned()).or_default().get_mut(number)
        {
            *place = Some(Arc::clone(&route));
        }
        Ok(route)
    }

    fn stop(&self, api: Api, candidate: &Candidate) -> Stop {
        let endpoint = &candidate.endpoint;
        let all = std::iter::once(endpoint).chain(endpoint.replicas());
        Stop {
            replicas: all.map(|at| Arc::new(self.target(api, candidate, at))).collect(),
        }
    }

    fn target(&self, api: Api, candidate: &Candidate, endpoint: &Endpoint) -> Target {
        Target {
            model: candidate.model.clone(),
            names: self.names_of(&candidate.model),
            endpoint: endpoint.clone(),
            deadlines: Deadlines::of(endpoint),
            counts: self.metrics.of(&endpoint.provider),
            way: if endpoint.dialect_for(candidate.model.model()) == api.dialect() {
                self.way(api, &candidate.model, endpoint, Some(&candidate.params))
                    .map(Some)
            } else {
                Ok(None)
            },
            name: value(&candidate.model.to_string()).unwrap_or(HeaderValue::from_static("?")),
            params: candidate.params.clone(),
        }
    }

    /// A model that makes embeddings, wherever it is.
    pub(crate) fn embedder(&self, model: ModelRef, endpoint: &Endpoint) -> Target {
        Target {
            names: self.names_of(&model),
            endpoint: endpoint.clone(),
            deadlines: Deadlines::of(endpoint),
            counts: self.metrics.of(&endpoint.provider),
            // It is asked by the endpoint itself.
            way: Ok(None),
            name: value(&model.to_string()).unwrap_or(HeaderValue::from_static("?")),
            params: self.config.params_for(&model),
            model,
        }
    }

    /// The way to a model at an endpoint; the parameters say where `OpenRouter` may send a prompt.
    pub(crate) fn way(
        &self,
        api: Api,
        model: &ModelRef,
        endpoint: &Endpoint,
        params: Option<&Params>,
    ) -> Result<Way, ModelError> {
        if let Some(outside) = endpoint.outside() {
            return Err(outside);
        }
        let passage = endpoint
            .passage(api.dialect(), model.model())
            .ok_or_else(|| other_dialect(api, model, endpoint))?;
        let wrong = || unusable(endpoint);
        let url: Uri = passage.url.expose().parse().map_err(|_| wrong())?;
        let host = url.authority().ok_or_else(wrong)?;
        // Credentials of the base URL are a header of their own.
        let host = host.as_str().rsplit('@').next().unwrap_or_default();
        // With room for what each request adds, and a place for the length of its body: no request makes it larger.
        let mut common = HeaderMap::with_capacity(HEADERS);
        common.insert(CONTENT_LENGTH, HeaderValue::from(0));
        common.insert(HOST, value(host).ok_or_else(wrong)?);
        common.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        common.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        common.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("yabby/", env!("CARGO_PKG_VERSION"))),
        );
        common.extend(api::adds(api));
        let (mut headers, mut sets) = (Vec::new(), Vec::new());
        for of_key in &passage.headers {
            let mut all = common.clone();
            for (name, secret) in of_key {
                let name: HeaderName = name.parse().map_err(|_| wrong())?;
                let mut value = value(secret.expose()).ok_or_else(wrong)?;
                value.set_sensitive(true);
                all.insert(name.clone(), value);
                sets.push(name);
            }
            headers.push(all);
        }
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let limits =
            params.and_then(|params| yabby_route::extra_body(endpoint, api.dialect(), params).remove("provider"));
        Ok(Way {
            place: self.place(&url, endpoint).ok_or_else(wrong)?,
            path: path.parse().map_err(|_| wrong())?,
            headers,
            sets,
            model: Value::from(model.model()).to_string().into(),
            provider: limits
                .filter(|_| endpoint.takes_routing())
                .map(|limits| limits.to_string().into()),
        })
    }

    fn place(&self, url: &Uri, endpoint: &Endpoint) -> Option<Arc<Place>> {
        let origin = format!("{}://{}", url.scheme_str()?, url.authority()?);
        let mut places = lock(&self.places);
        let key = (endpoint.provider.clone(), origin.clone());
        if let Some(known) = places.get(&key) {
            return Some(Arc::clone(known));
        }
        let place = Arc::new(Place::new(origin.parse().ok()?, endpoint, &self.http, &self.batch));
        places.insert(key, Arc::clone(&place));
        Some(place)
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Whether the next model is asked instead of waiting for one that loads.
    pub(crate) fn prefers_fast(&self) -> bool {
        self.config.route.prefer_fast
    }

    /// Closes connections that have been idle for too long.
    pub(crate) fn sweep(&self) {
        for place in lock(&self.places).values() {
            place.sweep();
        }
    }

    /// What a model goes by.
    fn names_of(&self, model: &ModelRef) -> Vec<String> {
        let aliases = self.config.aliases().into_iter();
        let aliases = aliases.filter(|(_, other)| other == model).map(|(alias, _)| alias);
        std::iter::once(model.to_string()).chain(aliases).collect()
    }

    /// The names that can be asked for with a key of these scopes, in the order of the config.
    pub(crate) fn names(&self, scopes: &Scopes) -> Vec<String> {
        let mut names = Vec::new();
        let allows = |model: &ModelRef| {
            scopes.allow_every_model() || scopes.allow_model(self.names_of(model).iter().map(String::as_str))
        };
        let wanted = Wanted {
            default: self.default.as_ref(),
            ..Wanted::default()
        };
        let policy = self.config.policy();
        if policy.primary.is_some() || self.default.is_some() {
            let chain = || plan(&self.config, &self.fleet, &wanted).map(|plan| plan.candidates);
            let any = || chain().is_ok_and(|chain| chain.iter().any(|candidate| allows(&candidate.model)));
            if scopes.allow_every_model() || any() {
                names.push("route/default".to_owned());
            }
        }
        let aliases = self.config.aliases().into_iter();
        names.extend(aliases.filter(|(_, model)| allows(model)).map(|(alias, _)| alias));
        for endpoint in self.fleet.endpoints() {
            let listed = endpoint.listed.iter().map(|entry| entry.id.clone());
            let known = endpoint.known();
            let served = known.iter().flat_map(|facts| &facts.models).filter(|model| model.chat);
            let ids = listed.chain(served.map(|model| model.id.clone()));
            let all = ids.map(|id| format!("{}/{id}", endpoint.provider));
            names.extend(
                all.filter(|name| scopes.allow_every_model() || name.parse().is_ok_and(|model| allows(&model))),
            );
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn other_dialect(api: Api, model: &ModelRef, endpoint: &Endpoint) -> ModelError {
    ModelError::new(
        ErrorKind::UnsupportedFeature,
        Phase::Connect,
        &endpoint.base_url,
        text!(
            "{model} speaks {theirs} since it was started anew, and the request came in {ours}",
            model = model,
            theirs = endpoint.dialect_for(model.model()).name(),
            ours = api.dialect().name()
        ),
    )
    .with_hint(text!("ask again"))
}

fn unusable(endpoint: &Endpoint) -> ModelError {
    ModelError::new(
        ErrorKind::BadRequest,
        Phase::Connect,
        &endpoint.base_url,
        text!(
            "the address or a header of {provider} cannot be written into a request",
            provider = endpoint.provider
        ),
    )
    .with_hint(text!(
        "check baseUrl, apiKey and headers of models.providers.{provider} in the config",
        provider = endpoint.provider
    ))
}

// === impl Target ===

impl Target {
    /// How a request gets there as it is, if the API is one that it speaks.
    pub(crate) fn way(&self, api: Api) -> Result<Option<&Way>, &ModelError> {
        let way = self.way.as_ref()?;
        // A server that was believed to have the API of Responses may have turned out not to.
        let speaks = |_: &&Way| api != Api::Responses || self.endpoint.dialect_for(self.model.model()) == api.dialect();
        Ok(way.as_ref().filter(speaks))
    }

    /// The names that it goes by.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

// === impl Route ===

impl Route {
    /// All addresses in the order in which they are asked for a caller.
    pub(crate) fn in_order_for(&self, caller: &Caller) -> Vec<Arc<Target>> {
        let mut all = Vec::with_capacity(self.candidates.len());
        for stop in &self.candidates {
            all.extend(stop.in_order_for(caller));
        }
        all
    }
}

// === impl Stop ===

impl Stop {
    fn in_order_for(&self, caller: &Caller) -> Vec<Arc<Target>> {
        let [first, _, ..] = self.replicas.as_slice() else {
            return self.replicas.clone();
        };
        let order = first.endpoint.in_order_for(first.model.model(), caller);
        let at = |endpoint: &Endpoint| {
            let found = |target: &&Arc<Target>| target.endpoint.base_url == endpoint.base_url;
            self.replicas.iter().find(found).cloned()
        };
        order.iter().filter_map(at).collect()
    }
}
