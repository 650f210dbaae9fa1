//! Decides what a request gets: a fault, a fixed route, a queued reply, or the server's facts.

use std::time::Duration;

use crate::{
    emulate::{self, Gate},
    fault::{Effect, Fault},
    hosted,
    http::{Answer, Request},
    reply::{Reply, Step, Usage},
    shape::{Api, Context, flat},
    state::{Active, Queued, State},
};

/// What will be done with one request.
pub(crate) enum Plan {
    Hang,
    Reset,
    Whole(Answer),
    Play(Box<Play>),
    /// Silence, and then the other.
    After(Duration, Box<Plan>),
}

/// A reply about to be put on the wire.
pub(crate) struct Play {
    pub(crate) api: Api,
    pub(crate) context: Context,
    pub(crate) reply: Reply,
    pub(crate) stream: bool,
    pub(crate) wrong_type: bool,
    /// Bytes a piece.
    pub(crate) fragment: Option<usize>,
}

/// Whether the request calls a model.
pub(crate) fn api_of(state: &State, request: &Request) -> Option<Api> {
    if request.method == "POST" {
        Api::of(&state.kind, &request.path)
    } else {
        None
    }
}

/// Whether this request is swallowed unseen.
pub(crate) fn swallows(state: &mut State) -> bool {
    let swallowing = |active: &&mut Active| active.fault == Fault::AcceptAndHang && active.left != Some(0);
    let found = state.faults.iter_mut().find(swallowing);
    found.is_some_and(|active| {
        active.left = active.left.map(|left| left - 1);
        true
    })
}

pub(crate) fn plan(state: &mut State, request: &Request) -> Plan {
    let mut plan = decide(state, request);
    if let Plan::Whole(answer) = &mut plan
        && api_of(state, request) == Some(Api::Ollama)
        && let Ok(body) = serde_json::from_slice::<serde_json::Value>(&answer.body)
        && body.get("error").is_some()
    {
        answer.body = flat(&body).to_string().into();
    }
    plan
}

fn decide(state: &mut State, request: &Request) -> Plan {
    let api = api_of(state, request);
    let asked = request.body["model"].as_str().unwrap_or_default().to_owned();

    let mut twist = None;
    if let Some(fault) = state.take_fault(request, api.is_some()) {
        match fault.effect(&state.kind, &request.body, &state.models) {
            Effect::Hang => return Plan::Hang,
            Effect::Reset => return Plan::Reset,
            Effect::Answer(answer) => return whole(state, answer),
            Effect::Twist => twist = Some(fault),
        }
    }
    if let Some(key) = &state.api_key {
        let bearer = format!("Bearer {key}");
        let shown = [("authorization", bearer.as_str()), ("x-api-key", key)];
        let known = shown
            .iter()
            .any(|(name, value)| request.headers.get(*name).is_some_and(|sent| sent == value));
        if !known
            && Fault::Unauthorized.applies(&request.path, &request.body, api.is_some())
            && let Effect::Answer(answer) = Fault::Unauthorized.effect(&state.kind, &request.body, &state.models)
        {
            return whole(state, answer);
        }
    }
    if let Some(answer) = hosted::refuses(state, request, api) {
        return whole(state, answer);
    }
    let whole_path = format!("{}?{}", request.path, request.query);
    let route = state
        .routes
        .get(&whole_path)
        .or_else(|| state.routes.get(&request.path));
    if let Some(answer) = route.cloned() {
        return whole(state, answer);
    }
    let Some(api) = api else {
        let (wait, answer) = emulate::answer(state, request);
        return after(wait, whole(state, answer));
    };
    if let Some(answer) = state.kind.unknown_model(&asked, &state.models) {
        return whole(state, answer);
    }
    let prompt = state.prompt_tokens(request);
    match emulate::gate(state, request, &asked, prompt) {
        Gate::Refused(answer) => whole(state, answer),
        Gate::Open { wait, cut } => {
            let prompt = cut.map_or(prompt, |window| prompt.min(window));
            after(wait, call(state, request, api, asked, prompt, twist.as_ref()))
        }
    }
}

fn after(wait: Duration, plan: Plan) -> Plan {
    if wait.is_zero() {
        plan
    } else {
        Plan::After(wait, Box::new(plan))
    }
}

fn call(state: &mut State, request: &Request, api: Api, asked: String, prompt: u64, twist: Option<&Fault>) -> Plan {
    let queue = match api {
        Api::Chat | Api::Ollama => &mut state.chat,
        Api::Responses => &mut state.responses,
        Api::Messages => &mut state.messages,
    };
    let queued = queue.pop_front().or_else(|| state.any.pop_front());
    let reply = match queued {
        Some(Queued::Answer(answer)) => return whole(state, answer),
        Some(Queued::Reply(reply)) => reply,
        None => state.default_reply.clone(),
    };
    let usage = usage(reply.steps(), prompt);
    let reply = twist.map_or_else(|| reply.clone(), |fault| fault.twist(reply.clone()));
    state.serial += 1;
    // llama.cpp answers with the model that it has.
    let single = if let crate::ServerKind::LlamaCpp { .. } = state.kind {
        state.models.first().cloned()
    } else {
        None
    };
    let model = state.served_as.clone().or(single).unwrap_or(asked);
    Plan::Play(Box::new(Play {
        api,
        context: Context {
            kind: state.kind.clone(),
            model,
            serial: state.serial,
            usage,
            include_usage: request.body["stream_options"]["include_usage"] == true,
            progress: request.body["return_progress"] == true,
            sealed: request.body["include"]
                .as_array()
                .is_some_and(|wanted| wanted.iter().any(|name| name == "reasoning.encrypted_content")),
        },
        reply,
        // Ollama streams unless it is told not to.
        stream: request.body["stream"] == true || (api == Api::Ollama && request.body["stream"] != false),
        wrong_type: twist == Some(&Fault::WrongContentType),
        fragment: match twist {
            Some(Fault::Fragment(bytes)) => Some((*bytes).max(1)),
            _ => None,
        },
    }))
}

/// Adds the headers of the server kind.
fn whole(state: &State, mut answer: Answer) -> Plan {
    let mut headers = state.kind.headers(answer.status);
    headers.append(&mut answer.headers);
    answer.headers = headers;
    Plan::Whole(answer)
}

fn usage(steps: &[Step], prompt: u64) -> Option<Usage> {
    if steps.contains(&Step::NoUsage) {
        return None;
    }
    let told = steps.iter().find_map(|step| match step {
        Step::Usage(usage) => Some(*usage),
        _ => None,
    });
    let pieces = steps
        .iter()
        .filter(|step| matches!(step, Step::Text(_) | Step::Reasoning(_) | Step::ToolCall(_)));
    Some(told.unwrap_or(Usage {
        prompt,
        completion: pieces.count() as u64,
        cached: 0,
    }))
}
