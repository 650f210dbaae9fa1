//! One answer as it comes.

use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, timeout_at};
use yabby_core::{ErrorKind, ModelError, ModelEvent, ModelRequest, Phase, Progress, Text, text};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation, Quirks, ResponseHeaders, WireError, classify};

use crate::{Endpoint, credentials::Lease, transport};

/// The most that is read of an error body, in bytes, and for how long: what is wrong is known already.
const ERROR_BODY: usize = 1024 * 1024;
const ERROR_PATIENCE: Duration = Duration::from_secs(2);

/// The most that an answer may have, in bytes on the wire. A stream spends some 250 bytes on a token, so this is far
/// more than any model says, and little enough to hold.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// How many models a hint names.
const MOST_NAMES: usize = 8;

/// How long token counts may come after the answer.
const AFTERWORD: Duration = Duration::from_secs(2);

/// A response whose body is decoded while it arrives. Dropping it closes the connection, which frees the slot of a
/// llama.cpp or vLLM server at once (measured: 0.26 s and 0.4 s).
#[derive(Debug)]
pub struct AnswerStream {
    asked: Asked,
    response: Option<reqwest::Response>,
    decoder: Decoder,
    ready: VecDeque<ModelEvent>,
    failed: Option<WireError>,
    bytes: u64,
    begun: bool,
    /// When a complete answer is not waited for any longer.
    until: Option<Instant>,
}

/// Who was asked, and with which key.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: String,
    pub(crate) lease: Lease,
}

impl Asked {
    /// The server's error, which is noted for the key.
    fn error(&self, phase: Phase, mut error: WireError) -> ModelError {
        self.endpoint.key_failed(self.lease, &self.model, &mut error);
        from_wire(&self.endpoint, phase, &error)
    }
}

impl AnswerStream {
    /// Looks at the head of the response; an error status becomes a typed error.
    pub(crate) async fn open(
        asked: Asked,
        dialect: Dialect,
        request: &ModelRequest,
        quirks: &Quirks,
        mut response: reqwest::Response,
    ) -> Result<Self, ModelError> {
        let headers = response_headers(&response);
        let status = response.status();
        let content_type = headers.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
        let kind = BodyKind::from_content_type(headers.content_type.as_deref());
        let mut expectation = Expectation::with(request, quirks);
        expectation.may_start_in_reasoning = asked.endpoint.may_think_aloud(dialect, &asked.model);
        let mut decoder = Decoder::new(dialect, kind, &expectation);
        if !status.is_success() || content_type.starts_with("text/html") {
            let body = read_at_most(&mut response, ERROR_BODY, ERROR_PATIENCE).await;
            let error = classify(status.as_u16(), &headers, &body);
            // The one error that has the answer in it.
            let mut events = Vec::new();
            if let Err(error) = decoder.recover(error, &mut events) {
                return Err(asked.error(Phase::Head, error));
            }
            return Ok(Self {
                bytes: body.len() as u64,
                ready: events.into(),
                ..Self::of(asked, decoder, None)
            });
        }
        Ok(Self::of(asked, decoder, Some(response)))
    }

    fn of(asked: Asked, decoder: Decoder, response: Option<reqwest::Response>) -> Self {
        Self {
            decoder,
            asked,
            response,
            ready: VecDeque::new(),
            failed: None,
            bytes: 0,
            begun: false,
            until: None,
        }
    }

