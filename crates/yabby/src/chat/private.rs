//! What a chat is made of, and whether it is private.

use std::sync::Arc;

use yabby_core::{ModelRef, text};
use yabby_route::{Plan, PlanError, Wanted};
use yabby_servers::{Fleet, Keeper};

use crate::{
    app::App,
    assistant::Chosen,
    privacy::{self, words},
};

/// Whom a chat is with.
pub(crate) struct Chat<'a> {
    pub(crate) fleet: Arc<Fleet>,
    /// The model that the person names.
    pub(crate) model: Option<&'a str>,
    /// The model to use when the config names none.
    pub(crate) default: Option<&'a ModelRef>,
    pub(crate) show_reasoning: bool,
    /// What has made it private, if it is.
    pub(crate) private: Option<&'static str>,
    /// The conversation that the person names.
    pub(crate) session: Option<&'a str>,
}

/// What `/private` is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Private {
    On,
    Off,
    /// Nothing: what holds is told.
    Which,
}

impl Chat<'_> {
    /// The candidates of each message.
    pub(crate) async fn plan(&self, app: &App) -> Result<Plan, PlanError> {
        let wanted = Wanted {
            model: self.model,
            default: self.default,
            rules: self.private.map(privacy::private).into_iter().collect(),
            ..Wanted::default()
        };
        privacy::plan(app, &self.fleet, &wanted).await
    }

    /// Which models answer, for the assistant of this chat.
    pub(super) fn chosen(&self) -> Chosen {
        Chosen {
            fleet: Arc::clone(&self.fleet),
            default: self.default.cloned(),
            named: self.model.map(str::to_owned),
            reasoning: self.show_reasoning,
            private: self.private,
        }
    }

    /// Looks after the servers that this chat may contact.
    pub(super) fn keeper(&self, app: &App, plan: Option<&Plan>) -> Keeper {
        let zones = plan.map_or_else(|| self.zones(app), |plan| plan.zones.clone());
        let candidates = plan.iter().flat_map(|plan| &plan.candidates);
        let models: Vec<ModelRef> = candidates.map(|candidate| candidate.model.clone()).collect();
        Keeper::start_within(&app.http, &self.fleet, &models, &zones)
    }

    fn zones(&self, app: &App) -> yabby_core::Zones {
        let rule = self.private.map(privacy::private);
        rule.into_iter()
            .fold(app.config().zones_of(None), yabby_core::Zones::with)
    }

    /// Where the data of this chat may go, and who says so.
    pub(super) fn tell_zones(&self, app: &App) {
        let zones = self.zones(app);
        if zones.is_unlimited() {
            app.terminal.notice(&text!(
                "this chat is not private: its data may go anywhere; /private on limits it"
            ));
        }
        for rule in zones.rules() {
            app.terminal
                .notice(&text!("{rule} allows {zones}", rule = rule.from, zones = words(rule)));
        }
    }
}

impl Private {
    /// The command.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::On => "/private on",
            Self::Off => "/private off",
            Self::Which => "/private",
        }
    }

    /// Reads what stands behind `/private`; `None` when that is none of its words.
    pub(super) fn of(rest: &str) -> Option<Self> {
        Some(match rest.trim() {
            "" => Self::Which,
            "on" => Self::On,
            "off" => Self::Off,
            _ => return None,
        })
    }
}
