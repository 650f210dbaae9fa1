//! Several keys, each with a state of its own.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Documented, errors};
use crate::{
    ModelServer,
    http::{Answer, Request},
    kinds::ServerKind,
};

/// The keys that a server knows; without any it takes all.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<String, Vec<Rule>>);

/// What is wrong with a key.
#[derive(Debug)]
struct Rule {
    what: Documented,
    /// For one model only.
    model: Option<String>,
    until: Option<Instant>,
    /// Whether a limit says how long it is.
    told: bool,
}

impl ModelServer {
    /// Takes this key. Once a server knows keys, others are refused.
    pub fn accept_key(&self, key: &str) {
        self.state().keys.0.insert(key.to_owned(), Vec::new());
    }

    /// Knows this key, and fails for it.
    pub fn key_fails(&self, key: &str, what: Documented) {
        self.rule(key, what, None, None, true);
    }

    /// Limits this key for a time from now: for one model, or for all; with `retry-after` when it is told.
    pub fn key_limited(&self, key: &str, model: Option<&str>, time: Duration, told: bool) {
        let what = Documented::Limited { retry_after: None };
        self.rule(key, what, model, Some(Instant::now() + time), told);
    }

    fn rule(&self, key: &str, what: Documented, model: Option<&str>, until: Option<Instant>, told: bool) {
        let mut state = self.state();
        let rules = state.keys.0.entry(key.to_owned()).or_default();
        rules.push(Rule {
            what,
            model: model.map(str::to_owned),
            until,
            told,
        });
    }
}

/// The key that a request shows. Anthropic: `x-api-key` (platform.claude.com, "API overview"); the others as bearer.
pub(super) fn shown(kind: &ServerKind, request: &Request) -> Option<String> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let bearer = || header("authorization")?.strip_prefix("Bearer ");
    let key = match kind {
        ServerKind::Anthropic => header("x-api-key"),
        ServerKind::OpenAi | ServerKind::OpenRouter { .. } => bearer(),
        _ => bearer().or_else(|| header("x-api-key")),
    };
    key.map(str::to_owned)
}

// === impl Keys ===

impl Keys {
    /// The refusal of a request with this key.
    pub(super) fn refuses(&self, kind: &ServerKind, key: Option<&str>, request: &Request) -> Option<Answer> {
        if self.0.is_empty() {
            return None;
        }
        let Some(rules) = key.and_then(|key| self.0.get(key)) else {
            return Some(errors::answer(kind, &Documented::BadKey));
        };
        let now = Instant::now();
        let model = request.body["model"].as_str();
        // A list of models costs nothing, so that only a bad key is refused there.
        let free = request.method == "GET";
        let rule = rules.iter().find(|rule| {
            let concerned = rule.model.as_deref().is_none_or(|own| Some(own) == model);
            let counts = !free || rule.what == Documented::BadKey;
            concerned && counts && rule.until.is_none_or(|until| now < until)
        })?;
        let left = rule.until.filter(|_| rule.told).map(|until| until - now);
        let what = match &rule.what {
            Documented::Limited { retry_after } => Documented::Limited {
                retry_after: left.or(*retry_after),
            },
            other => other.clone(),
        };
        Some(errors::answer(kind, &what))
    }

    /// Whether a key has no credit.
    pub(crate) fn is_empty_of_credit(&self, key: &str) -> bool {
        let rules = self.0.get(key).into_iter().flatten();
        rules.into_iter().any(|rule| rule.what == Documented::NoCredit)
    }
}