    /// The next event; `None` after the end. Cancel-safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if let ModelEvent::End(_) = event {
                    self.asked.endpoint.key_succeeded(self.asked.lease, &self.asked.model);
                }
                self.begun |= matches!(
                    event,
                    ModelEvent::Text(_)
                        | ModelEvent::Reasoning(_)
                        | ModelEvent::ToolCall(_)
                        | ModelEvent::MalformedCall(_)
                );
                return Some(Ok(event));
            }
            if let Some(error) = self.failed.take() {
                self.response = None;
                return Some(Err(self.asked.error(self.phase(), error)));
            }
            let response = self.response.as_mut()?;
            let mut events = Vec::new();
            let chunk = if self.decoder.is_complete() {
                // What may still come are token counts; a server that keeps the connection open is not waited for.
                let until = *self.until.get_or_insert_with(|| Instant::now() + AFTERWORD);
                timeout_at(until, response.chunk()).await.unwrap_or(Ok(None))
            } else {
                response.chunk().await
            };
            let decoded = match chunk {
                Ok(Some(chunk)) => {
                    self.bytes += chunk.len() as u64;
                    if self.bytes > LONGEST_ANSWER {
                        self.response = None;
                        return Some(Err(self.too_long()));
                    }
                    let decoded = self.decoder.push(&chunk, &mut events);
                    if events.is_empty() {
                        // A part of a frame is a sign of life too.
                        events.push(ModelEvent::Progress(Progress::Alive));
                    }
                    decoded
                }
                Ok(None) => {
                    self.response = None;
                    self.decoder.finish(&mut events)
                }
                Err(error) => {
                    self.response = None;
                    // What was decoded is complete when the server has said that it is, whatever the socket says.
                    match self.decoder.finish(&mut events) {
                        Ok(()) => Ok(()),
                        Err(_) => return Some(Err(transport::error(&self.asked.endpoint, self.phase(), error))),
                    }
                }
            };
            self.failed = decoded.err();
            self.ready.extend(events);
        }
    }

    /// Bytes of the body so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the model wrote its calls as text, which the server did not read and Yabby did. Known after the end.
    pub fn called_in_text(&self) -> bool {
        self.decoder.called_in_text()
    }

    fn too_long(&self) -> ModelError {
        ModelError::new(
            ErrorKind::Malformed,
            self.phase(),
            &self.asked.endpoint.base_url,
            text!(
                "the answer of {url} has more than {megabytes} MB",
                url = self.asked.endpoint.base_url,
                megabytes = LONGEST_ANSWER >> 20
            ),
        )
        .with_hint(text!("set maxTokens for this model, so that it cannot go on for ever"))
    }

    fn phase(&self) -> Phase {
        if self.begun {
            Phase::Streaming
        } else {
            Phase::FirstToken
        }
    }
}

/// The beginning of a body: what has come when there is `most`, when `patience` ends, or when the body does.
pub(crate) async fn read_at_most(response: &mut reqwest::Response, most: usize, patience: Duration) -> Vec<u8> {
    let until = Instant::now() + patience;
    let mut body = Vec::new();
    while body.len() < most
        && let Ok(Ok(Some(chunk))) = timeout_at(until, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// The headers that the classifier reads.
pub(crate) fn response_headers(response: &reqwest::Response) -> ResponseHeaders {
    ResponseHeaders::read(|name| response.headers().get(name)?.to_str().ok())
}

/// A server's own error with its place and what the person can do.
pub(crate) fn from_wire(endpoint: &Endpoint, phase: Phase, error: &WireError) -> ModelError {
    let words = endpoint.redacted(&error.message);
    let summary = error.summary();
    let message = if words.is_empty() {
        summary
    } else {
        text!("{summary}: {words}", summary = summary, words = words)
    };
    let mut built = ModelError::new(error.kind, phase, &endpoint.base_url, message).with_details(error.details.clone());
    built.hint = match error.kind {
        ErrorKind::Auth | ErrorKind::Billing | ErrorKind::RateLimit => endpoint.key_hint(error.kind, &error.details),
        ErrorKind::NotAnApi => Some(text!(
            "check baseUrl: {url} does not answer as an OpenAI-style API; it usually ends in /v1",
            url = endpoint.base_url
        )),
        ErrorKind::ModelNotFound => Some(endpoint.models_hint("")),
        ErrorKind::NotLoaded => Some(text!("load the model in the server's own window or command line")),
        ErrorKind::ContextOverflow => Some(text!(
            "shorten the input, or start the server with a larger context window"
        )),
        ErrorKind::Interrupted | ErrorKind::Server | ErrorKind::Malformed => Some(text!(
            "look into the server's log: it may have crashed or been restarted"
        )),
        ErrorKind::Overloaded | ErrorKind::Loading => Some(text!(
            "ask again in a moment, or name fallbacks in agents.defaults.model"
        )),
        ErrorKind::Template
        | ErrorKind::Grammar
        | ErrorKind::UnsupportedField
        | ErrorKind::UnsupportedFeature
        | ErrorKind::ToolParser
        | ErrorKind::BadRequest => Some(text!("use another model, or a newer version of the server")),
        _ => None,
    };
    built
}

impl Endpoint {
    /// What to do when the server does not have the model `missing`: what it has instead, as far as that is known. A list
    /// that still names the model is an old one.
    pub fn models_hint(&self, missing: &str) -> Text {
        let known = self.known();
        let models = known.iter().flat_map(|facts| &facts.models);
        let names = models.map(|model| model.id.as_str()).filter(|name| *name != missing);
        let names: Vec<&str> = names.take(MOST_NAMES).collect();
        if names.is_empty() {
            return text!("see `yabby models` for what {provider} has", provider = self.provider);
        }
        text!(
            "{provider} has {models}: correct the name in the config",
            provider = self.provider,
            models = names.join(", ")
        )
    }
}
