//! `yabby doctor --deep`: does each model really answer?

use std::{pin::pin, time::Instant};

use futures_util::StreamExt;
use yabby_core::{ErrorKind, Message, ModelRequest, text};
use yabby_route::{Candidate, Deadlines, Plan, RouteEvent, answer};

use super::Finding;
use crate::app::App;

/// Asks one candidate for one token.
pub(super) async fn ask(app: &App, candidate: Candidate) -> Finding {
    let model = candidate.model.clone();
    let plan = Plan {
        candidates: vec![candidate],
        left_out: Vec::new(),
    };
    let request = ModelRequest {
        messages: vec![Message::user("Hi")],
        max_output_tokens: Some(1),
        ..ModelRequest::default()
    };
    let start = Instant::now();
    let mut events = pin!(answer(app.http.clone(), plan, request, Deadlines::of));
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
