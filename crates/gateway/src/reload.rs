//! Another config while the gateway serves.
//!
//! Requests that are under way end on what they began with; the next one sees the new config. What is known of servers that
//! are still there stays (`Fleet::succeeding`), and so do idle connections to those of which nothing has changed.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use yabby_config::{Config, GatewaySettings, Loaded};
use yabby_core::{ModelRef, Text, text};
use yabby_route::{PlanError, Tally, Wanted, plan};
use yabby_servers::{Fleet, Keeper};

use crate::{
    Upkeep, Words,
    app::Settings,
    auth::Gate,
    exposure::{Exposed, Exposure},
    feed::{Event, Feed},
    log::{Level, Log},
    relay::Relay,
    swap::Swap,
};

/// How often it is written down how much the models were used.
const TALLY: Duration = Duration::from_mins(1);

/// What a new config brings.
#[derive(Debug)]
pub struct Furniture {
    /// The config.
    pub config: Config,
    /// All endpoints, as they are made of the config alone: they take over what is known of those before.
    pub fleet: Fleet,
    /// The model to use when the config names none.
    pub default: Option<ModelRef>,
    /// The config as it is shown.
    pub settings: Settings,
}

/// How the config of a gateway is: whether the file that stands there now is the one that counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigState {
    /// Why the last good config goes on, where the one that stands there now cannot be used.
    pub problem: Option<Text>,
    /// How often a config was put in the place of another one.
    pub changes: u64,
}

/// What changes with the config, and what is told of it.
pub(crate) struct Now {
    relay: Swap<Relay>,
    settings: Swap<Settings>,
    pub(crate) feed: Feed,
    pub(crate) log: Log,
    pub(crate) tally: Tally,
    /// It looks after the servers.
    keeper: Mutex<Keeper>,
    state: Mutex<ConfigState>,
}

/// Gives a gateway another config.
#[derive(Clone, Debug)]
pub struct Reload {
    now: Arc<Now>,
    gate: Arc<Gate>,
    exposure: Exposure,
}

// === impl Now ===

impl Now {
    pub(crate) fn new(relay: Relay, feed: Feed, upkeep: Upkeep) -> Self {
        let Upkeep {
            tally, log, settings, ..
        } = upkeep;
        Self {
            keeper: Mutex::new(relay.keeper()),
            relay: Swap::new(relay),
            settings: Swap::new(settings),
            state: Mutex::default(),
            feed,
            log,
            tally,
        }
    }

    /// The config as it is shown.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.get()
    }

    /// Writes down how much the models were used, now and then, for ever.
    pub(crate) async fn keep_tally(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TALLY).await;
            self.write_tally();
        }
    }

    /// Writes it down. What cannot be written is counted all the same, and written with the next.
    pub(crate) fn write_tally(&self) {
        if let Err(error) = self.tally.write() {
            let text = format!("what the models were used for cannot be written down: {error}");
            self.log.add(Level::Warn, "gateway", &text);
        }
    }

    /// Tells whoever watches how the config is.
    fn tell(&self, ok: bool, text: &Text) {
        let level = if ok { Level::Info } else { Level::Error };
        self.log.tell(level, "config", text);
        let words = Words::of(text);
        self.feed.tell(None, &Event::Config { ok, words });
    }

    /// What answers requests that begin now.
    pub(crate) fn relay(&self) -> Arc<Relay> {
        self.relay.get()
    }

    /// How the config is.
    pub(crate) fn state(&self) -> ConfigState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, relay: Relay) {
        let keeper = relay.keeper();
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = keeper;
        self.relay.set(relay);
    }

    fn is(&self, problem: Option<Text>, changed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.problem = problem;
        state.changes += u64::from(changed);
    }
}

// === impl Reload ===

impl Reload {
    pub(crate) fn new(now: &Arc<Now>, gate: &Arc<Gate>, exposure: Exposure) -> Self {
        Self {
            now: Arc::clone(now),
            gate: Arc::clone(gate),
            exposure,
        }
    }

    /// Whether a config may say who comes in, where the gateway listens: what would be refused at the start is so later too.
    pub fn bears(&self, settings: &GatewaySettings) -> Result<(), Exposed> {
        self.exposure.bears(settings)
    }

    /// The fleet that counts now.
    pub fn fleet(&self) -> Fleet {
        self.now.relay().routes.fleet().clone()
    }

    /// How the config is.
    pub fn state(&self) -> ConfigState {
        self.now.state()
    }

    /// Whether a request that names no model has one to ask now.
    pub fn has_model(&self) -> Result<(), PlanError> {
        self.now.relay().routes.chain().map(drop)
    }

    /// From now on requests are answered by what this says. Gives the fleet as it is from now on, with what was known before.
    /// Who may come in stays as it was where [`Reload::bears`] refuses.
    pub fn put(&self, new: Furniture) -> Fleet {
        let before = self.now.relay();
        let Furniture {
            config,
            fleet,
            default,
            settings,
        } = new;
        if self.bears(&config.gateway).is_ok() {
            self.gate.change(&config.gateway);
        }
        let fleet = fleet.succeeding(before.routes.fleet());
        before.spending.set_budget(config.route.budget);
        let routes = before.routes.succeeded_by(config, fleet.clone(), default);
        self.now.put(Relay {
            programs: before.programs.as_ref().map(|programs| programs.with(&routes)),
            routes,
            http: before.http.clone(),
            spending: before.spending.clone(),
            metrics: Arc::clone(&before.metrics),
        });
        self.now.settings.set(settings);
        self.now.is(None, true);
        self.now.tell(true, &text!("the config was read anew"));
        fleet
    }

    /// The config that stands there now cannot be used, so that the last good one goes on.
    pub fn refuse(&self, loaded: &Loaded, problem: Text) {
        let settings = self.now.settings().with_problem(loaded, &problem);
        self.now.settings.set(settings);
        let text = text!("the changed config is not used: {problem}", problem = problem);
        self.now.is(Some(problem), false);
        self.now.tell(false, &text);
    }

    /// What stands there now is what counts anyway.
    pub fn settle(&self, settings: Settings) {
        self.now.settings.set(settings);
        if self.now.state().problem.is_some() {
            self.now.is(None, false);
            self.now.tell(true, &text!("the config is in order again"));
        }
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Now")
            .field("relay", &self.relay)
            .finish_non_exhaustive()
    }
}

// === impl Relay ===

impl Relay {
    /// Begins to look after the servers. Those of the chain are kept warm, where the config says so.
    fn keeper(&self) -> Keeper {
        let chain = self.routes.chain().unwrap_or_default();
        let models: Vec<ModelRef> = chain.into_iter().map(|(model, _)| model).collect();
        Keeper::start(&self.http, self.routes.fleet(), &models)
    }
}

// === impl Furniture ===

impl Furniture {
    /// Whether a request that names no model would have one to ask.
    pub fn has_model(&self) -> Result<(), PlanError> {
        let wanted = Wanted {
            default: self.default.as_ref(),
            ..Wanted::default()
        };
        plan(&self.config, &self.fleet, &wanted).map(drop)
    }
}
