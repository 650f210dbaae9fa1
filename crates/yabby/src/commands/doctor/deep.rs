//! `yabby doctor --deep`: does each model really answer?

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use yabby_core::{Caller, ErrorKind, Message, ModelRef, ModelRequest, Zones, text};
use yabby_route::{Candidate, Deadlines, Plan, RouteEvent, Why};

use yabby_servers::{EndpointOrigin, Fleet, Reach, ServerFacts};
use yabby_wire::Dialect;

use super::Finding;
use crate::app::App;

/// A model that is asked for so little must begin within this time, loading included.
const LIMIT: Duration = Duration::from_mins(2);

/// The models in use, and one model of each endpoint that none of them belongs to.
pub(super) async fn candidates(app: &App, fleet: &Fleet, plan: Option<Plan>) -> Vec<Candidate> {
    let mut candidates = plan.map(|plan| plan.candidates).unwrap_or_default();
    for (endpoint, known) in fleet.members() {
        if candidates
            .iter()
            .any(|candidate| candidate.endpoint.provider == endpoint.provider)
        {
            continue;
        }
        let listed = endpoint.listed.first().map(|entry| entry.id.clone());
        let model = match (&endpoint.origin, listed, known) {
            (EndpointOrigin::Managed(lease), ..) => Some(lease.model().to_owned()),
            (_, Some(id), _) => Some(id),
            // A hosted catalogue begins with whatever it begins with; nobody chose it.
            _ if endpoint.reach == Reach::Hosted => None,
            (_, None, Some(facts)) => first_chat_model(&facts),
            (_, None, None) => {
                let facts = endpoint.refresh(&app.http, LIMIT, Duration::from_secs(5)).await;
                first_chat_model(&facts)
            }
        };
        if let Some(model) = model.and_then(|id| ModelRef::new(&endpoint.provider, &id).ok()) {
            candidates.push(Candidate {
                params: app.config().params_for(&model),
                model,
                endpoint: endpoint.clone(),
                why: Why::Found,
                excepted: false,
            });
        }
    }
    candidates
}

fn first_chat_model(facts: &ServerFacts) -> Option<String> {
    facts
        .models
        .iter()
        .find(|model| model.chat)
        .map(|model| model.id.clone())
}

/// Asks one candidate for one token; OpenAI's Responses refuses fewer than sixteen.
pub(super) async fn ask(app: &App, candidate: Candidate) -> Finding {
    let model = candidate.model.clone();
    let dialect = candidate.endpoint.dialect_for(model.model());
    let plan = Plan {
        candidates: vec![candidate],
        left_out: Vec::new(),
        caller: Caller::default(),
        // It is a question of Yabby's own, without any data of its owner.
        zones: Zones::default(),
    };
    let request = ModelRequest {
        messages: vec![Message::user("Hi")],
        max_output_tokens: Some(if dialect == Dialect::Responses { 16 } else { 1 }),
        ..ModelRequest::default()
    };
    let router = app.router().0.with_deadlines(|endpoint| Deadlines {
        total: LIMIT,
        ..Deadlines::of(endpoint)
    });
    let start = Instant::now();
    let mut events = pin!(router.answer(plan, request));
    while let Some(event) = events.next().await {
        let failure = match event {
            RouteEvent::Done(_) => {
                return Finding::good(text!(
                    "{model} answers ({milliseconds} ms)",
                    model = model,
                    milliseconds = start.elapsed().as_millis()
                ));
            }
            RouteEvent::Failed(failure) => failure,
            _ => continue,
        };
        let Some((_, error)) = failure.errors.into_iter().next() else {
            break;
        };
        // A reasoning model spends its one token on thinking; that it generated at all is what was asked.
        if error.kind == ErrorKind::Empty {
            return Finding::good(text!(
                "{model} generates ({milliseconds} ms)",
                model = model,
                milliseconds = start.elapsed().as_millis()
            ));
        }
        let message = text!("{model}: {error}", model = model, error = error.message);
        return Finding::bad(message, error.hint);
    }
    Finding::bad(text!("no model could be asked"), None)
}
