//! Whether a config that was read while Yabby serves is used.
//!
//! At the start a section with a mistake is off, and the rest is used: there is nothing else. While something good runs there
//! is, so that an edit with a new mistake changes nothing. One kind is different: a mistake in what says how far data may
//! travel keeps it on this machine, also when that leaves no model.

use yabby_config::{Diagnostic, DiagnosticKind, Loaded, Origin, Severity};
use yabby_core::{Text, text};
use yabby_gateway::Exposed;

/// Why a config is not used.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    /// In a sentence.
    pub(super) problem: Text,
    /// What to do.
    pub(super) hint: Option<Text>,
    /// The mistakes, as indices of the diagnostics.
    pub(super) mistakes: Vec<usize>,
}

/// Whether a config may follow another one.
pub(super) fn judge(before: &Loaded, after: &Loaded) -> Result<(), Refused> {
    if let (Some(path), Origin::None) = (before.origin.path(), &after.origin) {
        return Err(gone(path));
    }
    // Its place was taken by OpenClaw's, which says something else.
    if let (Origin::Home(path), Origin::OpenClaw(_)) = (&before.origin, &after.origin) {
        return Err(gone(path));
    }
    let errors = || {
        let all = after.diagnostics.iter().enumerate();
        all.filter(|(_, found)| found.severity == Severity::Error)
    };
    let unread = |found: &Diagnostic| {
        matches!(
            found.kind,
            DiagnosticKind::Syntax | DiagnosticKind::Unreadable | DiagnosticKind::Include
        )
    };
    let is_private = keeps_data_here(before, after);
    let known = |found: &Diagnostic| {
        let same = |old: &Diagnostic| (old.kind, &old.key, &old.message) == (found.kind, &found.key, &found.message);
        before.diagnostics.iter().any(same)
    };
    let counts = |found: &Diagnostic| unread(found) || (!is_private && !known(found));
    let mistakes: Vec<usize> = errors().filter(|(_, found)| counts(found)).map(|(at, _)| at).collect();
    let Some(first) = mistakes.first().and_then(|at| after.diagnostics.get(*at)) else {
        return Ok(());
    };
    let problem = match &first.place {
        Some(place) => text!(
            "{problem} ({file}, line {line})",
            problem = first.message,
            file = place.file.display(),
            line = place.line
        ),
        None => first.message.clone(),
    };
    Err(Refused {
        problem,
        hint: None,
        mistakes,
    })
}

/// Whether a new mistake keeps data on this machine: then it counts, whatever else is wrong.
pub(super) fn keeps_data_here(before: &Loaded, after: &Loaded) -> bool {
    in_doubt(after) && !in_doubt(before)
}

/// Why a gateway that others can reach must not follow a config.
pub(super) fn exposed(why: Exposed) -> Refused {
    let (problem, hint) = match why {
        Exposed::Open(address) => (
            text!(
                "the gateway listens on {address}: with gateway.auth.mode none, anybody on the network could use it",
                address = address
            ),
            text!("remove gateway.auth.mode; or set gateway.bind to loopback, and restart Yabby"),
        ),
        Exposed::Unprotected(address) => (
            text!(
                "the gateway listens on {address} without TLS: without gateway.trustedProxies, others on the network could read your keys and all that is said",
                address = address
            ),
            text!("put the proxy back; or set gateway.tls, or gateway.bind to loopback, and restart Yabby"),
        ),
    };
    Refused {
        problem,
        hint: Some(hint),
        mistakes: Vec::new(),
    }
}

/// Whether a mistake hides how far data may travel.
fn in_doubt(loaded: &Loaded) -> bool {
    let agents = &loaded.config.agents;
    agents.in_doubt || agents.defaults.privacy.in_doubt || agents.entries.iter().any(|agent| agent.privacy.in_doubt)
}

fn gone(path: &std::path::Path) -> Refused {
    Refused {
        problem: text!("{file} is gone", file = path.display()),
        hint: Some(text!("put it back, or restart Yabby to go on without it")),
        mistakes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use yabby_config::{Environment, load_text};

    use super::*;

    fn loaded(text: &str) -> Loaded {
        load_text(text, &Environment::default())
    }

    fn verdict(before: &str, after: &str) -> Option<String> {
        judge(&loaded(before), &loaded(after))
            .err()
            .map(|refused| refused.problem.english())
    }

    const GOOD: &str = "{models: {providers: {a: {baseUrl: 'http://127.0.0.1:1/v1', models: [{id: 'm'}]}}}}";

    #[test]
    fn a_new_mistake_changes_nothing() {
        let broken = "{models: {providers: {a: {baseUrl: 5, models: [{id: 'm'}]}}}}";
        assert_eq!(verdict(GOOD, GOOD), None);
        assert_eq!(verdict(GOOD, "{}"), None);
        assert!(verdict(GOOD, "{models: ").is_some());
        assert!(verdict(GOOD, broken).is_some());
        // It ran with that mistake.
        assert_eq!(verdict(broken, broken), None);
        // A warning is none.
        assert_eq!(verdict(GOOD, "{modells: {}}"), None);
        let unknown = "{agents: {defaults: {model: 'nobody/m'}}}";
        assert!(verdict(GOOD, unknown).is_some());
    }

    #[test]
    fn a_mistake_that_keeps_data_here_counts_at_once() {
        let private = "{agents: {defaults: {privacy: {zones: ['lann']}}}}";
        assert_eq!(verdict(GOOD, private), None);
        assert_eq!(verdict(private, private), None);
        assert!(verdict(GOOD, "{agents: {defaults: {privacy: {zones: ['lann']}}}").is_some());
    }
}
