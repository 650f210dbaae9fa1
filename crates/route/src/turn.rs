//! The candidates of one turn, one after the other, or two at once where the first is silent.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, sleep_until};
use yabby_core::{Attempt, Caller, ModelError, ModelEvent, ModelRef, ModelRequest, Unfinished, Zone, ZoneRule, Zones};

use crate::{
    Answer, Refit, RouteEvent, RouteFailure,
    attempt::Asked,
    course::{Course, Step, asked, not_asked, outrun},
    deadlines::TurnTime,
    sessions::Sessions,
    spending::{Spending, spent_line},
    trouble::passed_over,
    upstream::Upstream,
};

/// What holds for all candidates of a turn.
pub(crate) struct Turn {
    /// Who asks.
    pub(crate) caller: Caller,
    /// Where data may go.
    pub(crate) zones: Zones,
    /// The limit of the whole turn, where the config has one.
    pub(crate) limit: Option<Duration>,
    /// After how much silence the next candidate is asked beside the first.
    pub(crate) hedge_after: Option<Duration>,
    /// Whether the next candidate is preferred to waiting.
    pub(crate) prefer_fast: bool,
    /// Who makes conversations smaller.
    pub(crate) refit: Arc<dyn Refit>,
    /// What was told in sessions.
    pub(crate) sessions: Sessions,
    /// What hosted models cost.
    pub(crate) spending: Spending,
}

impl Turn {
    /// The rule that does not let data go to `zone`, unless the person has made an exception.
    pub(crate) fn forbids(&self, up: &dyn Upstream, zone: &Zone) -> Option<&ZoneRule> {
        let rule = self.zones.forbids(zone)?;
        (!(rule.ask && up.is_excepted())).then_some(rule)
    }

    /// After how much silence another is asked too; never for what nobody waits for.
    pub(crate) fn hedge_after(&self) -> Option<Duration> {
        self.hedge_after.filter(|_| !self.caller.priority.is_background())
    }
}

/// One candidate that is being asked.
struct Lane {
    asked: Asked,
    started: Instant,
    /// The last word of the model, also one of its reasoning.
    heard: Instant,
    steps: BoxStream<'static, Step>,
    /// Whether an attempt at it is on record.
    tried: bool,
    /// The same candidate, for later: this one was only asked beside another.
    spare: Option<Box<dyn Upstream>>,
}

/// Those that wait for their turn.
struct Behind {
    turn: Arc<Turn>,
    request: ModelRequest,
    time: TurnTime,
    waiting: VecDeque<Box<dyn Upstream>>,
    /// How many were asked.
    place: usize,
    /// Whether one was asked beside another in vain.
    hedged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    First,
    Beside,
}

enum Happened {
    Step(Which, Option<Box<Step>>),
    /// The first has been silent for long.
    Silence,
}

