//! One candidate, asked until it answers or [`decide`] goes on to the next.

use std::{pin::pin, sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, sleep_until};
use yabby_core::{
    Attempt, Delivery, EndReason, ErrorKind, MalformedCall, ModelError, ModelEvent, ModelRequest, Opaque, Phase,
    Progress, Text, ToolCall, Usage, Zone, text,
};
use yabby_servers::{Admission, Permit};

use crate::{
    Deadlines, Decision, Degrade, Situation,
    attempt::{Asked, Running},
    decide,
    fit::{Fit, fit, refit},
    nudge::again,
    seam::Seam,
    trouble::{busy, empty, out_of_zone},
    turn::Turn,
    upstream::{Preparing, Remedies, Remedy, Upstream},
    watch::{Waited, Watch},
};

/// One candidate's part of a turn.
pub(crate) struct Course {
    pub(crate) up: Box<dyn Upstream>,
    pub(crate) request: ModelRequest,
    /// What the person has seen of the answer.
    pub(crate) said: String,
    /// The zone of the one that it is asked beside: it may not be farther away.
    pub(crate) within: Option<Zone>,
    /// When it must be done.
    pub(crate) end: Instant,
    /// Whether nobody comes after it.
    pub(crate) last: bool,
    pub(crate) turn: Arc<Turn>,
}

/// What happens with one candidate. The last step is `Answered` or `Failed`.
pub(crate) enum Step {
    /// It is asked now.
    Trying,
    /// A request is on its way there.
    Sent(Asked),
    /// It is too far away to be asked beside another one. Nothing comes after this.
    Farther,
    /// What it sends, without calls and the end.
    Event(ModelEvent),
    Notice(Text),
    /// One request is over.
    Attempt(Attempt),
    /// What was shown counts no more: it begins anew, and nobody watches.
    Anew,
    Answered(Box<Answered>),
    Failed(ModelError),
}

/// A complete answer, apart from its text.
pub(crate) struct Answered {
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) malformed_calls: Vec<MalformedCall>,
    pub(crate) opaque: Vec<Opaque>,
    pub(crate) served_by: Option<String>,
    pub(crate) end: EndReason,
    pub(crate) usage: Usage,
    pub(crate) cost: Option<f64>,
    pub(crate) zone: Zone,
}

/// How often a request is made smaller for one candidate: once for what is known of its window, and again for what it says.
const REFITS: u32 = 2;
/// How often another key is tried.
const KEYS: u32 = 8;
/// How often something is changed for one candidate, other keys among it, whatever its server says would help.
const CHANGES: u32 = 32;

/// How long a slot is waited for when the next candidate is preferred to waiting.
const FAST_QUEUE: Duration = Duration::from_secs(5);

/// What one request brings, while it comes.
#[derive(Default)]
struct Parts {
    tool_calls: Vec<ToolCall>,
    malformed_calls: Vec<MalformedCall>,
    opaque: Vec<Opaque>,
    served_by: Option<String>,
    end: Option<EndReason>,
}

