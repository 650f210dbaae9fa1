//! One request, tried until it is answered or nothing is left to try.

use std::time::Duration;

use async_stream::stream;
use futures_util::Stream;
use yabby_core::{
    Attempt, EndReason, ErrorKind, FinalText, ModelError, ModelEvent, ModelRef, ModelRequest, Phase, Progress, Text,
    ToolCall, Unfinished, Usage, text,
};
use yabby_servers::{Endpoint, EndpointOrigin, Http};
use yabby_wire::Dialect;

use crate::{Candidate, Deadlines, Decision, Plan, Situation, attempt::Running, decide, watch::Watch};

/// What happens on the way to an answer. The last event is `Done` or `Failed`.
#[derive(Debug)]
pub enum RouteEvent {
    /// This candidate is asked now.
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

/// Answers `request` with the first candidate of `plan` that can.
///
/// Dropping the stream closes the connection to the server, which stops its work.
pub fn answer(
    http: Http,
    plan: Plan,
    request: ModelRequest,
    deadlines: impl Fn(&Endpoint) -> Deadlines + Send + 'static,
) -> impl Stream<Item = RouteEvent> + Send {
    stream! {
        for left_out in &plan.left_out {
            yield RouteEvent::Notice(left_out.text());
        }
        let mut attempts = Vec::new();
        let mut errors = Vec::new();
        let mut candidates = plan.candidates.into_iter().peekable();
        'candidates: while let Some(Candidate { model, endpoint }) = candidates.next() {
            yield RouteEvent::Trying(model.clone());
            let request = fitted(&request, &endpoint, &model);
            let mut dialect = endpoint.dialect_for(model.model());
            let mut retries = 0;
            let limits = deadlines(&endpoint);
            let mut endpoint = endpoint;
            let patience = tokio::time::Instant::now() + limits.total;
            loop {
                let mut running = Running::start(model.clone(), endpoint.base_url.clone());
                let mut unfinished = Unfinished::default();
                let mut tool_calls = Vec::new();
                let mut served_by = None;
                let mut finished = None;
                let mut error = None;

                // A managed server may have to be started, or started again.
                if let EndpointOrigin::Managed(lease) = endpoint.origin.clone() {
                    yield RouteEvent::Model(ModelEvent::Progress(Progress::Loading));
                    match lease.ready(&()).await {
                        Ok(place) => {
                            running.endpoint.clone_from(&place.base_url);
                            endpoint = place;
                        }
                        Err(failed) => error = Some(failed),
                    }
                }
                if error.is_none() {
                    let watch = Watch::start(&http, &endpoint, limits);
                    let asked = watch.wait(Phase::Head, endpoint.ask(&http, dialect, model.model(), &request)).await;
                    match asked.and_then(|opened| opened) {
                        Err(failed) => error = Some(failed),
                        Ok(mut stream) => {
                            running.head();
                            loop {
                                let next = watch.wait(running.phase, stream.next()).await;
                                running.bytes = stream.bytes();
                                match next {
                                    Err(failed) | Ok(Some(Err(failed))) => {
                                        error = Some(failed);
                                        break;
                                    }
                                    Ok(None) => break,
                                    Ok(Some(Ok(event))) => {
                                        running.event(&event);
                                        finished = unfinished.push(&event).or(finished);
                                        match &event {
                                            ModelEvent::ToolCall(call) => tool_calls.push(call.clone()),
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
                    }
                }
                let error = match (error, finished) {
                    (Some(error), _) => error,
                    (None, Some((text, end))) if !text.is_blank() || !tool_calls.is_empty() => {
                        let usage = running.usage;
                        attempts.push(running.answered());
                        yield RouteEvent::Done(Answer {
                            text,
                            tool_calls,
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

                let decision = decide(&Situation {
                    kind: error.kind,
                    phase: error.phase,
                    visible: running.visible,
                    managed: matches!(endpoint.origin, EndpointOrigin::Managed(_)),
                    responses: dialect == Dialect::Responses,
                    retries,
                });
                let visible = running.visible;
                attempts.push(running.failed(error.kind, error.message.english()));
                match decision {
                    Decision::Retry => retries += 1,
                    Decision::UseChat => {
                        dialect = Dialect::Chat;
                        yield RouteEvent::Notice(text!(
                            "{provider} has no /v1/responses; asked through /v1/chat/completions instead (set api to openai-completions to skip this step)",
                            provider = endpoint.provider
                        ));
                    }
                    Decision::Wait if tokio::time::Instant::now() < patience => {
                        // One record for the whole wait.
                        attempts.pop();
                        yield RouteEvent::Model(ModelEvent::Progress(Progress::Loading));
                        tokio::time::sleep(LOADING_PAUSE).await;
                    }
                    Decision::Wait | Decision::Next => {
                        if let Some(next) = candidates.peek() {
                            yield RouteEvent::Notice(text!(
                                "{model} failed ({error}); trying {next}",
                                model = model,
                                error = error.message,
                                next = next.model
                            ));
                        }
                        errors.push((model, error));
                        continue 'candidates;
                    }
                    Decision::Stop => {
                        errors.push((model, error));
                        let partial = if visible { unfinished.so_far().to_owned() } else { String::new() };
                        yield RouteEvent::Failed(RouteFailure { errors, attempts, partial });
                        return;
                    }
                }
            }
        }
        yield RouteEvent::Failed(RouteFailure { errors, attempts, partial: String::new() });
    }
}

/// The request with what is known of the model.
fn fitted(request: &ModelRequest, endpoint: &Endpoint, model: &ModelRef) -> ModelRequest {
    let mut request = request.clone();
    if let EndpointOrigin::Managed(lease) = &endpoint.origin
        && let Some(embedded) = lease.embedded()
    {
        request.max_output_tokens.get_or_insert(embedded.max_output_tokens);
        request.temperature.get_or_insert(embedded.temperature);
    }
    if let Some(longest) = endpoint.listed_model(model.model()).and_then(|entry| entry.max_tokens) {
        request.max_output_tokens.get_or_insert(longest);
    }
    request
}

fn empty(endpoint: &Endpoint, phase: Phase, end: Option<EndReason>) -> ModelError {
    let message = match end {
        Some(EndReason::Length) => text!("the model used up its tokens before it said anything"),
        _ => text!("the model gave an empty answer"),
    };
    ModelError::new(ErrorKind::Empty, phase, &endpoint.base_url, message)
        .with_hint(text!("ask again, or raise maxTokens for this model"))
}
