//! One request, tried until it is answered or nothing is left to try.

use std::time::Duration;

use async_stream::stream;
use futures_util::stream::{BoxStream, StreamExt};
use serde_json::{Map, Value};
use yabby_config::Params;
use yabby_core::{
    Attempt, EndReason, ErrorKind, FinalText, MalformedCall, ModelError, ModelEvent, ModelRef, ModelRequest, Opaque,
    Phase, Progress, Text, ToolCall, Unfinished, Usage, text,
};
use yabby_servers::{Endpoint, EndpointOrigin, Http};
use yabby_wire::Dialect;

use crate::{
    Candidate, Deadlines, Decision, Plan, Situation, attempt::Running, decide, degrade::Descent, watch::Watch,
};

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
        let mut attempts = Vec::new();
        let mut errors = Vec::new();
        let mut candidates = plan.candidates.into_iter().peekable();
        'candidates: while let Some(Candidate { model, mut endpoint, params }) = candidates.next() {
            yield RouteEvent::Trying(model.clone());
            let mut request = fitted(&request, &endpoint, &model, &params);
            let mut descent = Descent::of(&endpoint, &model);
            endpoint = descent.trial();
            let watch = Watch::start(deadlines(&endpoint));
            let mut running = Running::start(model.clone(), endpoint.base_url.clone());
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
                if let EndpointOrigin::Managed(lease) = endpoint.origin.clone() {
                    yield RouteEvent::Model(ModelEvent::Progress(Progress::Loading { usual: None }));
                    match watch.within(&endpoint, lease.ready(&())).await.and_then(|ready| ready) {
                        Ok(place) => {
                            running.endpoint.clone_from(&place.base_url);
                            endpoint = place.remembering(&endpoint);
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
                    let asked = endpoint.ask(&http, dialect, model.model(), &request);
                    match watch.wait(&http, &endpoint, Phase::Head, asked).await.and_then(|opened| opened) {
                        Err(failed) => error = Some(failed),
                        Ok(mut stream) => {
                            running.head();
                            loop {
                                let next = watch.wait(&http, &endpoint, running.phase, stream.next()).await;
                                running.bytes = stream.bytes();
                                let event = match next {
                                    Err(failed) | Ok(Some(Err(failed))) => {
                                        error = Some(failed);
                                        break;
                                    }
                                    Ok(None) => break,
                                    Ok(Some(Ok(event))) => event,
                                };
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
                        attempts.push(running.answered());
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

                let steps = if running.visible {
                    Ok(Vec::new())
                } else {
                    descent.next(&watch, &http, &endpoint, dialect, &request, &error).await
                };
                let (steps, error) = match steps {
                    Ok(steps) => (steps, error),
                    Err(worse) => (Vec::new(), worse),
                };
                let decision = decide(&Situation {
                    kind: error.kind,
                    phase: error.phase,
                    visible: running.visible,
                    managed: matches!(endpoint.origin, EndpointOrigin::Managed(_)),
                    responses: dialect == Dialect::Responses,
                    retries,
                    step: !steps.is_empty(),
                });
                match decision {
                    Decision::Wait if watch.runs() => {
                        // The same attempt goes on: its record counts the time of loading.
                        yield RouteEvent::Model(ModelEvent::Progress(Progress::Loading { usual: None }));
                        tokio::time::sleep(LOADING_PAUSE).await;
                        tools_unasked = true;
                        continue;
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
                            yield RouteEvent::Notice(text!(
                                "{model} failed ({error}); trying {next}",
                                model = model,
                                error = error.message,
                                next = next.model
                            ));
                        }
                        attempts.push(running.failed(&error));
                        errors.push((model, error));
                        continue 'candidates;
                    }
                    Decision::Stop => {
                        attempts.push(running.failed(&error));
                        errors.push((model, error));
                        let partial = unfinished.so_far().to_owned();
                        yield RouteEvent::Failed(RouteFailure { errors, attempts, partial });
                        return;
                    }
                }
                let next = Running::start(model.clone(), endpoint.base_url.clone());
                attempts.push(std::mem::replace(&mut running, next).failed(&error));
            }
        }
        yield RouteEvent::Failed(RouteFailure { errors, attempts, partial: String::new() });
    };
    events.boxed()
}

/// The request with what is known of the model. What the person asked for goes before `params` of the config, and
/// those before what the model needs.
fn fitted(request: &ModelRequest, endpoint: &Endpoint, model: &ModelRef, params: &Params) -> ModelRequest {
    let mut request = request.clone();
    let count = |name: &str| {
        params
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|count| u32::try_from(count).ok())
    };
    let temperature = params.get("temperature").and_then(Value::as_f64);
    let longest = count("maxTokens").or_else(|| endpoint.listed_model(model.model())?.max_tokens);
    let embedded = match &endpoint.origin {
        EndpointOrigin::Managed(lease) => lease.embedded(),
        _ => None,
    };
    request.temperature = request
        .temperature
        .or(temperature)
        .or(embedded.map(|model| model.temperature));
    request.max_output_tokens = request
        .max_output_tokens
        .or(longest)
        .or(embedded.map(|model| model.max_output_tokens));
    request.prompt_cache = request
        .prompt_cache
        .or_else(|| serde_json::from_value(params.get("cacheRetention")?.clone()).ok());
    request.tool_mode = request
        .tool_mode
        .or_else(|| serde_json::from_value(params.get("toolMode")?.clone()).ok());
    request
}

/// The fields of `params` that go into the body of a request as they are.
pub fn extra_body(endpoint: &Endpoint, dialect: Dialect, params: &Params) -> Map<String, Value> {
    let mut request = ModelRequest::default();
    pass_through(&mut request, endpoint, dialect, params);
    request.extra_body
}

/// Adds the fields of `params` that go into the body as they are.
fn pass_through(request: &mut ModelRequest, endpoint: &Endpoint, dialect: Dialect, params: &Params) {
    let passed: &[&str] = match dialect {
        Dialect::Chat => &["chat_template_kwargs"],
        Dialect::Ollama => &["num_ctx", "keep_alive"],
        Dialect::Responses | Dialect::Messages => &[],
    };
    let routing = endpoint.takes_routing().then_some(&"provider");
    for name in passed.iter().chain(routing) {
        if let Some(value) = params.get(*name) {
            request.extra_body.insert((*name).to_owned(), value.clone());
        }
    }
    // OpenClaw's pass-through fields win over everything that is made here, but they undo no limit of where a prompt
    // may go.
    for name in ["extra_body", "extraBody"] {
        for (name, value) in params.get(name).and_then(Value::as_object).into_iter().flatten() {
            match (request.extra_body.get_mut(name), value) {
                (Some(Value::Object(limits)), value) if name == "provider" => {
                    limits.extend(value.as_object().cloned().unwrap_or_default());
                }
                _ => drop(request.extra_body.insert(name.clone(), value.clone())),
            }
        }
    }
}

fn empty(endpoint: &Endpoint, phase: Phase, end: Option<EndReason>) -> ModelError {
    let message = match end {
        Some(EndReason::Length) => text!("the model used up its tokens before it said anything"),
        _ => text!("the model gave an empty answer"),
    };
    ModelError::new(ErrorKind::Empty, phase, &endpoint.base_url, message)
        .with_hint(text!("ask again, or raise maxTokens for this model"))
}
