//! Servers that refuse a part of the request: what is left out or reshaped, how often is asked, what the person is
//! told, and what the next request looks like.

mod limits;
mod request;
mod tools;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use yabby_config::{Config, Environment, Params, load_text};
use yabby_core::{Attempt, ErrorKind, Image, Message, ModelRequest, Thinking, Tool, ToolCall, ToolChoice};
use yabby_route::{Answer, Deadlines, Plan, RouteEvent, RouteFailure, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http, Reach};
use yabby_testkit::{Fault, ModelServer, Refusal, script};

/// A server and the way to it, which remembers.
struct Place {
    server: ModelServer,
    plan: Plan,
}

/// What came of one request.
struct Turn {
    notices: Vec<String>,
    end: Result<Answer, RouteFailure>,
    /// The bodies that the server saw.
    sent: Vec<Value>,
}

impl Place {
    async fn new(refusals: &[Refusal]) -> Self {
        Self::speaking("openai-completions", refusals).await
    }

    async fn speaking(api: &str, refusals: &[Refusal]) -> Self {
        let server = ModelServer::start().await;
        for refusal in refusals {
            server.fault(Fault::Refuses(refusal.clone()));
        }
        let text = format!(
            r#"{{ agents: {{ defaults: {{ model: {{ primary: "p/m", fallbacks: ["p/other"] }} }} }}, models: {{ providers: {{
                p: {{ baseUrl: "{}", api: "{api}", models: [{{ id: "m" }}, {{ id: "other" }}] }} }} }} }}"#,
            server.base_url()
        );
        let loaded = load_text(&text, &Environment::default());
        let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
        let plan = plan(&loaded.config, &fleet, &Wanted::default()).unwrap();
        Self { server, plan }
    }

    /// Schemas are sent as they are, as to a hosted server.
    fn hosted(mut self) -> Self {
        for candidate in &mut self.plan.candidates {
            candidate.endpoint.reach = Reach::Hosted;
        }
        self
    }

    /// Without a model to fall back on.
    fn alone(mut self) -> Self {
        self.plan.candidates.truncate(1);
        self
    }

    async fn ask(&self, request: &ModelRequest) -> Turn {
        self.ask_within(request, Deadlines::of).await
    }

    async fn ask_within(&self, request: &ModelRequest, deadlines: fn(&Endpoint) -> Deadlines) -> Turn {
        let before = self.server.model_calls().len();
        let mut stream = Router::new(&Http::default(), &Config::default())
            .with_deadlines(deadlines)
            .answer(self.plan.clone(), request.clone());
        let mut notices = Vec::new();
        let end = loop {
            match stream.next().await.unwrap() {
                RouteEvent::Notice(notice) => notices.push(notice.english()),
                RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Attempt(_) => {}
                RouteEvent::Done(answer) => break Ok(answer),
                RouteEvent::Failed(failure) => break Err(failure),
            }
        };
        let calls = self.server.model_calls().into_iter().skip(before);
        Turn {
            notices,
            end,
            sent: calls.map(|call| call.body).collect(),
        }
    }

    /// Asks twice. The first time takes `requests` and tells `notices`; the second is right at once and tells nothing.
    /// Gives what was sent in the end, both times the same.
    async fn learns(&self, request: &ModelRequest, requests: usize, notices: &[&str]) -> Value {
        let first = self.ask(request).await;
        let answer = first.end.unwrap();
        assert_eq!((answer.text.as_str(), answer.model.model()), ("ok", "m"));
        assert_eq!(first.notices, notices);
        assert_eq!(first.sent.len(), requests, "{:#?}", first.sent);
        for pair in first.sent.windows(2) {
            assert_ne!(pair[0], pair[1], "the same was sent twice");
        }
        let second = self.ask(request).await;
        assert_eq!(second.end.unwrap().attempts.len(), 1);
        assert_eq!(second.notices, [] as [&str; 0]);
        assert_eq!(second.sent, &first.sent[requests - 1..]);
        second.sent.into_iter().next().unwrap()
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "tool0".to_owned(),
        arguments: Map::new(),
    }
}

fn tools(count: usize, bad: &[usize], schema: &Value) -> Vec<Tool> {
    let tool = |place: usize| Tool {
        name: format!("tool{place}"),
        description: "A tool".to_owned(),
        parameters: if bad.contains(&place) {
            schema.clone()
        } else {
            json!({"type": "object", "properties": {"a": {"type": "string"}}})
        },
    };
    (0..count).map(tool).collect()
}

fn question() -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::user("Hello?")],
        ..ModelRequest::default()
    }
}

fn with_history() -> ModelRequest {
    ModelRequest {
        messages: vec![
            Message::user("Hello?"),
            Message::calling("", vec![call("c")]),
            Message::result(&call("c"), "42"),
        ],
        ..question()
    }
}

fn kinds(attempts: &[Attempt]) -> Vec<String> {
    let kind = |attempt: &Attempt| {
        let attempt = serde_json::to_value(attempt).unwrap();
        let name = attempt.get("error").unwrap_or(&attempt["outcome"]);
        name.as_str().unwrap().to_owned()
    };
    attempts.iter().map(kind).collect()
}
