//! A config with its servers and a router that lasts, and how long turns take.

use std::{ops::Deref, time::Duration};

use futures_util::stream::BoxStream;
use tokio::time::Instant;
use yabby_config::{Config, Environment, load_text};
use yabby_core::{Caller, ErrorKind, Message, ModelError, ModelRequest};
use yabby_route::{Plan, PlanError, RouteEvent, Router, Wanted, plan};
use yabby_servers::{BreakerState, Endpoint, Fleet, Http};
use yabby_testkit::{ModelServer, ServerKind};

use crate::scene::Seen;

/// What a process has: it remembers what servers taught, and what a person was told.
pub(super) struct World {
    config: Config,
    pub(super) fleet: Fleet,
    pub(super) http: Http,
    router: Router,
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
        let urls: Vec<String> = servers.iter().map(|server| server.base_url()).collect();
        Self::at(&urls, more)
    }

    /// The same at these addresses.
    pub(super) fn at(urls: &[String], more: &str) -> Self {
        let provider = |(at, url): (usize, &String)| format!("p{at}: {{ baseUrl: '{url}', models: [{{ id: 'm' }}] }}");
        let providers: Vec<String> = urls.iter().enumerate().map(provider).collect();
        let fallbacks: Vec<String> = (1..urls.len()).map(|at| format!("'p{at}/m'")).collect();
        Self::with_config(&format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: [{}] }} }} }}, models: {{ providers: {{ {} }} }}, {more} }}",
            fallbacks.join(","),
            providers.join(",")
        ))
    }

    pub(super) fn with_config(text: &str) -> Self {
        let loaded = load_text(text, &Environment::default());
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let http = Http::default();
        Self {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            router: Router::new(&http, &loaded.config),
            config: loaded.config,
            http,
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

    pub(super) fn plan(&self, wanted: &Wanted<'_>) -> Result<Plan, PlanError> {
        plan(&self.config, &self.fleet, wanted)
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

impl Deref for Turn {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}
