//! Everything that can be wrong with a server, by name.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    hosted::{self, Documented},
    http::Answer,
    kinds::ServerKind,
    overflow::Dialect,
    refusal::Refusal,
    reply::{Reply, Step},
};

/// A whole behaviour of a broken, busy or misconfigured server. It stays until it is cleared, unless it was given a
/// number of requests ([`ModelServer::fault_times`](crate::ModelServer::fault_times)).
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Takes the connection and never answers on any path; nothing is recorded.
    AcceptAndHang,
    /// Reads and records every request and never answers.
    HangAllPaths,
    /// Side channels answer, model calls never do.
    HangModelCalls,
    /// Never answers on this one path.
    HangPath(&'static str),
    /// Resets the connection after the request, on all paths.
    Reset,
    /// The next so many requests, whatever they are, get 503 `Loading model`; then all is well.
    LoadingFor(usize),
    /// As [`Fault::LoadingFor`], for a time from now.
    LoadingWhile(Duration),
    /// Model calls get this status and this body (JSON when it looks like it).
    Status(u16, String),
    /// Model calls whose body has something are refused.
    Refuses(Refusal),
    /// All paths give a web page with 200: the base URL of something else.
    HtmlWith200,
    /// Model calls get an error object with 200.
    JsonErrorWith200,
    /// Model calls get the right body under `text/plain`.
    WrongContentType,
    /// The prompt is too long, in the words of a server.
    Overflow {
        /// Whose words.
        dialect: Dialect,
        /// Tokens of the prompt.
        prompt: u64,
        /// The window; a server kind that has one uses its own where this is 0.
        window: u64,
    },
    /// 401 in the words of the server kind (LiteLLM: 400); `/health` stays open.
    Unauthorized,
    /// 404 for the model that was asked.
    ModelNotFound,
    /// 429, with the header where a time is given.
    RateLimit {
        /// In whole seconds.
        retry_after: Option<Duration>,
    },
    /// 529, as Anthropic says it.
    Overloaded,
    /// Model calls get a refusal as the server kind documents it.
    Documented(Documented),
    /// The queued reply is reset (RST) after so many of its steps.
    DieAfter(usize),
    /// The queued reply is closed without its end after so many of its steps.
    CutAfter(usize),
    /// The queued reply falls silent after so many of its steps.
    HangAfter(usize),
    /// So much silence before each step.
    Slow(Duration),
    /// The stream is written in pieces of so many bytes.
    Fragment(usize),
    /// Text without end.
    Endless,
    /// A line of so many bytes without end.
    HugeLine(usize),
}

/// What a fault does to one request.
pub(crate) enum Effect {
    Hang,
    Reset,
    Answer(Answer),
    /// The reply is changed, and then played.
    Twist,
}

impl Fault {
    /// Whether it concerns this request.
    pub(crate) fn applies(&self, path: &str, body: &Value, model_call: bool) -> bool {
        match self {
            Self::Refuses(refusal) => model_call && refusal.concerns(body),
            Self::HangPath(hanging) => path == *hanging,
            Self::AcceptAndHang
            | Self::HangAllPaths
            | Self::Reset
            | Self::LoadingFor(_)
            | Self::LoadingWhile(_)
            | Self::HtmlWith200 => true,
            // LiteLLM's last two are open too (source).
            Self::Unauthorized => !["/health", "/health/readiness", "/health/liveliness"]
                .iter()
                .any(|open| path.ends_with(open)),
            _ => model_call,
        }
    }

    /// What it does to a request.
    pub(crate) fn effect(&self, kind: &ServerKind, body: &Value, models: &[String]) -> Effect {
        let model = body["model"].as_str().unwrap_or_default();
        let answer = match self {
            Self::Refuses(refusal) => refusal.answer(body),
            Self::AcceptAndHang | Self::HangAllPaths | Self::HangModelCalls | Self::HangPath(_) => return Effect::Hang,
            Self::Reset => return Effect::Reset,
            Self::LoadingFor(_) | Self::LoadingWhile(_) => {
                let body = json!({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}});
                Answer::json(503, &body)
            }
            Self::Status(status, body) => {
                let json = body.starts_with(['{', '[']);
                Answer::new(
                    *status,
                    if json { "application/json" } else { "text/plain" },
                    body.clone(),
                )
            }
            Self::HtmlWith200 => Answer::new(
                200,
                "text/html; charset=utf-8",
                "<!doctype html><html><head><title>Router</title></head><body>Welcome</body></html>",
            ),
            Self::JsonErrorWith200 => Answer::json(
                200,
                &kind.error(500, "server_error", "the backend failed after the headers"),
            ),
            Self::Overflow {
                dialect,
                prompt,
                window,
            } => {
                let window = if *window == 0 {
                    kind.window().unwrap_or(4096)
                } else {
                    *window
                };
                dialect.answer(*prompt, window)
            }
            Self::Unauthorized => unauthorized(kind),
            Self::ModelNotFound => kind.model_not_found(model, models),
            Self::Documented(what) => hosted::answer(kind, what),
            Self::RateLimit { retry_after } => {
                let answer = Answer::json(429, &kind.error(429, "rate_limit_error", "Rate limit reached"));
                match retry_after {
                    Some(time) => answer.with_header("Retry-After", time.as_secs().to_string()),
                    None => answer,
                }
            }
            Self::Overloaded => Answer::json(
                529,
                &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            ),
            Self::WrongContentType
            | Self::DieAfter(_)
            | Self::CutAfter(_)
            | Self::HangAfter(_)
            | Self::Slow(_)
            | Self::Fragment(_)
            | Self::Endless
            | Self::HugeLine(_) => return Effect::Twist,
        };
        Effect::Answer(answer)
    }

    /// The reply as this fault leaves it.
    pub(crate) fn twist(&self, reply: Reply) -> Reply {
        let cut = |count: usize, end: Step| {
            let mut steps = reply.clone().into_steps();
            steps.truncate(count);
            steps.push(end);
            steps
        };
        let steps = match self {
            Self::DieAfter(count) => cut(*count, Step::Rst),
            Self::CutAfter(count) => cut(*count, Step::Close),
            Self::HangAfter(count) => cut(*count, Step::Hang),
            Self::Slow(time) => {
                let slow = |step| [Step::Sleep(*time), step];
                reply.into_steps().into_iter().flat_map(slow).collect()
            }
            Self::Endless => vec![Step::Endless("again and again ".to_owned())],
            Self::HugeLine(bytes) => vec![Step::HugeLine(*bytes), Step::Close],
            _ => return reply,
        };
        steps.into()
    }
}

fn unauthorized(kind: &ServerKind) -> Answer {
    let body = match kind {
        ServerKind::LlamaCpp { .. } | ServerKind::LlamaCppRouter { .. } => {
            kind.error(401, "authentication_error", "Invalid API Key")
        }
        // Without a database, as recorded.
        ServerKind::LiteLlm { .. } => {
            return Answer::json(400, &kind.error(400, "no_db_connection", "No connected db."));
        }
        ServerKind::Vllm { .. } => json!({"error": "Unauthorized"}),
        ServerKind::Anthropic => kind.error(401, "authentication_error", "invalid x-api-key"),
        _ => json!({"error": {
            "message": "Incorrect API key provided", "type": "invalid_request_error", "param": null,
            "code": "invalid_api_key",
        }}),
    };
    Answer::json(401, &body)
}
