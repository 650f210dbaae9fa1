//! One request, tried until it is answered or nothing is left to try.

use std::{pin::pin, time::Duration};

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use yabby_core::{
    Attempt, Delivery, EndReason, ErrorKind, FinalText, MalformedCall, ModelError, ModelEvent, ModelRef, ModelRequest,
    Opaque, Phase, Progress, Text, ToolCall, Unfinished, Usage, text,
};
use yabby_servers::{Admission, Endpoint, Http, Reach, Truncation};
use yabby_wire::Dialect;

use crate::{
    Candidate, Deadlines, Decision, Plan, Situation,
    attempt::Running,
    decide,
    degrade::Descent,
    fitted::{fitted, pass_through},
    watch::{Waited, Watch},
};

/// What happens on the way to an answer. The last event is `Done` or `Failed`.
#[derive(Debug)]
pub enum RouteEvent {
    /// This candidate is asked now. What came before counts no more; there is text in it only when background work has
    /// yielded its slot to a person and begins anew.
    Trying(ModelRef),
    /// What it sends, apart from the end.
    Model(ModelEvent),
    /// Something that the person should know: a fallback, another dialect.
    Notice(Text),
    /// The answer is complete.
    Done(Answer),
    /// There is no complete answer.
    Failed(RouteFailure),
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// The text to deliver.
    pub text: FinalText,
    /// The calls that the model made.
    pub tool_calls: Vec<ToolCall>,
    /// The calls that it tried to make and that cannot be run.
    pub malformed_calls: Vec<MalformedCall>,
    /// What belongs to the answer in later requests and only its server can read.
    pub opaque: Vec<Opaque>,
    /// The model that answered.
    pub model: ModelRef,
    /// The model that the server says it used, when it says another.
    pub served_by: Option<String>,
    /// Why the answer ended.
    pub end: EndReason,
    /// Tokens as reported.
    pub usage: Usage,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
}

/// No complete answer.
#[derive(Debug)]
pub struct RouteFailure {
    /// The error of each candidate that failed, in order.
    pub errors: Vec<(ModelRef, ModelError)>,
    /// Everything that was tried, in order.
    pub attempts: Vec<Attempt>,
    /// What the person has seen of the answer that broke off.
    pub partial: String,
}

/// Between two looks at a server that is loading its model.
const LOADING_PAUSE: Duration = Duration::from_millis(500);

/// While a server near by is in use, it is asked beside a request what it is and serves, when that is older than this.
const FRESH: Duration = Duration::from_secs(30);
/// How long such a question may take.
const BESIDE: Duration = Duration::from_secs(2);