impl Course {
    /// Its steps. Dropping the stream closes the connection and frees the slot.
    pub(crate) fn run(self) -> BoxStream<'static, Step> {
        let Self {
            mut up,
            within,
            request: wanted,
            mut said,
            end,
            last,
            turn,
        } = self;
        let steps = stream! {
            // What is known already may be enough, and then nothing is contacted.
            if let Some(rule) = turn.forbids(&*up, &up.zone()) {
                yield Step::Failed(out_of_zone(&*up, rule));
                return;
            }
            // The last one is asked whatever the breaker says: it may be back, and there is nothing else.
            if !last && let Err(error) = up.may_ask().await {
                yield Step::Failed(error);
                return;
            }
            let mut request = up.fitted(&wanted);
            let mut refits = 0;
            match fit(&*up, &turn, &request) {
                Fit::Fits => {}
                Fit::Smaller(smaller, notice) => {
                    refits += 1;
                    request = *smaller;
                    yield Step::Notice(notice);
                }
                Fit::TooLarge(error) => {
                    yield Step::Failed(error);
                    return;
                }
            }
            let mut keys = 0;
            let mut changes = 0;
            'admitted: loop {
                yield Step::Trying;
                let deadlines = up.deadlines(&request);
                let entered = Instant::now();
                let until = end.min(entered + queue_time(&deadlines, &turn, last));
                let mut queue = up.enter();
                let permit: Permit = loop {
                    tokio::select! {
                        biased;
                        place = queue.next() => match place {
                            Some(Admission::Granted(permit)) => break permit,
                            Some(Admission::Queued { ahead, expected }) => {
                                yield Step::Event(ModelEvent::Progress(Progress::Queued { ahead, expected }));
                            }
                            None => {
                                yield Step::Failed(busy(&*up, entered.elapsed()));
                                return;
                            }
                        },
                        () = sleep_until(until) => {
                            yield Step::Failed(busy(&*up, entered.elapsed()));
                            return;
                        }
                    }
                };
                drop(queue);
                let mut watch = Watch::start(&*up, deadlines, end, permit).hurried(turn.prefer_fast && !last);
                let mut running = Running::start(asked(&*up), entered.elapsed());
                let mut retries = 0;
                loop {
                    let mut asked_for = request.clone();
                    let exact = said.is_empty() || up.go_on(&mut asked_for, &said);
                    let mut seam = Seam::after(&said, exact);
                    let said_before = said.len();
                    let mut parts = Parts::default();
                    let mut error = None;
                    {
                        let address = up.address();
                        let mut preparing = up.prepare(&mut asked_for);
                        loop {
                            match watch.within(&address, preparing.next()).await {
                                Ok(Some(Preparing::Progress(progress))) => {
                                    running.progress(progress);
                                    yield Step::Event(ModelEvent::Progress(progress));
                                }
                                Ok(Some(Preparing::Untimed)) => running.untimed(),
                                Ok(Some(Preparing::Failed(failed))) | Err(failed) => {
                                    error = Some(failed);
                                    break;
                                }
                                Ok(None) => break,
                            }
                        }
                    }
                    let mut is_farther = false;
                    if error.is_none() && (within.is_some() || !turn.zones.is_unlimited()) {
                        // The server is there now, so that it can say whether it sends prompts on.
                        let settled = watch.within(&up.address(), up.settle_zone(&turn.zones)).await;
                        error = settled.and_then(|settled| settled).err();
                        is_farther = error.take_if(|_| turn.zones.is_unlimited()).is_some();
                    }
                    // What was found out meanwhile may say that it is elsewhere. Then it is asked nothing more.
                    let elsewhere = turn.forbids(&*up, &up.zone()).map(|rule| out_of_zone(&*up, rule));
                    error = elsewhere.or(error);
                    is_farther |= within.as_ref().is_some_and(|near| !near.covers(&up.zone()));
                    if is_farther {
                        yield Step::Farther;
                        return;
                    }
                    if error.is_none() {
                        error = up.reserve(&asked_for).await.err();
                    }
                    if error.is_none() {
                        if let Some(work) = up.beside() {
                            watch.beside(work);
                        }
                        running.sent(asked(&*up));
                        yield Step::Sent(asked(&*up));
                        watch.expect(up.deadlines(&asked_for), up.expected(&asked_for));
                        let mut opening = pin!(up.ask(&asked_for));
                        let opened = loop {
                            match watch.next(&*up, Phase::Head, opening.as_mut()).await {
                                Ok(Waited::Value(opened)) => break opened,
                                Ok(Waited::Sign(progress)) => {
                                    running.progress(progress);
                                    yield Step::Event(ModelEvent::Progress(progress));
                                }
                                Err(failed) => break Err(failed),
                            }
                        };
                        match opened {
                            Err(failed) => error = Some(failed),
                            Ok(mut stream) => {
                                running.head();
                                up.begun();
                                loop {
                                    let next = watch.next(&*up, running.phase, pin!(stream.next())).await;
                                    let event = match next {
                                        Err(failed) | Ok(Waited::Value(Some(Err(failed)))) => {
                                            error = Some(failed);
                                            break;
                                        }
                                        Ok(Waited::Value(None)) => break,
                                        Ok(Waited::Sign(progress)) => ModelEvent::Progress(progress),
                                        Ok(Waited::Value(Some(Ok(heard)))) => {
                                            running.bytes = heard.bytes;
                                            heard.event
                                        }
                                    };
                                    running.event(&event);
                                    for notice in up.heard(&event) {
                                        yield Step::Notice(notice);
                                    }
                                    match event {
                                        ModelEvent::Text(piece) => {
                                            let new = seam.push(&piece);
                                            if !new.is_empty() {
                                                said.push_str(&new);
                                                yield Step::Event(ModelEvent::Text(new));
                                            }
                                        }
                                        ModelEvent::End(reason) => {
                                            let new = seam.finish();
                                            if !new.is_empty() {
                                                said.push_str(&new);
                                                yield Step::Event(ModelEvent::Text(new));
                                            }
                                            parts.end = Some(reason);
                                        }
                                        // A call is worth something only when the answer is complete.
                                        ModelEvent::ToolCall(call) => parts.tool_calls.push(call),
                                        ModelEvent::MalformedCall(call) => parts.malformed_calls.push(call),
                                        ModelEvent::Opaque(data) => parts.opaque.push(up.opaque(data)),
                                        ModelEvent::ServedBy(name) => {
                                            parts.served_by = Some(name.clone());
                                            yield Step::Event(ModelEvent::ServedBy(name));
                                        }
                                        event => yield Step::Event(event),
                                    }
                                }
                            }
                        }
                    }
                    watch.rest();
                    if running.phase > Phase::Head {
                        running.cost = up.settle(&running.usage);
                    }
                    // What others said before is no reason to go on to the next: this one may still be loading, or not take
                    // words that are put into its mouth.
                    let visible = said.len() > said_before;
                    let calls = !parts.tool_calls.is_empty() || !parts.malformed_calls.is_empty();
                    let error = match (error, parts.end) {
                        (Some(error), _) => error,
                        (None, Some(reason)) if !said.is_empty() || calls => {
                            let (usage, cost) = (running.usage, running.cost);
                            for notice in up.succeeded(&asked_for, &usage) {
                                yield Step::Notice(notice);
                            }
                            if let Some(times) = running.times(asked_for.delivery == Delivery::Stream) {
                                up.timed(&times);
                            }
                            yield Step::Attempt(running.answered());
                            // The slot is free, whatever is done with the answer.
                            drop(watch);
                            yield Step::Answered(Box::new(Answered {
                                tool_calls: parts.tool_calls,
                                malformed_calls: parts.malformed_calls,
                                opaque: parts.opaque,
                                served_by: parts.served_by.filter(|name| name != up.model().model()),
                                end: reason,
                                usage,
                                cost,
                                zone: up.zone(),
                            }));
                            return;
                        }
                        (None, end) => empty(&*up, running.phase, end),
                    };
                    if error.kind != ErrorKind::Preempted {
                        up.failed(&error);
                    }

                    // What could be changed matters only before the person has seen something.
                    let remedies = if visible || error.kind == ErrorKind::OutOfZone {
                        Ok(Remedies::default())
                    } else {
                        watch.within(&up.address(), up.remedy(&asked_for, &error)).await.and_then(|found| found)
                    };
                    let (remedies, error) = match remedies {
                        Ok(_) if changes == CHANGES => (Remedies::default(), error),
                        Ok(remedies) => (remedies, error),
                        Err(worse) => (Remedies::default(), worse),
                    };
                    let smaller = match error.kind {
                        // Where nobody says how large the window is, somebody else may have room for the whole.
                        ErrorKind::ContextOverflow
                            if refits < REFITS && !visible && (last || up.room(&request).is_some()) =>
                        {
                            refit(&*up, &turn, &request)
                        }
                        _ => None,
                    };
                    let decision = decide(&Situation {
                        kind: error.kind,
                        phase: error.phase,
                        visible,
                        managed: up.is_managed(),
                        retries,
                        last,
                        left: watch.left(),
                        retry_after: error.details.numbers.retry_after,
                        prefer_fast: turn.prefer_fast,
                        step: remedies.step,
                        chat: remedies.chat,
                        reasoning_off: remedies.reasoning_off && may_be_reasoning(&running, parts.end),
                        refit: smaller.is_some(),
                        other_key: remedies.other_key && keys < KEYS,
                    });
                    let mut take = None;
                    let mut pause = Duration::ZERO;
                    match decision {
                        Decision::Wait(time) if error.kind == ErrorKind::Loading => {
                            // The same attempt goes on: its record counts the time of loading.
                            let progress = Progress::Loading { usual: up.usual_load() };
                            running.progress(progress);
                            yield Step::Event(ModelEvent::Progress(progress));
                            watch.pause(time).await;
                            continue;
                        }
                        Decision::Wait(time) => {
                            retries += 1;
                            pause = time;
                            if visible {
                                yield Step::Notice(text!(
                                    "{model} broke off ({error}); it is asked to go on from here",
                                    model = up.model(),
                                    error = error.message
                                ));
                            }
                        }
                        Decision::Retry => {
                            retries += 1;
                            again(&mut request, error.kind);
                        }
                        Decision::Requeue => {
                            said.clear();
                            yield Step::Anew;
                            yield Step::Attempt(running.failed(&error, decision));
                            continue 'admitted;
                        }
                        Decision::Refit => {
                            if let Some((smaller, notice)) = smaller {
                                refits += 1;
                                request = smaller;
                                yield Step::Notice(notice);
                            }
                        }
                        Decision::Degrade(Degrade::Step) => take = Some(Remedy::Step),
                        Decision::Degrade(Degrade::Chat) => take = Some(Remedy::Chat),
                        Decision::Degrade(Degrade::ReasoningOff) => take = Some(Remedy::ReasoningOff),
                        Decision::OtherKey => {
                            keys += 1;
                            take = Some(Remedy::OtherKey);
                        }
                        Decision::Next | Decision::Stop => {
                            yield Step::Attempt(running.failed(&error, decision));
                            // The slot is free before the next candidate is asked.
                            drop(watch);
                            yield Step::Failed(error);
                            return;
                        }
                    }
                    if let Some(remedy) = take {
                        changes += 1;
                        for notice in up.take(remedy, &error) {
                            yield Step::Notice(notice);
                        }
                    }
                    let next = running.again(up.address());
                    yield Step::Attempt(std::mem::replace(&mut running, next).failed(&error, decision));
                    if pause > Duration::ZERO {
                        watch.pause(pause).await;
                        running = running.again(up.address());
                    }
                }
            }
        };
        steps.boxed()
    }
}

