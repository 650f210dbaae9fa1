//! The live truth about real servers: what they say of themselves, what they do under load, when they load, die and come
//! back, and what a person is told of all that.

mod facts;
mod go_on;
mod load;
mod many;
mod queue;
mod restart;
mod router;
mod setup;
mod speed;
mod vllm;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use yabby_config::{Config, Environment, load_text};
use yabby_core::{Caller, Message, ModelEvent, ModelRequest, Outcome, Priority, Progress};
use yabby_route::{Answer, Deadlines, RouteEvent, RouteFailure, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http};

/// A probe of a server on this machine takes milliseconds; other things run here too.
const PROBE: Duration = Duration::from_secs(10);

/// Some 120 tokens.
const TEXT: &str = "The harbour lies in the south of the town. Every morning, long before the sun is up, the boats \
    come back, and the people who buy fish for the market stand on the pier with their boxes and lamps. By eight \
    o'clock the last of the fish is sold, the nets hang in the wind, and the only sounds are the gulls and the radio \
    of the old man who mends sails. How many boats does a town of this size need?";

/// The servers of a config, as one process of Yabby knows them.
struct Here {
    config: Config,
    fleet: Fleet,
    http: Http,
}

/// What came of one question.
#[derive(Debug)]
struct Told {
    /// What was told before the first token.
    progress: Vec<Progress>,
    notices: Vec<String>,
    end: Result<Answer, RouteFailure>,
    /// From the question to the first piece of the answer.
    first: Option<Duration>,
}

/// An entry of `models.providers`.
fn provider(id: &str, port: u16, model: &str) -> String {
    format!("{id}: {{ baseUrl: 'http://127.0.0.1:{port}/v1', models: [{{ id: '{model}' }}] }}")
}

/// A config of these providers. `chain` has the primary model and its fallbacks.
fn config(providers: &[String], chain: &[&str]) -> String {
    let model = match chain {
        [] => String::new(),
        [primary, fallbacks @ ..] => {
            format!("agents: {{ defaults: {{ model: {{ primary: '{primary}', fallbacks: {fallbacks:?} }} }} }}")
        }
    };
    format!("{{ models: {{ providers: {{ {} }} }}, {model} }}", providers.join(", "))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A question with an answer of at most so many tokens, the same each time.
fn request(question: &str, most: u32) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(question)],
        max_output_tokens: Some(most),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

/// The same, with exactly so many: the model may not stop.
fn long_answer(question: &str, tokens: u32) -> ModelRequest {
    ModelRequest {
        extra_body: serde_json::Map::from_iter([("ignore_eos".to_owned(), true.into())]),
        ..request(question, tokens)
    }
}

fn caller(priority: Priority, session: &str) -> Caller {
    Caller {
        priority,
        session: session.to_owned(),
    }
}

// === impl Here ===

impl Here {
    fn of(config: &str) -> Self {
        let loaded = load_text(config, &Environment::default());
        Self {
            fleet: Fleet::new(Endpoint::from_config(&loaded.config)),
            config: loaded.config,
            http: Http::default(),
        }
    }

    fn endpoint(&self, provider: &str) -> &Endpoint {
        self.fleet.endpoint(provider).unwrap()
    }

    /// Asks the model that is named, or the chain of the config.
    async fn ask(&self, model: Option<&str>, request: ModelRequest) -> Told {
        self.ask_for(&Caller::default(), model, request, Deadlines::of).await
    }

    async fn ask_for(
        &self,
        caller: &Caller,
        model: Option<&str>,
        request: ModelRequest,
        deadlines: impl Fn(&Endpoint) -> Deadlines + Send + Sync + 'static,
    ) -> Told {
        let mut plan = plan(
            &self.config,
            &self.fleet,
            &Wanted {
                model,
                ..Wanted::default()
            },
        )
        .unwrap();
        plan.caller = caller.clone();
        let start = Instant::now();
        let mut events = Router::new(&self.http, &self.config)
            .with_deadlines(deadlines)
            .answer(plan, request);
        let (mut progress, mut notices, mut first) = (Vec::new(), Vec::new(), None);
        while let Some(event) = events.next().await {
            let end = match event {
                RouteEvent::Notice(notice) => {
                    notices.push(notice.english());
                    continue;
                }
                RouteEvent::Model(ModelEvent::Progress(sign)) => {
                    progress.push(sign);
                    continue;
                }
                RouteEvent::Model(ModelEvent::Text(_)) => {
                    first.get_or_insert_with(|| start.elapsed());
                    continue;
                }
                RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Attempt(_) => continue,
                RouteEvent::Done(answer) => Ok(answer),
                RouteEvent::Failed(failure) => Err(failure),
            };
            return Told {
                progress,
                notices,
                end,
                first,
            };
        }
        panic!("a question without an end");
    }
}

// === impl Told ===

impl Told {
    fn answer(&self) -> &Answer {
        self.end.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    /// Everything that was tried: the model, and the word for what came of it.
    fn tried(&self) -> Vec<(String, String)> {
        let attempts = match &self.end {
            Ok(answer) => &answer.attempts,
            Err(failure) => &failure.attempts,
        };
        let word = |outcome: &Outcome| match outcome {
            Outcome::Answered => "answered".to_owned(),
            Outcome::Outrun => "outrun".to_owned(),
            Outcome::PassedOver { error, .. } | Outcome::Failed { error, .. } => format!("{error:?}"),
        };
        let one = |attempt: &yabby_core::Attempt| (attempt.model.to_string(), word(&attempt.outcome));
        attempts.iter().map(one).collect()
    }
}

/// What [`Told::tried`] is compared with.
fn tried(attempts: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(model, outcome): &(&str, &str)| ((*model).to_owned(), (*outcome).to_owned());
    attempts.iter().map(owned).collect()
}