/// A managed server that runs already is found within this time.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Answers `request` with the first candidate of `plan` that can.
///
/// Dropping the stream closes the connection to the server, which stops its work.
pub fn answer(
    http: Http,
    plan: Plan,
    request: ModelRequest,
    deadlines: impl Fn(&Endpoint) -> Deadlines + Send + 'static,
) -> BoxStream<'static, RouteEvent> {
    let events = stream! {
        for left_out in &plan.left_out {
            yield RouteEvent::Notice(left_out.text());
        }
        let caller = plan.caller;
        let background = caller.priority.is_background();
        let mut attempts = Vec::new();
        let mut errors = Vec::new();
        let spread = |candidate: Candidate| candidate.replicas(&caller);
        let mut candidates = plan.candidates.into_iter().flat_map(spread).peekable();
        'candidates: while let Some(Candidate { model, mut endpoint, params }) = candidates.next() {
            // The last one is asked whatever the breaker says: it may be back, and there is nothing else.
            let mut _trial = None;
            if let Some(next) = candidates.peek() {
                match endpoint.may_ask(&http).await {
                    Ok(ticket) => _trial = ticket,
                    Err(error) => {
                        yield RouteEvent::Notice(passed_over(&model, &error, next));
                        errors.push((model, error));
                        continue 'candidates;
                    }
                }
            }
            let mut request = fitted(&request, &endpoint, &model, &params);
            if background && endpoint.reach != Reach::Hosted {
                // It may have to make room, and llama.cpp ends its work for who leaves only on a stream.
                request.delivery = Delivery::Stream;
            }
            let mut descent = Descent::of(&endpoint, &model);
            endpoint = descent.trial();
            'admitted: loop {
                yield RouteEvent::Trying(model.clone());
                let mut queue = endpoint.enter(model.model(), &caller);
                let permit = loop {
                    match queue.next().await {
                        Admission::Granted(permit) => break permit,
                        Admission::Queued { ahead, expected } => {
                            yield RouteEvent::Model(ModelEvent::Progress(Progress::Queued { ahead, expected }));
                        }
                    }
                };
                endpoint.used();
                let mut watch = Watch::start(&http, model.model(), deadlines(&endpoint), permit);
                let mut running = Running::start(model.clone(), endpoint.base_url.clone(), endpoint.zone_of(model.model()));
                let mut retries = 0;
                let mut tools_unasked = true;
                loop {
                    let mut dialect = endpoint.dialect_for(model.model());
                    let mut unfinished = Unfinished::default();
                    let (mut tool_calls, mut malformed_calls, mut opaque) = (Vec::new(), Vec::new(), Vec::new());
                    let mut served_by = None;
                    let mut finished = None;
                    let mut error = None;

                    // A managed server may have to be started, or started again.
                    if endpoint.is_managed() {
                        let started = {
                            let starting = endpoint.ensure_running(&http, &());
                            let mut starting = Box::pin(watch.within(&endpoint, starting));
                            if let Ok(started) = tokio::time::timeout(AT_ONCE, &mut starting).await {
                                started
                            } else {
                                let progress = Progress::Loading { usual: endpoint.usual_load(model.model()) };
                                running.progress(progress);
                                yield RouteEvent::Model(ModelEvent::Progress(progress));
                                starting.await
                            }
                        };
                        match started.and_then(|started| started) {
                            Ok(place) => {
                                running.endpoint.clone_from(&place.base_url);
                                endpoint = place;
                            }
                            Err(failed) => error = Some(failed),
                        }
                    }
                    if error.is_none() && tools_unasked && endpoint.reach != Reach::Hosted {
                        let (http, endpoint) = (http.clone(), endpoint.clone());
                        watch.beside(Box::pin(async move { drop(endpoint.refresh(&http, FRESH, BESIDE).await) }));
                    }
                    let mut waking = None;
                    if error.is_none() && background && endpoint.reach != Reach::Hosted {
                        // What nobody waits for wakes no cold model; who knows only that can tell.
                        let asked = endpoint.refresh(&http, FRESH, BESIDE);
                        error = watch.within(&endpoint, asked).await.err();
                        error = error.or_else(|| endpoint.may_not_wake(model.model(), &caller));
                    }
                    if error.is_none() && endpoint.reach != Reach::Hosted && endpoint.loads_on_demand() {
                        let asked = endpoint.refresh(&http, FRESH, BESIDE);
                        error = watch.within(&endpoint, asked).await.err();
                    }
                    if error.is_none() && endpoint.is_cold(model.model()) {
                        let progress = Progress::Loading { usual: endpoint.usual_load(model.model()) };
                        running.progress(progress);
                        yield RouteEvent::Model(ModelEvent::Progress(progress));
                        match watch.within(&endpoint, endpoint.wake(&http, model.model())).await {
                            Ok(woken) => {
                                if woken.is_none() {
                                    running.untimed();
                                }
                                waking = woken;
                            }
                            Err(failed) => error = Some(failed),
                        }
                    }
                    if error.is_none() && std::mem::take(&mut tools_unasked) {
                        let asked = endpoint.find_tool_mode(&http, model.model(), &request);
                        error = watch.within(&endpoint, asked).await.err();
                    }
                    if error.is_none() {
                        dialect = endpoint.dialect_of(model.model(), &request);
                        pass_through(&mut request, &endpoint, dialect, &params);
                        let tokens = endpoint.estimate_tokens(model.model(), &request).tokens;
                        watch.expect(endpoint.expected_prefill(model.model(), tokens));
                        let mut asked = pin!(endpoint.ask(&http, dialect, model.model(), &request));
                        let opened = loop {
                            match watch.next(&endpoint, Phase::Head, asked.as_mut()).await {
                                Ok(Waited::Value(opened)) => break opened,
                                Ok(Waited::Sign(progress)) => {
                                    running.progress(progress);
                                    yield RouteEvent::Model(ModelEvent::Progress(progress));
                                }
                                Err(failed) => break Err(failed),
                            }
                        };
                        match opened {
                            Err(failed) => error = Some(failed),
                            Ok(mut stream) => {
                                running.head();
                                loop {
                                    let next = watch.next(&endpoint, running.phase, pin!(stream.next())).await;
                                    running.bytes = stream.bytes();
                                    let event = match next {
                                        Err(failed) | Ok(Waited::Value(Some(Err(failed)))) => {
                                            error = Some(failed);
                                            break;
                                        }
                                        Ok(Waited::Value(None)) => break,
                                        Ok(Waited::Sign(progress)) => ModelEvent::Progress(progress),
                                        Ok(Waited::Value(Some(Ok(event)))) => event,
                                    };
                                    if waking.is_some() && running.event_is_answer(&event) {
                                        waking = None;
                                        endpoint.is_awake(model.model());
                                    }
                                    running.event(&event);
                                    for notice in descent.seen(&event) {
                                        yield RouteEvent::Notice(notice);
                                    }
                                    finished = unfinished.push(&event).or(finished);
                                    match &event {
                                        ModelEvent::ToolCall(call) => tool_calls.push(call.clone()),
                                        ModelEvent::MalformedCall(call) => malformed_calls.push(call.clone()),
                                        ModelEvent::Opaque(data) => opaque.push(Opaque {
                                            from: endpoint.opaque_source(model.model()),
                                            data: data.clone(),
                                        }),
                                        ModelEvent::ServedBy(name) => served_by = Some(name.clone()),
                                        _ => {}
                                    }
                                    if !matches!(event, ModelEvent::End(_)) {
                                        yield RouteEvent::Model(event);
                                    }
                                }
                            }
                        }
                    }
                    let error = match (error, finished) {
                        (Some(error), _) => error,
                        (None, Some((text, end)))
                            if !text.is_blank() || !tool_calls.is_empty() || !malformed_calls.is_empty() =>
                        {
                            let usage = running.usage;
                            endpoint.succeeded();
                            endpoint.answered(&caller);
                            if let Some(cut) = endpoint.saw_usage(model.model(), &request, &usage) {
                                endpoint.saw_window(model.model(), cut.window);
                                yield RouteEvent::Notice(cut_short(&model, &cut));
                            }
                            running.report_to(&endpoint, request.delivery);
                            attempts.push(running.answered());
                            // The slot is free, whatever is done with the answer.
                            drop(watch);
                            yield RouteEvent::Done(Answer {
                                text,
                                tool_calls,
                                malformed_calls,
                                opaque,
                                served_by: served_by.filter(|name| name != model.model()),
                                model,
                                end,
                                usage,
                                attempts,
                            });
                            return;
                        }
                        (None, finished) => empty(&endpoint, running.phase, finished.map(|(_, end)| end)),
                    };
                    if error.kind != ErrorKind::Preempted {
                        endpoint.failed(model.model(), &error);
                    }

                    let steps = if running.visible {
                        Ok(Vec::new())
                    } else {
                        descent.next(&mut watch, &http, &endpoint, dialect, &request, &error).await
                    };
                    let (steps, error) = match steps {
                        Ok(steps) => (steps, error),
                        Err(worse) => (Vec::new(), worse),
                    };
                    let decision = decide(&Situation {
                        kind: error.kind,
                        phase: error.phase,
                        visible: running.visible,
                        managed: endpoint.is_managed(),
                        responses: dialect == Dialect::Responses,
                        retries,
                        step: !steps.is_empty(),
                    });
                    match decision {
                        Decision::Wait if watch.outlasts(LOADING_PAUSE) => {
                            // The same attempt goes on: its record counts the time of loading.
                            let progress = Progress::Loading { usual: endpoint.usual_load(model.model()) };
                            running.progress(progress);
                            yield RouteEvent::Model(ModelEvent::Progress(progress));
                            tokio::time::sleep(LOADING_PAUSE).await;
                            tools_unasked = true;
                            continue;
                        }
                        Decision::Requeue => {
                            attempts.push(running.failed(&error));
                            continue 'admitted;
                        }
                        Decision::Retry => retries += 1,
                        Decision::Degrade => descent.take(&endpoint, steps, &error),
                        Decision::UseChat => {
                            endpoint.learn_dialect(Dialect::Chat);
                            yield RouteEvent::Notice(text!(
                                "{provider} has no /v1/responses; asked through /v1/chat/completions instead (set api to openai-completions to skip this step)",
                                provider = endpoint.provider
                            ));
                        }
                        Decision::Wait | Decision::Next => {
                            if let Some(next) = candidates.peek() {
                                yield RouteEvent::Notice(passed_over(&model, &error, next));
                            }
                            attempts.push(running.failed(&error));
                            errors.push((model, error));
                            continue 'candidates;
                        }
                        Decision::Stop => {
                            attempts.push(running.failed(&error));
                            errors.push((model, error));
                            let partial = unfinished.so_far().to_owned();
                            drop(watch);
                            yield RouteEvent::Failed(RouteFailure { errors, attempts, partial });
                            return;
                        }
                    }
                    let next = Running::start(model.clone(), endpoint.base_url.clone(), endpoint.zone_of(model.model()));
                    attempts.push(std::mem::replace(&mut running, next).failed(&error));
                }
            }
        }
        yield RouteEvent::Failed(RouteFailure { errors, attempts, partial: String::new() });
    };
    events.boxed()
}

