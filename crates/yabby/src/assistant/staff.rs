//! The assistant over the config, the servers that were found, and a store.

use std::sync::Arc;

use yabby_agent::{Assistant, Home, Model, Routed, compact::Shorten};
use yabby_core::ModelRef;
use yabby_route::{Spending, Turns as Records};
use yabby_servers::{Fleet, capability::Tried};
use yabby_store::Store;

use super::Household;
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
        let config = Arc::new(app.config().clone());
        let toolbox = Toolbox::new(config, &app.env, &app.paths, store.clone());
        Self::with(app, toolbox, chosen)
    }

    /// The same with tools that are there already, which are those of the config of `app`.
    pub(crate) fn with(app: &App, toolbox: Toolbox, chosen: Chosen) -> Self {
        let config = Arc::new(app.config().clone());
        let (router, spending) = app.router();
        let (records, tally) = (Records::of(&app.paths.state_dir), app.tally.clone());
        let model = Routed {
            router: router.with_refit(Arc::new(Shorten)),
            fleet: Arc::clone(&chosen.fleet),
            config: Arc::clone(&config),
            http: app.http.clone(),
            default: chosen.default,
            named: chosen.named,
            private: chosen.private,
            // What cannot be kept is told by `yabby doctor`; an answer is not held up by it.
            records: Arc::new(move |record| {
                tally.turn(&record);
                let _ = tally.write();
                let _ = records.keep(&record);
            }),
        };
        let model: Arc<dyn Model> = Arc::new(model);
        let home: Arc<dyn Home> = Arc::new(Household {
            config,
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
