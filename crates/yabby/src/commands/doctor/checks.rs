//! What `doctor` looks at without asking a model for an answer.

use yabby_core::text;
use yabby_route::{Plan, Wanted, plan};
use yabby_servers::managed;

use super::Finding;
use crate::{app::App, models::Here};

/// The config file and its mistakes.
pub(super) fn config(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    match app.loaded.origin.path() {
        Some(path) => findings.push(Finding::good(text!("{path}", path = path.display()))),
        None => findings.push(Finding::good(text!(
            "none; servers on this machine are found without one ({path})",
            path = app.paths.own_config().display()
        ))),
    }
    if app.loaded.has_errors() {
        findings.push(Finding::bad(
            text!("the config has errors"),
            Some(text!("mend the places below; `yabby config check` shows them again")),
        ));
    }
    findings
}

/// The embedded model, where it is installed: complete and unchanged?
pub(super) async fn embedded(app: &App, installed: bool) -> Vec<Finding> {
    if !installed {
        return vec![Finding::good(text!(
            "not installed; `yabby up` installs it when there is no other model"
        ))];
    }
    match managed::verify(&app.paths).await {
        Ok(()) => vec![Finding::good(text!("installed; the file is complete and unchanged"))],
        Err(error) => vec![Finding::bad(error.message, error.hint)],
    }
}

/// The models that a question would go to.
pub(super) fn chain(app: &App, here: &Here) -> (Option<Plan>, Vec<Finding>) {
    let wanted = Wanted {
        default: here.default.as_ref(),
        ..Wanted::default()
    };
    match plan(app.config(), &here.fleet, &wanted) {
        Ok(plan) => {
            let mut findings: Vec<Finding> = plan
                .candidates
                .iter()
                .map(|candidate| Finding::good(text!("{model}", model = candidate.model)))
                .collect();
            findings.extend(
                plan.left_out
                    .iter()
                    .map(|left_out| Finding::note(left_out.text(), left_out.error.hint())),
            );
            (Some(plan), findings)
        }
        Err(error) => (None, vec![Finding::bad(error.reason(), Some(error.hint()))]),
    }
}