/// That one candidate failed and which is tried now: another model, or the same at another address.
fn passed_over(model: &ModelRef, error: &ModelError, next: &Candidate) -> Text {
    if next.model == *model {
        return text!(
            "{model} failed ({error}); trying it at {url}",
            model = model,
            error = error.message,
            url = next.endpoint.base_url
        );
    }
    text!(
        "{model} failed ({error}); trying {next}",
        model = model,
        error = error.message,
        next = next.model
    )
}

/// That the server left out a part of the prompt and said nothing.
fn cut_short(model: &ModelRef, cut: &Truncation) -> Text {
    text!(
        "{model} read only {reported} of about {expected} tokens: its server cuts what does not fit into a window of about {window} tokens; give it a larger one, or shorten the input",
        model = model,
        reported = cut.reported,
        expected = cut.expected,
        window = cut.window
    )
}

fn empty(endpoint: &Endpoint, phase: Phase, end: Option<EndReason>) -> ModelError {
    let message = match end {
        Some(EndReason::Length) => text!("the model used up its tokens before it said anything"),
        _ => text!("the model gave an empty answer"),
    };
    ModelError::new(ErrorKind::Empty, phase, &endpoint.base_url, message)
        .with_hint(text!("ask again, or raise maxTokens for this model"))
}
