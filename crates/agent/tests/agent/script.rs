//! A model that says what a test has written down, and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_stream::stream;
use futures_util::{
    FutureExt,
    future::BoxFuture,
    stream::{BoxStream, StreamExt},
};
use serde_json::Value;
use yabby_agent::{Model, Served, Wish};
use yabby_core::{
    Attempt, EndReason, ErrorKind, Exactness, MalformedCall, Message, ModelError, ModelEvent, ModelRef, ModelRequest,
    Outcome, Phase, TokenCount, ToolCall, Unfinished, Usage, Zone, text,
};
use yabby_route::{Answer, PlanError, RouteEvent, RouteFailure};

/// What the model does when it is asked.
pub(crate) enum Say {
    Text(&'static str),
    /// Reasoning first, which nobody but the owner's screen may see.
    Thinks(&'static str, &'static str),
    Calls(Vec<(&'static str, Value)>),
    Malformed(&'static str),
    /// It begins, and goes on for ever.
    Hangs(&'static str),
    /// It says the same without an end, and faster than anybody reads.
    Floods(&'static str),
    Fails(ErrorKind),
}

/// The model.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    says: VecDeque<Say>,
    asked: Vec<ModelRequest>,
    wishes: Vec<Wish>,
    window: Option<u32>,
    /// For the next answers: the tokens of the prompt, and how many of them were in the cache.
    reads: VecDeque<(u32, u32)>,
}

impl Script {
    pub(crate) fn new(says: impl IntoIterator<Item = Say>) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().says = says.into_iter().collect();
        script
    }

    /// With a window of so many tokens.
    pub(crate) fn with_window(self, tokens: u32) -> Self {
        self.0.lock().unwrap().window = Some(tokens);
        self
    }

    pub(crate) fn then(&self, says: impl IntoIterator<Item = Say>) {
        self.0.lock().unwrap().says.extend(says);
    }

    /// The window from now on.
    pub(crate) fn has_window(&self, window: u32) {
        self.0.lock().unwrap().window = Some(window);
    }

    /// Has the server tell what it has read, and how much of it came from its cache, with the next answers.
    pub(crate) fn reads(&self, reads: impl IntoIterator<Item = (u32, u32)>) {
        self.0.lock().unwrap().reads.extend(reads);
    }

    /// Everything that was asked.
    pub(crate) fn asked(&self) -> Vec<ModelRequest> {
        self.0.lock().unwrap().asked.clone()
    }

    /// On whose behalf each of them was asked.
    pub(crate) fn wishes(&self) -> Vec<Wish> {
        self.0.lock().unwrap().wishes.clone()
    }

    /// The messages of the last request.
    pub(crate) fn last(&self) -> Vec<Message> {
        self.asked().pop().expect("the model was asked").messages
    }

    /// Each request begins with the one before, as long as that one was answered.
    pub(crate) fn assert_prefixes(&self) {
        for pair in self.asked().windows(2) {
            let (one, next) = (&pair[0], &pair[1]);
            assert_eq!((&one.system, &one.tools), (&next.system, &next.tools));
            assert!(
                next.messages.starts_with(&one.messages),
                "{:#?}\ndoes not begin with\n{:#?}",
                next.messages,
                one.messages
            );
        }
    }
}

fn model() -> ModelRef {
    "test/model".parse().unwrap()
}

impl Model for Script {
    fn served<'a>(&'a self, _wish: &'a Wish) -> BoxFuture<'a, Result<Served, PlanError>> {
        let window = self.0.lock().unwrap().window;
        let served = Served {
            model: model(),
            window,
            prefill: None,
            slots: Some(1),
        };
        async move { Ok(served) }.boxed()
    }

    fn estimate(&self, _wish: &Wish, request: &ModelRequest) -> u32 {
        u32::try_from(format!("{request:?}").len() / 4).unwrap()
    }

    fn count<'a>(&'a self, wish: &'a Wish, request: &'a ModelRequest) -> BoxFuture<'a, TokenCount> {
        let tokens = self.estimate(wish, request);
        async move {
            TokenCount {
                tokens,
                exactness: Exactness::Estimated,
            }
        }
        .boxed()
    }

    fn answer<'a>(&'a self, wish: &'a Wish, request: ModelRequest) -> BoxStream<'a, RouteEvent> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(request);
        state.wishes.push(wish.clone());
        let n = state.asked.len();
        let say = state.says.pop_front().expect("the script has an answer");
        let read = state.reads.pop_front();
        drop(state);
        let answer = move |said: &str, calls, malformed| {
            let tried: Vec<Attempt> = read.map(attempt).into_iter().collect();
            Answer {
                attempts: tried.clone(),
                considered: tried,
                ..answer(said, calls, malformed)
            }
        };
        stream! {
            yield RouteEvent::Trying(model());
            match say {
                Say::Text(said) => {
                    yield RouteEvent::Model(ModelEvent::Text(said.to_owned()));
                    yield RouteEvent::Done(answer(said, Vec::new(), Vec::new()));
                }
                Say::Thinks(thought, said) => {
                    yield RouteEvent::Model(ModelEvent::Reasoning(thought.to_owned()));
                    yield RouteEvent::Model(ModelEvent::Text(said.to_owned()));
                    yield RouteEvent::Done(answer(said, Vec::new(), Vec::new()));
                }
                Say::Calls(calls) => {
                    let calls = calls.into_iter().enumerate().map(|(at, (name, arguments))| ToolCall {
                        id: format!("c{n}-{at}"),
                        name: name.to_owned(),
                        arguments: arguments.as_object().cloned().unwrap_or_default(),
                    });
                    yield RouteEvent::Done(answer("", calls.collect(), Vec::new()));
                }
                Say::Malformed(name) => {
                    let malformed = MalformedCall {
                        id: format!("m{n}"),
                        name: name.to_owned(),
                        arguments: "{".to_owned(),
                        problem: "the arguments are no JSON".to_owned(),
                    };
                    yield RouteEvent::Done(answer("", Vec::new(), vec![malformed]));
                }
                Say::Hangs(begin) => {
                    yield RouteEvent::Model(ModelEvent::Text(begin.to_owned()));
                    std::future::pending::<()>().await;
                }
                Say::Floods(word) => loop {
                    yield RouteEvent::Model(ModelEvent::Text(word.to_owned()));
                    tokio::task::yield_now().await;
                },
                Say::Fails(kind) => {
                    yield RouteEvent::Failed(RouteFailure {
                        errors: vec![(model(), ModelError::new(kind, Phase::Connect, "", text!("it is away")))],
                        attempts: Vec::new(),
                        partial: String::new(),
                    });
                }
            }
        }
        .boxed()
    }
}

fn attempt((tokens, cached): (u32, u32)) -> Attempt {
    Attempt {
        model: model(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        zone: Zone::Machine,
        outcome: Outcome::Answered,
        decision: None,
        phase: Phase::Done,
        queued_ms: 0,
        sent_ms: None,
        head_ms: None,
        first_token_ms: None,
        total_ms: 0,
        bytes: 0,
        usage: Usage {
            input_tokens: Some(tokens),
            cached_tokens: Some(cached),
            ..Usage::default()
        },
        cost: None,
    }
}

fn answer(said: &str, tool_calls: Vec<ToolCall>, malformed_calls: Vec<MalformedCall>) -> Answer {
    let mut unfinished = Unfinished::default();
    unfinished.push(&ModelEvent::Text(said.to_owned()));
    let (text, end) = unfinished.push(&ModelEvent::End(EndReason::Stop)).unwrap();
    Answer {
        text,
        tool_calls,
        malformed_calls,
        opaque: Vec::new(),
        model: model(),
        zone: Zone::Machine,
        served_by: None,
        end,
        usage: Usage::default(),
        cost: None,
        attempts: Vec::new(),
        considered: Vec::new(),
        errors: Vec::new(),
    }
}
