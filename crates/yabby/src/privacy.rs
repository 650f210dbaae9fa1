//! How far the data of this run may travel: what the config says, what the command line or the chat adds, and the
//! exceptions that the person makes.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    time::Duration,
};

use tokio::task::spawn_blocking;
use yabby_core::{ModelRef, Zone, ZoneRule, Zones, text};
use yabby_route::{Plan, PlanError, Wanted};
use yabby_servers::Fleet;

use crate::{app::App, chat::read_line, terminal::Terminal};

/// A name is looked up in less, or it is taken for one from anywhere.
const LIMIT: Duration = Duration::from_secs(2);

/// The rule of something private: its data stays on this machine and in this network. `from` says what made it so.
pub(crate) fn private(from: &str) -> ZoneRule {
    ZoneRule {
        zones: BTreeSet::from([Zone::Machine, Zone::Lan]),
        from: from.to_owned(),
        ask: false,
    }
}

/// Plans a request. Where its data may not go anywhere, names are looked up first, and the person may be asked for an
/// exception; nothing is contacted.
pub(crate) async fn plan(app: &App, fleet: &Fleet, wanted: &Wanted<'_>) -> Result<Plan, PlanError> {
    look_up(app, fleet, wanted).await;
    let mut exceptions = wanted.exceptions.to_vec();
    loop {
        let asked = Wanted {
            exceptions: &exceptions,
            ..wanted.clone()
        };
        match yabby_route::plan(app.config(), fleet, &asked) {
            Err(PlanError::OutOfZone { model, zone, rule })
                if rule.ask
                    && !exceptions.contains(&model)
                    && ask_exception(app.terminal, &model, &zone, &rule).await =>
            {
                exceptions.push(model);
            }
            planned => return planned,
        }
    }
}

/// Looks up names where data may not go anywhere; nothing is contacted.
pub(crate) async fn look_up(app: &App, fleet: &Fleet, wanted: &Wanted<'_>) {
    let rules = wanted.rules.iter().cloned();
    let zones = rules.fold(app.config().zones_of(wanted.agent), Zones::with);
    if zones.forbids(&Zone::Hosted).is_some() {
        fleet.look_up_names(&app.http, LIMIT).await;
    }
}

/// Asks the person whether data may go to `model` all the same. Without a terminal nobody is asked, and the answer is no.
pub(crate) async fn ask_exception(terminal: Terminal, model: &ModelRef, zone: &Zone, rule: &ZoneRule) -> bool {
    if !rule.ask || !terminal.watched || !io::stdin().is_terminal() {
        return false;
    }
    terminal.prompt(&text!(
        "{model} is in the zone {zone}, and {rule} allows {zones}. Let it answer all the same, this time? [y/N]",
        model = model,
        zone = zone,
        rule = rule.from,
        zones = words(rule)
    ));
    let said = spawn_blocking(read_line).await;
    let Ok(Ok(Some(line))) = said else {
        terminal.line("");
        return false;
    };
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "是" | "好")
}

/// The zones of a rule, for a person.
pub(crate) fn words(rule: &ZoneRule) -> String {
    let zones: Vec<String> = rule.zones.iter().map(ToString::to_string).collect();
    if zones.is_empty() {
        "-".to_owned()
    } else {
        zones.join(", ")
    }
}
