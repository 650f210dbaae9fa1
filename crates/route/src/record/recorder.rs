//! Makes the record of a turn from what happens in it.

use std::time::Duration;

use tokio::time::Instant;
use yabby_core::{Attempt, ModelError, ModelEvent, ModelRef, ModelRequest, Outcome};

use super::{PassedOver, PlanRecord, TurnEnd, TurnRecord, quotes::Quotable};
use crate::{Decision, Plan, RouteEvent, Why};

/// The most letters that are kept of a name that a server gives itself.
const LONGEST_NAME: usize = 128;

/// The collector of one turn's record.
#[derive(Debug)]
pub struct Recorder {
    turn: TurnRecord,
    started: Instant,
    quotable: Quotable,
}

impl Recorder {
    /// A turn begins. `request` is needed to keep what it says out of the record, where errors quote it.
    pub fn start(agent: Option<&str>, plan: &Plan, request: &ModelRequest) -> Self {
        let first = plan.candidates.first();
        let named = first.filter(|first| first.why == Why::Named);
        Self {
            turn: TurnRecord {
                agent: agent.map(str::to_owned),
                asked: named.map(|first| first.model.to_string()),
                ..TurnRecord::begun(PlanRecord::of(plan), TurnEnd::Stopped { asking: None })
            },
            started: Instant::now(),
            quotable: Quotable::of(request),
        }
    }

    /// The id of the turn.
    pub fn id(&self) -> &str {
        &self.turn.id
    }

    /// Takes note of an event.
    pub fn saw(&mut self, event: &RouteEvent) {
        match event {
            RouteEvent::Trying(model) => {
                self.turn.end = TurnEnd::Stopped {
                    asking: Some(model.clone()),
                }
            }
            RouteEvent::Attempt(attempt) => self.attempt(attempt),
            RouteEvent::Model(ModelEvent::Text(piece)) => {
                self.turn
                    .first_word_ms
                    .get_or_insert(milliseconds(self.started.elapsed()));
                self.quotable.said(piece);
            }
            RouteEvent::Model(ModelEvent::Reasoning(piece)) => self.quotable.said(piece),
            RouteEvent::Model(_) | RouteEvent::Notice(_) => {}
            RouteEvent::Done(answer) => {
                let cut = |name: &String| name.chars().take(LONGEST_NAME).collect();
                self.turn.end = TurnEnd::Answered {
                    model: answer.model.clone(),
                    zone: answer.zone.clone(),
                    served_by: answer.served_by.as_ref().map(cut),
                    reason: answer.end,
                };
                self.turn.usage = answer.usage;
                self.errors(&answer.errors);
            }
            RouteEvent::Failed(failure) => {
                self.turn.end = TurnEnd::Failed;
                self.errors(&failure.errors);
            }
        }
    }

    /// The record. A turn whose end was not seen was stopped.
    pub fn finish(mut self) -> TurnRecord {
        self.turn.total_ms = milliseconds(self.started.elapsed());
        let costs = self
            .turn
            .attempts
            .iter()
            .filter_map(|attempt| attempt.cost.or(attempt.usage.cost));
        self.turn.cost = costs.reduce(|sum, cost| sum + cost);
        self.turn
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let mut attempt = attempt.clone();
        if let Outcome::Failed { message, .. } = &mut attempt.outcome {
            *message = self.quotable.without(message);
        }
        self.turn.attempts.push(attempt);
    }

    /// Which of the errors belong to an attempt, and which to none.
    fn errors(&mut self, errors: &[(ModelRef, ModelError)]) {
        let ends: Vec<(usize, &Attempt)> = self
            .turn
            .attempts
            .iter()
            .enumerate()
            .filter(|(_, at)| is_last(at))
            .collect();
        let mut ends = ends.into_iter().peekable();
        let mut after = 0;
        for (model, error) in errors {
            let is_its = |(_, attempt): &(usize, &Attempt)| {
                attempt.model == *model
                    && matches!(attempt.outcome, Outcome::Failed { error: kind, .. } if kind == error.kind)
            };
            let asked = ends.next_if(is_its);
            if let Some((at, _)) = asked {
                after = at + 1;
            }
            self.turn.passed_over.push(PassedOver {
                model: model.clone(),
                error: error.kind,
                reason: error.message.clone().with_values(&|value| self.quotable.without(value)),
                asked: asked.is_some(),
                after,
            });
        }
    }
}

/// Whether a candidate was given up after this attempt.
fn is_last(attempt: &Attempt) -> bool {
    let words = [Decision::Next.word(), Decision::Stop.word()];
    attempt.decision.as_deref().is_some_and(|word| words.contains(&word))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
