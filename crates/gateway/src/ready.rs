//! Whether requests can be answered now, for whoever sends them here: `GET /ready`.
//!
//! It asks nobody for a key, so that it names no model, no file and no address.

use hyper::StatusCode;
use serde::Serialize;
use yabby_core::ModelRef;
use yabby_servers::{BreakerState, Endpoint, ModelState};

use crate::reload::Now;

/// The answer.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Readiness {
    /// Whether at least one model of the chain may answer.
    ready: bool,
    /// Why none may.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    config: ConfigReadiness,
}

/// How the config is.
#[derive(Debug, PartialEq, Serialize)]
struct ConfigReadiness {
    /// Whether the config that stands there is the one that counts.
    ok: bool,
    /// How often a changed one came into use.
    changes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

// === impl Readiness ===

impl Readiness {
    pub(crate) fn status(&self) -> StatusCode {
        if self.ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// What is known now; nobody is asked.
pub(crate) fn readiness(now: &Now) -> Readiness {
    let state = now.state();
    let bad = state.problem.is_some();
    let relay = now.relay();
    let why = match relay.routes.chain() {
        Err(_) => Some("no model is configured that may be asked"),
        Ok(chain) if chain.iter().any(|(model, endpoint)| may_answer(model, endpoint)) => None,
        Ok(_) => Some("no model of the chain can be reached now"),
    };
    Readiness {
        ready: why.is_none(),
        why,
        config: ConfigReadiness {
            ok: !bad,
            changes: state.changes,
            why: bad.then_some("the changed config has a mistake, so that what was set before goes on"),
        },
    }
}

fn may_answer(model: &ModelRef, endpoint: &Endpoint) -> bool {
    let may = |endpoint: &Endpoint| {
        // One that only a request starts is not there before.
        let reachable = endpoint.is_managed() || !matches!(endpoint.breaker().state, BreakerState::Open { .. });
        let usable = endpoint.keys_at_rest(model.model()).is_none();
        reachable && usable && endpoint.state_of(model.model()) != ModelState::Failing
    };
    std::iter::once(endpoint).chain(endpoint.replicas()).any(may)
}