/// Answers `request` with the first of `candidates` that can. Ends with exactly one `Done` or `Failed`.
pub(crate) fn run(
    turn: Turn,
    candidates: Vec<Box<dyn Upstream>>,
    request: ModelRequest,
) -> BoxStream<'static, RouteEvent> {
    let turn = Arc::new(turn);
    let events = stream! {
        let totals: Vec<Duration> = candidates.iter().map(|up| up.deadlines(&request).total).collect();
        let mut behind = Behind {
            time: TurnTime::start(Instant::now(), turn.limit, &totals),
            turn: Arc::clone(&turn),
            waiting: candidates.into(),
            request,
            place: 0,
            hedged: false,
        };
        let primary = behind.waiting.front().map(|up| up.model().clone());
        let near = behind.waiting.front().is_some_and(|up| up.zone().is_own());
        let mut attempts = Vec::new();
        let mut considered: Vec<Attempt> = Vec::new();
        let mut errors: Vec<(ModelRef, ModelError)> = Vec::new();
        let mut unfinished = Unfinished::default();
        let mut first = behind.next(unfinished.so_far());
        let mut beside: Option<Lane> = None;
        while let Some(lane) = &mut first {
            let hedge_at = match turn.hedge_after() {
                Some(time) if beside.is_none() && behind.may_hedge(&lane.asked.zone) => Some(lane.heard + time),
                _ => None,
            };
            let (which, step) = match happened(lane, beside.as_mut(), hedge_at).await {
                Happened::Silence => {
                    beside = behind.beside(&lane.asked.zone, unfinished.so_far());
                    // Whoever is silent now may stay so: the next look is at the other one.
                    continue;
                }
                // A stream that ends without an end is one that has failed to say so.
                Happened::Step(which, step) => (which, step),
            };
            let from = match (which, &mut beside) {
                (Which::Beside, Some(lane)) => lane,
                _ => lane,
            };
            match step.map(|step| *step) {
                Some(Step::Trying) => yield RouteEvent::Trying(from.asked.model.clone()),
                Some(Step::Sent(asked)) => from.asked = asked,
                Some(Step::Farther) => {
                    let lane = match which {
                        Which::First => std::mem::replace(&mut first, beside.take()),
                        Which::Beside => beside.take(),
                    };
                    if let Some(lane) = lane {
                        behind.put_back(lane);
                    }
                    if first.is_none() {
                        first = behind.next(unfinished.so_far());
                    }
                }
                Some(Step::Notice(notice)) => yield RouteEvent::Notice(notice),
                Some(Step::Anew) => unfinished = Unfinished::default(),
                Some(Step::Attempt(attempt)) => {
                    from.tried = true;
                    considered.push(attempt.clone());
                    attempts.push(attempt.clone());
                    yield RouteEvent::Attempt(attempt);
                }
                Some(Step::Event(event)) => {
                    let text = matches!(event, ModelEvent::Text(_));
                    if text || matches!(event, ModelEvent::Reasoning(_)) {
                        from.heard = Instant::now();
                    }
                    if text {
                        // The first visible word wins; the other one is stopped.
                        if let Some(loser) = settle(which, &mut first, &mut beside) {
                            let attempt = behind.outrun(loser);
                            considered.push(attempt.clone());
                            attempts.push(attempt.clone());
                            yield RouteEvent::Attempt(attempt);
                        }
                    } else if which == Which::Beside {
                        // What it thinks is of interest only when it wins.
                        continue;
                    }
                    unfinished.push(&event);
                    yield RouteEvent::Model(event);
                }
                Some(Step::Answered(answered)) => {
                    let model = from.asked.model.clone();
                    if let Some(loser) = settle(which, &mut first, &mut beside) {
                        let attempt = behind.outrun(loser);
                        considered.push(attempt.clone());
                        attempts.push(attempt.clone());
                        yield RouteEvent::Attempt(attempt);
                    }
                    // Nothing is open any longer when the end is told.
                    drop(first.take());
                    for call in &answered.tool_calls {
                        yield RouteEvent::Model(ModelEvent::ToolCall(call.clone()));
                    }
                    for call in &answered.malformed_calls {
                        yield RouteEvent::Model(ModelEvent::MalformedCall(call.clone()));
                    }
                    let Some((text, end)) = unfinished.push(&ModelEvent::End(answered.end)) else { return };
                    if let Some(primary) = &primary
                        && let Some(notice) = turn.sessions.answered(&turn.caller.session, primary, &model)
                    {
                        yield RouteEvent::Notice(notice);
                    }
                    if let Some(name) = &answered.served_by
                        && let Some(notice) = turn.sessions.served(&turn.caller.session, &model, name)
                    {
                        yield RouteEvent::Notice(notice);
                    }
                    // A proxy near by may turn out to be hosted; it answers for nobody but itself.
                    if near && !answered.zone.is_own() && primary.as_ref() != Some(&model) {
                        let today = turn.spending.today();
                        yield RouteEvent::Notice(spent_line(&model, answered.cost, today));
                        if let Some(notice) = turn.spending.milestone() {
                            yield RouteEvent::Notice(notice);
                        }
                    }
                    yield RouteEvent::Done(Answer {
                        text,
                        tool_calls: answered.tool_calls,
                        malformed_calls: answered.malformed_calls,
                        opaque: answered.opaque,
                        served_by: answered.served_by,
                        model,
                        zone: answered.zone,
                        end,
                        usage: answered.usage,
                        cost: answered.cost,
                        attempts,
                        considered,
                        errors,
                    });
                    return;
                }
                Some(Step::Failed(error)) => {
                    let model = from.asked.model.clone();
                    if !from.tried {
                        considered.push(not_asked(from.asked.clone(), &error));
                    }
                    match which {
                        Which::First => first = beside.take(),
                        Which::Beside => beside = None,
                    }
                    let said = unfinished.so_far();
                    if first.is_none()
                        && let Some(next) = behind.waiting.front()
                        && turn.sessions.is_news(&turn.caller.session, &model, error.kind)
                    {
                        yield RouteEvent::Notice(passed_over(&model, &error, &**next, !said.is_empty()));
                    }
                    errors.push((model, error));
                    if first.is_none() {
                        first = behind.next(said);
                    }
                }
                None => {
                    match which {
                        Which::First => first = beside.take(),
                        Which::Beside => beside = None,
                    }
                    if first.is_none() {
                        first = behind.next(unfinished.so_far());
                    }
                }
            }
        }
        yield RouteEvent::Failed(RouteFailure {
            errors,
            attempts,
            partial: unfinished.so_far().to_owned(),
        });
    };
    events.boxed()
}

