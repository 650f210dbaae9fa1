//! Who tells what the notes of an agent mean: which model, whether the notes may go there, and whether it is asked now.
//!
//! Nothing is sent to a server that the owner has not named, but to one of this machine or its network. The rules for zones
//! hold as they do for models. Whoever searches does not wait for a server that is away: its breaker says so at once.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use yabby_config::{Api, ApiKey, BaseUrl, Config, KeepWarm, KeySource, MemorySettings, Params, Provider};
use yabby_core::{Caller, ErrorKind, ModelError, Phase, Text, Zone, ZoneRule, Zones, text};
use yabby_servers::{
    Admission, Endpoint, EndpointOrigin, Fleet, Http, ModelFacts, ModelState, ProbeTicket, ServerKind,
};

/// The word for a search without embeddings (OpenClaw, "Memory configuration reference").
const NONE: &str = "none";
/// Words that leave the choice to Yabby.
const ANY: [&str; 3] = ["", "auto", "local"];
/// How long it may take to find out where a server is.
const SETTLE: Duration = Duration::from_secs(2);
/// How long what is known of a server is believed, and how long it may take to ask it.
const FRESH: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(900);
/// How long a model rests that has not answered in time.
const REST: Duration = Duration::from_mins(1);
/// What every model can make an embedding of.
const SHORT: &str = "a";

/// Who makes embeddings for the memory of one agent. Cheap to clone.
#[derive(Clone)]
pub struct Embeddings(Arc<Shared>);

struct Shared {
    http: Http,
    fleet: Arc<Fleet>,
    zones: Zones,
    from: From,
    seen: Mutex<Seen>,
}

/// What was seen of models.
#[derive(Default)]
struct Seen {
    /// They have made an embedding, so that a refusal is about a text.
    proved: HashSet<String>,
    /// They have not answered in time, and are not asked until then.
    resting: HashMap<String, Instant>,
}

/// Whom the config names.
enum From {
    /// A provider, and maybe its model.
    Provider(String, Option<String>),
    /// A server that is no provider.
    Server(Box<Endpoint>, Option<String>),
    /// Nobody: any near server that has a model for it, and maybe which.
    Near(Option<String>),
}

/// A model that makes embeddings.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its id there.
    pub model: String,
}

/// There are no embeddings.
#[derive(Debug, thiserror::Error)]
pub enum NoEmbeddings {
    /// No model makes any.
    #[error("no model makes embeddings")]
    Absent,
    /// Not now.
    #[error("{0}")]
    Away(ModelError),
    /// Not of these texts, of which one is too long or too strange for the model.
    #[error("{0}")]
    Refused(ModelError),
}

impl NoEmbeddings {
    /// What has happened, for a person.
    pub fn text(&self) -> Text {
        match self {
            Self::Absent => text!("no model makes embeddings"),
            Self::Away(error) | Self::Refused(error) => error.message.clone(),
        }
    }
}

// === impl Embeddings ===

impl Embeddings {
    /// Who makes embeddings for an agent; `None` when it wants none. `rules` hold beside those of the config.
    pub fn of(
        http: &Http,
        fleet: &Arc<Fleet>,
        config: &Config,
        agent: &str,
        rules: impl IntoIterator<Item = ZoneRule>,
    ) -> Option<Self> {
        let settings = config.assistant(agent).memory;
        let zones = rules.into_iter().fold(config.zones_of(Some(agent)), Zones::with);
        Some(Self(Arc::new(Shared {
            from: From::of(&settings, fleet)?,
            http: http.clone(),
            fleet: Arc::clone(fleet),
            zones,
            seen: Mutex::default(),
        })))
    }

    /// The model that would be asked now, as far as it is known; nothing is asked.
    pub fn chosen(&self) -> Option<Embedding> {
        let chosen = |endpoint: &Endpoint, model: String| Embedding {
            endpoint: endpoint.clone(),
            model,
        };
        let fleet = &self.0.fleet;
        match &self.0.from {
            From::Provider(id, Some(model)) => Some(chosen(fleet.endpoint(id)?, model.clone())),
            From::Provider(id, None) => {
                let endpoint = fleet.endpoint(id)?;
                Some(chosen(endpoint, first_of(endpoint, |_| true)?))
            }
            From::Server(endpoint, Some(model)) => Some(chosen(endpoint, model.clone())),
            From::Server(endpoint, None) => {
                let facts = endpoint.known();
                let only = facts.and_then(|facts| facts.only_model().map(|only| only.id.clone()));
                Some(chosen(endpoint, only.or_else(|| first_of(endpoint, |_| true))?))
            }
            From::Near(wanted) => fleet
                .endpoints()
                .filter(|endpoint| is_near(endpoint))
                .find_map(|endpoint| {
                    let kind = endpoint.known()?.kind;
                    let model = first_of(endpoint, |model| {
                        wanted.as_ref().is_none_or(|wanted| *wanted == model.id)
                            && is_at_hand(kind, model)
                            && endpoint.zone_of(&model.id).is_own()
                    })?;
                    Some(chosen(endpoint, model))
                }),
        }
    }

