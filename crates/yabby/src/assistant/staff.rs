//! The assistant over the config, the servers that were found, and a store.

use std::sync::Arc;

use yabby_agent::{Assistant, Home, Model, Routed, compact::Shorten};
use yabby_config::Config;
use yabby_core::ModelRef;
use yabby_route::{Spending, Turns as Records};
use yabby_servers::{Fleet, capability::Tried};
use yabby_store::Store;

use super::{Household, Servers};
use crate::{app::App, clock, toolbox::Toolbox};

/// Which models answer.
pub(crate) struct Chosen {
    /// The servers.
    pub(crate) fleet: Arc<Fleet>,
    /// The model to use when the config names none.
    pub(crate) default: Option<ModelRef>,
    /// The model that the command line names.
    pub(crate) named: Option<String>,
    /// Whether reasoning is shown.
    pub(crate) reasoning: bool,
    /// What makes all of it private, if something does.
    pub(crate) private: Option<&'static str>,
}

/// The assistant, before it works.
pub(crate) struct Staff {
    pub(crate) assistant: Assistant,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) home: Arc<dyn Home>,
    pub(crate) toolbox: Toolbox,
    /// What hosted models cost, for others to know.
    pub(crate) spending: Spending,
}

impl Staff {
    pub(crate) fn of(app: &App, store: &Store, chosen: Chosen) -> Self {
        let (config, spending, model, servers) = models(app, &chosen);
        let toolbox = Toolbox::new(config, &app.env, &app.paths, store.clone(), Some(servers));
        Self::with(app, toolbox, model, spending, chosen)
    }

    /// The same with the tools of another config before.
    pub(crate) async fn after(app: &App, before: &Toolbox, chosen: Chosen) -> Self {
        let (config, spending, model, servers) = models(app, &chosen);
        let toolbox = before.succeeded_by(config, Some(servers)).await;
        Self::with(app, toolbox, model, spending, chosen)
    }

    fn with(app: &App, toolbox: Toolbox, model: Arc<dyn Model>, spending: Spending, chosen: Chosen) -> Self {
        let home: Arc<dyn Home> = Arc::new(Household {
            config: Arc::new(app.config().clone()),
            env: app.env.clone(),
            paths: app.paths.clone(),
            fleet: chosen.fleet,
            model: Arc::clone(&model),
            toolbox: toolbox.clone(),
            machine: clock::machine(&app.env),
            zone: clock::person(app.config(), &app.env),
            reasoning: chosen.reasoning,
            tried: Tried::read(&app.paths.state_dir),
        });
        Self {
            assistant: Assistant::new(Arc::clone(&model), Arc::clone(&home)),
            model,
            home,
            toolbox,
            spending,
        }
    }
}

/// The config of a run, what hosted models cost in it, who answers, and the servers for tools that ask them.
fn models(app: &App, chosen: &Chosen) -> (Arc<Config>, Spending, Arc<dyn Model>, Servers) {
    let config = Arc::new(app.config().clone());
    let (router, spending) = app.router();
    let (records, tally) = (Records::of(&app.paths.state_dir), app.tally.clone());
    let telemetry = app.telemetry();
    let model = Routed {
        router: router.with_refit(Arc::new(Shorten)),
        fleet: Arc::clone(&chosen.fleet),
        config: Arc::clone(&config),
        http: app.http.clone(),
        default: chosen.default.clone(),
        named: chosen.named.clone(),
        private: chosen.private,
        // What cannot be kept is told by `yabby doctor`; an answer is not held up by it.
        records: Arc::new(move |record| {
            telemetry.turn(&record);
            tally.turn(&record);
            let _ = tally.write();
            let _ = records.keep(&record);
        }),
    };
    let model: Arc<dyn Model> = Arc::new(model);
    let servers = Servers {
        http: app.http.clone(),
        fleet: Arc::clone(&chosen.fleet),
        private: chosen.private,
        model: Arc::clone(&model),
    };
    (config, spending, model, servers)
}