/// Waits for the next step of one or two lanes, or until the first has been silent for long.
async fn happened(first: &mut Lane, beside: Option<&mut Lane>, hedge_at: Option<Instant>) -> Happened {
    let other = async {
        match beside {
            Some(lane) => lane.steps.next().await,
            None => std::future::pending().await,
        }
    };
    let silence = async {
        match hedge_at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        step = first.steps.next() => Happened::Step(Which::First, step.map(Box::new)),
        step = other => Happened::Step(Which::Beside, step.map(Box::new)),
        () = silence => Happened::Silence,
    }
}

/// Only `winner` goes on; gives the other one.
fn settle(winner: Which, first: &mut Option<Lane>, beside: &mut Option<Lane>) -> Option<Lane> {
    match winner {
        Which::First => beside.take(),
        Which::Beside => {
            // It was silent for long, and is not asked again.
            let loser = first.take().map(|lane| Lane { spare: None, ..lane });
            *first = beside.take();
            loser
        }
    }
}

impl Behind {
    /// Begins with the next candidate, behind what was said.
    fn next(&mut self, said: &str) -> Option<Lane> {
        self.begin(None, said)
    }

    fn begin(&mut self, within: Option<Zone>, said: &str) -> Option<Lane> {
        let up = self.waiting.pop_front()?;
        let last = self.waiting.is_empty();
        let end = self.time.end_of(self.place);
        self.place += 1;
        let now = Instant::now();
        Some(Lane {
            asked: asked(&*up),
            started: now,
            heard: now,
            spare: None,
            tried: false,
            steps: Course {
                request: self.request.clone(),
                said: said.to_owned(),
                turn: Arc::clone(&self.turn),
                up,
                within,
                end,
                last,
            }
            .run(),
        })
    }

    /// The same, beside another one.
    fn beside(&mut self, near: &Zone, said: &str) -> Option<Lane> {
        let spare = self.waiting.front()?.again();
        let lane = self.begin(Some(near.clone()), said)?;
        Some(Lane {
            spare: Some(spare),
            ..lane
        })
    }

    /// It is stopped, and if it was only asked beside another, it waits again for its turn. Nobody else is asked beside then:
    /// one that says a word now and then would have others begin again and again.
    fn put_back(&mut self, lane: Lane) {
        if let Some(spare) = lane.spare {
            self.waiting.push_front(spare);
            self.place -= 1;
            self.hedged = true;
        }
    }

    /// Another one was quicker; gives the record.
    fn outrun(&mut self, lane: Lane) -> Attempt {
        let attempt = outrun(lane.asked.clone(), lane.started);
        self.put_back(lane);
        attempt
    }

    /// Whether the next candidate may be asked beside one in `zone`: as far as is known, no data goes farther than before.
    fn may_hedge(&self, zone: &Zone) -> bool {
        let next = self.waiting.front();
        !self.hedged && next.is_some_and(|next| zone.covers(&next.zone()))
    }
}
