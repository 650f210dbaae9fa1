//! A config, its endpoints, and what comes of requests.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream::BoxStream};
use yabby_config::{Config, Environment, load_text};
use yabby_core::{Caller, Message, ModelEvent, ModelRequest, Outcome, Priority, Progress};
use yabby_route::{Answer, Deadlines, Plan, PlanError, RouteEvent, RouteFailure, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http, ServerFacts};
use yabby_testkit::ModelServer;

/// Providers `p0`, `p1` and so on, and a policy that tries model `m` of each in this order. Endpoints remember from one
/// turn to the next.
pub(crate) struct Scene {
    config: Config,
    pub(crate) fleet: Fleet,
    pub(crate) http: Http,
}

/// A router that lasts, as in a process.
pub(crate) struct Process {
    pub(crate) config: Config,
    pub(crate) fleet: Fleet,
    pub(crate) router: Router,
}

/// What came of one request.
pub(crate) struct Seen {
    /// The candidates that were asked, `p0/m`.
    pub(crate) tried: Vec<String>,
    pub(crate) notices: Vec<String>,
    pub(crate) events: Vec<ModelEvent>,
    pub(crate) end: Result<Answer, RouteFailure>,
}

/// A request of one short message.
pub(crate) fn hello() -> ModelRequest {
    saying("Hello?")
}

/// A request of one message.
pub(crate) fn saying(words: &str) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(words)],
        ..ModelRequest::default()
    }
}

/// A person in a session.
pub(crate) fn person(session: &str) -> Caller {
    Caller {
        priority: Priority::Person,
        session: session.to_owned(),
    }
}

/// Work that nobody waits for.
pub(crate) fn upkeep() -> Caller {
    Caller {
        priority: Priority::Upkeep,
        session: "upkeep".to_owned(),
    }
}

// === impl Scene ===

impl Scene {
    /// A provider for each URL.
    pub(crate) fn chain(urls: &[String]) -> Self {
        let providers: Vec<String> = urls.iter().map(|url| format!("baseUrl: \"{url}\"")).collect();
        Self::of(&providers)
    }

    /// A provider for each server.
    pub(crate) fn with(servers: &[&ModelServer]) -> Self {
        let urls: Vec<String> = servers.iter().map(|server| server.base_url()).collect();
        Self::chain(&urls)
    }

    /// A provider for each object of the config, without its braces and models.
    pub(crate) fn of(providers: &[impl AsRef<str>]) -> Self {
        let objects = providers.iter().enumerate().map(|(at, provider)| {
            let provider = provider.as_ref();
            format!(r#"p{at}: {{ {provider}, models: [{{ id: "m" }}] }}"#)
        });
        let objects: Vec<String> = objects.collect();
        let fallbacks: Vec<String> = (1..objects.len()).map(|at| format!("\"p{at}/m\"")).collect();
        let text = format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: [{}] }} }} }}, models: {{ providers: {{ {} }} }} }}",
            fallbacks.join(","),
            objects.join(",")
        );
        let loaded = load_text(&text, &Environment::default());
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        Self {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            config: loaded.config,
            http: Http::default(),
        }
    }

    /// The endpoint of a provider: its first, where it has several.
    pub(crate) fn endpoint(&self, provider: &str) -> &Endpoint {
        self.fleet.endpoint(provider).unwrap()
    }

    /// Asks a server what it is, as the keeper does.
    pub(crate) async fn look(&self, provider: &str) -> std::sync::Arc<ServerFacts> {
        let limit = Duration::from_secs(4);
        self.endpoint(provider).refresh(&self.http, Duration::ZERO, limit).await
    }

    /// One request.
    pub(crate) fn events(
        &self,
        caller: Caller,
        request: ModelRequest,
        deadlines: fn(&Endpoint) -> Deadlines,
    ) -> BoxStream<'static, RouteEvent> {
        let mut plan = plan(&self.config, &self.fleet, &Wanted::default()).unwrap();
        plan.caller = caller;
        Router::new(&self.http, &self.config)
            .with_deadlines(deadlines)
            .answer(plan, request)
    }

    /// One request of a person, with the usual deadlines, to its end.
    pub(crate) async fn turn(&self, request: ModelRequest) -> Seen {
        self.turn_of(Caller::default(), request).await
    }

    /// The same for somebody.
    pub(crate) async fn turn_of(&self, caller: Caller, request: ModelRequest) -> Seen {
        Seen::of(self.events(caller, request, Deadlines::of)).await
    }

    /// Who waits for a slot of a provider's model, and who has one.
    pub(crate) fn in_queue(&self, provider: &str) -> (usize, usize) {
        let queue = self.endpoint(provider).queue_of("m");
        (queue.waiting.values().sum(), queue.running.values().sum())
    }
}

