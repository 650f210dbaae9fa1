//! A config with its servers and a router that lasts, and how long turns take.

use std::{ops::Deref, time::Duration};

use futures_util::stream::BoxStream;
use tokio::time::Instant;
use yabby_core::{Caller, ErrorKind, Message, ModelError, ModelRequest};
use yabby_route::{Plan, RouteEvent, Wanted};
use yabby_servers::{BreakerState, Endpoint, Http};
use yabby_testkit::{ModelServer, ServerKind};

use crate::scene::{Process, Seen};

/// A process, and short ways to look into it.
pub(super) struct World {
    process: Process,
    pub(super) http: Http,
}

/// What came of one request, and how long it took.
pub(super) struct Turn {
    seen: Seen,
    pub(super) took: Duration,
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A server that plays this kind and has the model `m`.
pub(super) async fn playing(kind: ServerKind) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    server
}

/// A conversation of some exchanges, each with so many words, and a last question.
pub(super) fn conversation(exchanges: usize, words: usize) -> ModelRequest {
    let long = "The quick brown fox jumps over the lazy dog again. ".repeat(words / 10);
    let exchange = |_| [Message::user(long.clone()), Message::assistant("Yes.")];
    ModelRequest {
        messages: (0..exchanges)
            .flat_map(exchange)
            .chain([Message::user("And now?")])
            .collect(),
        ..ModelRequest::default()
    }
}

/// How many messages each model call had.
pub(super) fn lengths(server: &ModelServer) -> Vec<usize> {
    let calls = server.model_calls();
    let messages = calls.iter().map(|call| call.body["messages"].as_array().unwrap().len());
    messages.collect()
}

// === impl World ===

impl World {
    /// `p0/m` with its fallbacks at these servers, and more of the config.
    pub(super) fn of(servers: &[&ModelServer], more: &str) -> Self {
        Self::around(Process::of(servers, more))
    }

    /// The same at these addresses.
    pub(super) fn at(urls: &[String], more: &str) -> Self {
        Self::around(Process::new(urls, more))
    }

    pub(super) fn with_config(text: &str) -> Self {
        Self::around(Process::with_config(text))
    }

    fn around(process: Process) -> Self {
        Self {
            process,
            http: Http::default(),
        }
    }

    /// Asks all servers what they are.
    pub(super) async fn look(&self) {
        self.fleet.refresh(&self.http, Duration::ZERO).await;
    }

    pub(super) fn endpoint(&self, provider: &str) -> &Endpoint {
        self.fleet.endpoint(provider).unwrap()
    }

    pub(super) fn is_closed(&self, provider: &str) -> bool {
        self.endpoint(provider).breaker().state == BreakerState::Closed
    }

    /// Who waits for a slot of a provider's model, and who has one.
    pub(super) fn in_queue(&self, provider: &str) -> (usize, usize) {
        let queue = self.endpoint(provider).queue_of("m");
        (queue.waiting.values().sum(), queue.running.values().sum())
    }

    pub(super) fn answer(&self, plan: Plan, request: ModelRequest) -> BoxStream<'static, RouteEvent> {
        self.router.answer(plan, request)
    }

    pub(super) fn events(&self, caller: Caller, request: ModelRequest) -> BoxStream<'static, RouteEvent> {
        let mut plan = self.plan(&Wanted::default()).unwrap();
        plan.caller = caller;
        self.answer(plan, request)
    }

    pub(super) async fn turn(&self, request: ModelRequest) -> Turn {
        self.turn_of(Caller::default(), request).await
    }

    pub(super) async fn turn_of(&self, caller: Caller, request: ModelRequest) -> Turn {
        Turn::of(self.events(caller, request)).await
    }
}

// === impl Turn ===

impl Turn {
    pub(super) async fn of(events: BoxStream<'static, RouteEvent>) -> Self {
        let begun = Instant::now();
        let seen = Seen::of(events).await;
        Self {
            seen,
            took: begun.elapsed(),
        }
    }

    /// What failed, one error a candidate. Each says what to do.
    pub(super) fn errors(&self) -> Vec<&ModelError> {
        let errors = match &self.end {
            Ok(answer) => &answer.errors,
            Err(failure) => &failure.errors,
        };
        for (model, error) in errors {
            assert!(error.hint.is_some(), "{model}: {error:?} says nothing of what to do");
        }
        errors.iter().map(|(_, error)| error).collect()
    }

    pub(super) fn kinds(&self) -> Vec<ErrorKind> {
        self.errors().iter().map(|error| error.kind).collect()
    }

    /// The text, which must be what was shown.
    #[track_caller]
    pub(super) fn whole(&self) -> &str {
        assert_eq!(self.shown(), self.text(), "what was shown is not the answer");
        self.text()
    }
}

impl Deref for World {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Deref for Turn {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}
