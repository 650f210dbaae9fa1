//! One small question, and everything of its answer that a test looks at.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use yabby_core::{ErrorKind, Message, ModelError, ModelEvent, ModelRequest, Text, ToolCall, Usage, text};
use yabby_wire::{Dialect, Step};

use super::{Capability, finding::Judged};
use crate::{Endpoint, Http, ServerKind};

/// Between two looks at a server that is loading its model.
const LOADING_PAUSE: Duration = Duration::from_millis(500);

/// The most refusals of the first question that are met with a change of the request.
const MOST_STEPS: usize = 6;

/// Whom the tests ask.
pub(super) struct Asking<'a> {
    pub(super) http: &'a Http,
    /// With a memory of its own: what is learned here is for these tests.
    pub(super) endpoint: Endpoint,
    pub(super) model: &'a str,
    pub(super) kind: Option<ServerKind>,
    /// Fields of every request, from the config.
    pub(super) extra_body: &'a Map<String, Value>,
    /// How many tokens more an answer may have, because the model reasons before it.
    pub(super) room: u32,
    /// What times are counted from.
    pub(super) start: Instant,
}

/// An answer that came to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    /// There was reasoning that is not blank.
    pub(super) reasoned: bool,
    /// Events of text and reasoning.
    pub(super) pieces: usize,
    pub(super) calls: Vec<ToolCall>,
    /// Calls that cannot be run.
    pub(super) malformed: usize,
    /// The model wrote its calls as text.
    pub(super) called_in_text: bool,
    pub(super) usage: Usage,
    pub(super) times: Times,
}

/// When what happened, since the tests began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// The question was sent.
    pub(super) asked: Duration,
    /// The first piece of text or reasoning came.
    pub(super) first: Option<Duration>,
    /// The last one came.
    pub(super) last: Option<Duration>,
    /// The answer was over.
    pub(super) ended: Duration,
}

/// A question of a test. Always the likeliest words, where the server lets one say so.
pub(super) fn question(words: impl Into<String>, max_output_tokens: u32) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(words)],
        max_output_tokens: Some(max_output_tokens),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

/// What a test says when the model has said nothing because it reasons for so long.
pub(super) fn only_thought() -> Text {
    text!("it used up its tokens on reasoning before it said anything")
}

/// What a test says when the server gave no answer.
pub(super) fn refused(error: &ModelError) -> Judged {
    Judged::fails(error.message.clone(), error.hint.clone())
}

// === impl Asking ===

impl Asking<'_> {
    /// Asks, and waits for as long as the server loads its model. Dropping the future closes the connection.
    pub(super) async fn ask(&self, mut request: ModelRequest) -> Result<Said, ModelError> {
        for (name, value) in self.extra_body {
            request.extra_body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        loop {
            match Box::pin(self.once(&request)).await {
                Err(error) if error.kind == ErrorKind::Loading => sleep(LOADING_PAUSE).await,
                done => return done,
            }
        }
    }

    /// The same with room for the model's reasoning, for an answer that is judged by its words or calls.
    pub(super) async fn ask_with_room(&self, mut request: ModelRequest) -> Result<Said, ModelError> {
        request.max_output_tokens = request.max_output_tokens.map(|tokens| tokens.saturating_add(self.room));
        self.ask(request).await
    }

    /// As [`Asking::ask`], and what the server refuses of the request is left out or said in another way, as for a question of a
    /// person. That is kept for later questions.
    ///
    /// Only for a question without anything that is to be tried: a step could take just that out.
    pub(super) async fn ask_with_less(&self, request: ModelRequest) -> Result<Said, ModelError> {
        let mut taken = 0;
        loop {
            let dialect = self.endpoint.dialect_of(self.model, &request);
            let error = match self.ask(request.clone()).await {
                Ok(said) => return Ok(said),
                Err(error) => error,
            };
            let step = self.endpoint.next_step(dialect, self.model, &request, &error, &[]);
            match step {
                _ if taken == MOST_STEPS => return Err(error),
                Some(step) if step != Step::FindRefusedTools => self.endpoint.learn(self.model, step),
                // It has no /v1/responses.
                _ if dialect == Dialect::Responses && error.kind == ErrorKind::NotAnApi => {
                    self.endpoint.learn_dialect(Dialect::Chat);
                }
                _ => return Err(error),
            }
            taken += 1;
        }
    }

    async fn once(&self, request: &ModelRequest) -> Result<Said, ModelError> {
        let dialect = self.endpoint.dialect_of(self.model, request);
        let mut said = Said::default();
        said.times.asked = self.start.elapsed();
        let mut stream = self.endpoint.ask(self.http, dialect, self.model, request).await?;
        while let Some(event) = stream.next().await {
            match event? {
                ModelEvent::Text(piece) => {
                    said.text.push_str(&piece);
                    said.piece(self.start.elapsed());
                }
                ModelEvent::Reasoning(piece) => {
                    said.reasoned |= !piece.trim().is_empty();
                    said.piece(self.start.elapsed());
                }
                ModelEvent::ToolCall(call) => said.calls.push(call),
                ModelEvent::MalformedCall(_) => said.malformed += 1,
                ModelEvent::Usage(usage) => said.usage.update(usage),
                ModelEvent::Progress(_) | ModelEvent::Opaque(_) | ModelEvent::ServedBy(_) | ModelEvent::End(_) => {}
            }
        }
        said.called_in_text = stream.called_in_text();
        said.times.ended = self.start.elapsed();
        Ok(said)
    }

    /// The dialect in which a question without tools goes out.
    pub(super) fn dialect(&self) -> Dialect {
        self.endpoint.dialect_for(self.model)
    }
}

// === impl Said ===

impl Said {
    fn piece(&mut self, at: Duration) {
        self.pieces += 1;
        self.times.first.get_or_insert(at);
        self.times.last = Some(at);
    }

    /// Whether there is reasoning and nothing else.
    pub(super) fn only_thought(&self) -> bool {
        self.reasoned && self.text.trim().is_empty() && self.calls.is_empty() && self.malformed == 0
    }

    /// How long the first piece took.
    pub(super) fn to_first(&self) -> Option<Duration> {
        Some(self.times.first?.saturating_sub(self.times.asked))
    }
}

// === impl Capability ===

impl Capability {
    /// How the time is divided among the tests, by what they ask for: the first one may have to wait for the model to
    /// be loaded.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Answer => 16,
            Self::Stream | Self::JsonSchema | Self::Image | Self::Parallel => 2,
            Self::Reasoning | Self::PrefixCache => 3,
            Self::Tools => 4,
        }
    }
}