/// The record of an attempt whose stream was dropped because another candidate was quicker.
pub(crate) fn outrun(asked: Asked, started: Instant) -> Attempt {
    let mut attempt = Running::start(asked, Duration::ZERO).outrun();
    attempt.total_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    attempt
}

/// The record of a candidate that was passed over because of what is known of it already.
pub(crate) fn not_asked(asked: Asked, error: &ModelError) -> Attempt {
    Running::start(asked, Duration::ZERO).passed_over(error)
}

pub(crate) fn asked(up: &dyn Upstream) -> Asked {
    Asked {
        model: up.model().clone(),
        endpoint: up.address(),
        zone: up.zone(),
    }
}

/// How long a slot is waited for.
fn queue_time(deadlines: &Deadlines, turn: &Turn, last: bool) -> Duration {
    if turn.prefer_fast && !last {
        FAST_QUEUE.min(deadlines.queue)
    } else if turn.caller.priority.is_background() {
        // Nobody waits for it.
        deadlines.total
    } else {
        deadlines.queue
    }
}

/// Whether an empty answer may come from reasoning without end.
fn may_be_reasoning(running: &Running, end: Option<EndReason>) -> bool {
    running.reasoned
        || running.usage.reasoning_tokens.is_some_and(|tokens| tokens > 0)
        || end == Some(EndReason::Length)
}