    /// The model that would be asked, and how far texts may travel to it. Servers are asked what they have where that decides it.
    pub async fn wanted(&self) -> Option<(Embedding, Zones)> {
        let zones = self.zones(false);
        self.look(&zones).await;
        self.chosen().map(|chosen| (chosen, zones))
    }

    /// The embeddings of some texts, in their order; `texts` are as the model that is chosen wants them. `private`: they stay on
    /// this machine and in its network.
    ///
    /// With a limit, a model that has not answered by then rests for a while. Other deadlines are the caller's; dropping the
    /// future closes the connection.
    pub async fn embed(
        &self,
        texts: impl Fn(&str) -> Vec<String>,
        caller: &Caller,
        private: bool,
        limit: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, NoEmbeddings> {
        let zones = self.zones(private);
        self.look(&zones).await;
        let chosen = self.chosen().ok_or(NoEmbeddings::Absent)?;
        let Embedding { endpoint, model } = &chosen;
        let (http, texts) = (&self.0.http, texts(model));
        // Held until the outcome is told.
        let _trial = self.admitted(&chosen, &zones).await.map_err(NoEmbeddings::Away)?;
        let running = endpoint.ensure_running(http, &()).await.map_err(NoEmbeddings::Away)?;
        let mut line = running.enter(model, caller);
        let permit = loop {
            if let Admission::Granted(permit) = line.next().await {
                break permit;
            }
        };
        let asked = async {
            match limit {
                Some(limit) => match timeout(limit, running.embed(http, model, &texts)).await {
                    Ok(asked) => asked,
                    Err(_) => Err(self.rest(&chosen, limit)),
                },
                None => running.embed(http, model, &texts).await,
            }
        };
        let asked = tokio::select! {
            asked = asked => asked,
            () = permit.preempted() => {
                let message = text!("a person was served first");
                return Err(NoEmbeddings::Away(error(endpoint, ErrorKind::Preempted, message)));
            }
        };
        match asked {
            Ok(embeddings) => {
                running.succeeded();
                self.prove(&running, model);
                Ok(embeddings)
            }
            Err(error) => {
                running.failed(model, &error);
                Err(self.why(&running, model, error).await)
            }
        }
    }

    /// Whether the texts may go there, and whether it is asked now.
    async fn admitted(&self, chosen: &Embedding, zones: &Zones) -> Result<Option<ProbeTicket>, ModelError> {
        let Embedding { endpoint, model } = chosen;
        if zones.forbids(&endpoint.zone_of(model)).is_some() {
            // Its name may turn out to be one of this network.
            self.within(chosen, zones).await?;
        }
        let resting = self.lock().resting.get(&id(endpoint, model)).copied();
        if resting.is_some_and(|until| Instant::now() < until) {
            let message = text!("{model} did not answer in time and rests", model = model);
            return Err(error(endpoint, ErrorKind::Resting, message));
        }
        if let Some(resting) = endpoint.keys_at_rest(model) {
            return Err(resting);
        }
        let trial = endpoint.may_ask(&self.0.http).await?;
        self.within(chosen, zones).await?;
        Ok(trial)
    }

    async fn within(&self, chosen: &Embedding, zones: &Zones) -> Result<(), ModelError> {
        if zones.is_unlimited() {
            return Ok(());
        }
        let Embedding { endpoint, model } = chosen;
        let zone = endpoint.settle_zone(&self.0.http, model, zones, SETTLE).await?;
        match zones.forbids(&zone) {
            Some(rule) => Err(out_of_zone(endpoint, model, &zone, rule)),
            None => Ok(()),
        }
    }

    /// Lets a model rest that has not answered in time, so that the next one does not wait as long.
    fn rest(&self, chosen: &Embedding, limit: Duration) -> ModelError {
        let Embedding { endpoint, model } = chosen;
        self.lock().resting.insert(id(endpoint, model), Instant::now() + REST);
        let message = text!(
            "{model} has made no embedding within {seconds} s",
            model = model,
            seconds = limit.as_secs()
        );
        error(endpoint, ErrorKind::Timeout, message)
    }

    fn zones(&self, private: bool) -> Zones {
        let own = |from: &str| ZoneRule {
            zones: BTreeSet::from([Zone::Machine, Zone::Lan]),
            from: from.to_owned(),
            ask: false,
        };
        let mut zones = self.0.zones.clone();
        if private {
            zones = zones.with(own("/private on"));
        }
        if let From::Near(_) = self.0.from {
            zones = zones.with(own("memorySearch"));
        }
        zones
    }

    /// Asks servers what they have where that decides which is asked, as far as they may be contacted.
    async fn look(&self, zones: &Zones) {
        let (http, fleet) = (&self.0.http, &self.0.fleet);
        let is_unknown = |endpoint: &&Endpoint| endpoint.known().is_none() && endpoint.trouble().is_none();
        let may = |endpoint: &&Endpoint| {
            !matches!(endpoint.origin, EndpointOrigin::Managed(_)) && zones.forbids(&endpoint.zone_of("")).is_none()
        };
        let asked: Vec<&Endpoint> = match &self.0.from {
            From::Provider(_, Some(_)) | From::Server(_, Some(_)) => return,
            From::Provider(id, None) => fleet.endpoint(id).into_iter().collect(),
            From::Server(endpoint, None) => vec![endpoint],
            From::Near(_) => fleet.endpoints().filter(|endpoint| is_near(endpoint)).collect(),
        };
        let asked = asked.into_iter().filter(may).filter(is_unknown);
        join_all(asked.map(|endpoint| endpoint.refresh(http, FRESH, LOOK))).await;
    }

    /// What a failure says of the texts. A model that has never made an embedding may make none at all, which would be no
    /// fault of a text: it is asked for one of a letter first.
    async fn why(&self, endpoint: &Endpoint, model: &str, error: ModelError) -> NoEmbeddings {
        match error.kind {
            ErrorKind::ContextOverflow => NoEmbeddings::Refused(error),
            ErrorKind::BadRequest if self.is_proved(endpoint, model) => NoEmbeddings::Refused(error),
            ErrorKind::BadRequest => match endpoint.embed(&self.0.http, model, &[SHORT.to_owned()]).await {
                Ok(_) => {
                    self.prove(endpoint, model);
                    NoEmbeddings::Refused(error)
                }
                Err(_) => NoEmbeddings::Away(error),
            },
            _ => NoEmbeddings::Away(error),
        }
    }

    fn prove(&self, endpoint: &Endpoint, model: &str) {
        let mut seen = self.lock();
        seen.resting.remove(&id(endpoint, model));
        seen.proved.insert(id(endpoint, model));
    }

    fn is_proved(&self, endpoint: &Endpoint, model: &str) -> bool {
        self.lock().proved.contains(&id(endpoint, model))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From {
    fn of(settings: &MemorySettings, fleet: &Fleet) -> Option<Self> {
        let provider = settings.provider.as_deref().unwrap_or_default();
        if !settings.enabled || provider.eq_ignore_ascii_case(NONE) {
            return None;
        }
        let model = settings.model.clone().filter(|model| !model.is_empty());
        if let Some(url) = &settings.base_url {
            // What cannot be read is asked for nothing, rather than somebody else.
            return Some(Self::Server(Box::new(fleet.beside(server(url, settings)?)), model));
        }
        Some(if ANY.iter().any(|word| provider.eq_ignore_ascii_case(word)) {
            Self::Near(model)
        } else {
            Self::Provider(provider.to_owned(), model)
        })
    }
}

/// The server of `memorySearch.remote`. A provider's key is not sent to it.
fn server(url: &str, settings: &MemorySettings) -> Option<Endpoint> {
    let key = settings.key.as_ref().map(|secret| ApiKey {
        secret: secret.clone(),
        source: KeySource::Config {
            key: "memorySearch.remote.apiKey".to_owned(),
        },
        written: None,
    });
    Endpoint::from_provider(&Provider {
        id: "memorySearch".to_owned(),
        base_url: BaseUrl::parse(url, &Api::Completions).ok()?,
        replicas: Vec::new(),
        api: Api::Completions,
        keys: key.into_iter().collect(),
        key_env: Vec::new(),
        headers: settings.headers.clone(),
        auth_header: None,
        zone: None,
        timeout: None,
        service: None,
        keep_warm: KeepWarm::No,
        models: Vec::new(),
        built_in: false,
        configured: true,
        params: Params::default(),
    })
}

fn is_near(endpoint: &Endpoint) -> bool {
    matches!(endpoint.origin, EndpointOrigin::Config | EndpointOrigin::Discovered) && endpoint.zone_of("").is_own()
}

/// Whether a model answers without taking another one's place: Ollama loads small ones beside others, and who loads one at a
/// time would unload the model that the person talks to.
fn is_at_hand(kind: Option<ServerKind>, model: &ModelFacts) -> bool {
    match model.state {
        ModelState::Ready => true,
        ModelState::Unloaded | ModelState::Unknown => kind == Some(ServerKind::Ollama),
        _ => false,
    }
}

/// The first model of a server that makes embeddings.
fn first_of(endpoint: &Endpoint, fits: impl Fn(&ModelFacts) -> bool) -> Option<String> {
    let facts = endpoint.known()?;
    let mut models = facts.models.iter();
    models
        .find(|model| model.embeds() && fits(model))
        .map(|model| model.id.clone())
}

fn out_of_zone(endpoint: &Endpoint, model: &str, zone: &Zone, rule: &ZoneRule) -> ModelError {
    let zones: Vec<String> = rule.zones.iter().map(ToString::to_string).collect();
    let message = text!(
        "{model} is not asked: its zone is {zone}, and {rule} allows {zones}",
        model = model,
        zone = zone,
        rule = rule.from,
        zones = zones.join(", ")
    );
    error(endpoint, ErrorKind::OutOfZone, message)
}

fn error(endpoint: &Endpoint, kind: ErrorKind, message: Text) -> ModelError {
    ModelError::new(kind, Phase::Connect, &endpoint.base_url, message)
}

fn id(endpoint: &Endpoint, model: &str) -> String {
    format!("{} {model}", endpoint.base_url)
}