// === impl Process ===

impl Process {
    /// `p0/m` with its fallbacks at these addresses, and more of the config.
    pub(crate) fn new(urls: &[String], more: &str) -> Self {
        let providers: Vec<String> = urls.iter().map(|url| format!("baseUrl: '{url}'")).collect();
        Self::with(&providers, more)
    }

    /// The same for each object of the config, without its braces and models.
    pub(crate) fn with(providers: &[String], more: &str) -> Self {
        let provider = |(at, provider): (usize, &String)| format!("p{at}: {{ {provider}, models: [{{ id: 'm' }}] }}");
        let fallbacks: Vec<String> = (1..providers.len()).map(|at| format!("'p{at}/m'")).collect();
        let providers: Vec<String> = providers.iter().enumerate().map(provider).collect();
        let text = format!(
            "{{ agents: {{ defaults: {{ model: {{ primary: 'p0/m', fallbacks: [{}] }} }} }}, models: {{ providers: {{ {} }} }}, {more} }}",
            fallbacks.join(","),
            providers.join(",")
        );
        Self::with_config(&text)
    }

    /// With this config.
    pub(crate) fn with_config(text: &str) -> Self {
        let loaded = load_text(text, &Environment::default());
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        Self {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            router: Router::new(&Http::default(), &loaded.config),
            config: loaded.config,
        }
    }

    pub(crate) fn of(servers: &[&ModelServer], more: &str) -> Self {
        let urls: Vec<String> = servers.iter().map(|server| server.base_url()).collect();
        Self::new(&urls, more)
    }

    pub(crate) fn plan(&self, wanted: &Wanted<'_>) -> Result<Plan, PlanError> {
        plan(&self.config, &self.fleet, wanted)
    }

    pub(crate) async fn turn(&self, request: ModelRequest) -> Seen {
        self.turn_of(Caller::default(), request).await
    }

    pub(crate) async fn turn_of(&self, caller: Caller, request: ModelRequest) -> Seen {
        let mut plan = self.plan(&Wanted::default()).unwrap();
        plan.caller = caller;
        Seen::of(self.router.answer(plan, request)).await
    }
}

// === impl Seen ===

impl Seen {
    /// All events to the end.
    pub(crate) async fn of(mut stream: impl Stream<Item = RouteEvent> + Unpin) -> Self {
        let (mut tried, mut notices, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let end = loop {
            match stream.next().await.unwrap() {
                RouteEvent::Trying(model) => tried.push(model.to_string()),
                RouteEvent::Notice(notice) => notices.push(notice.english()),
                RouteEvent::Model(event) => events.push(event),
                RouteEvent::Attempt(_) => {}
                RouteEvent::Done(answer) => break Ok(answer),
                RouteEvent::Failed(failure) => break Err(failure),
            }
        };
        Self {
            tried,
            notices,
            events,
            end,
        }
    }

    /// The text of the answer.
    pub(crate) fn text(&self) -> &str {
        match &self.end {
            Ok(answer) => answer.text.as_str(),
            Err(failure) => panic!("no answer: {:?}", failure.errors),
        }
    }

    /// What came of each attempt: `answered`, or the kind of the error.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let attempts = match &self.end {
            Ok(answer) => &answer.attempts,
            Err(failure) => &failure.attempts,
        };
        let outcome = |outcome: &Outcome| match outcome {
            Outcome::Answered => "answered".to_owned(),
            Outcome::Outrun => "outrun".to_owned(),
            Outcome::PassedOver { error, .. } | Outcome::Failed { error, .. } => {
                let kind = serde_json::to_value(error).unwrap();
                kind.as_str().unwrap().to_owned()
            }
        };
        attempts.iter().map(|attempt| outcome(&attempt.outcome)).collect()
    }

    /// What was told of the server's work, each once; signs of life that say nothing else are left out.
    pub(crate) fn progress(&self) -> Vec<Progress> {
        let mut told = Vec::new();
        for event in &self.events {
            if let ModelEvent::Progress(progress) = event
                && *progress != Progress::Alive
                && !told.contains(progress)
            {
                told.push(*progress);
            }
        }
        told
    }

    /// The text as it was shown while it came.
    pub(crate) fn shown(&self) -> String {
        let pieces = self.events.iter().filter_map(|event| match event {
            ModelEvent::Text(text) => Some(text.as_str()),
            _ => None,
        });
        pieces.collect()
    }
}
