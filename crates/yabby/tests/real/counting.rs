//! How many tokens prompts have: what llama.cpp counts, what it reports with an answer, and what is estimated from
//! such reports.
//!
//! The texts in `counting/` are twelve of each kind, written for this test. The first ten are learned from, one in each
//! turn; what is asserted is about the last two, which the estimate has never seen.

use std::time::Duration;

use serde_json::json;
use yabby_config::{Environment, load_text};
use yabby_core::{Exactness, Message, ModelEvent, ModelRequest, TokenCount, Tool, ToolCall, ToolMode, Usage};
use yabby_servers::{Endpoint, Http, TokenCounter};

use crate::llama::{Llama, QWEN, SMOLLM2, Served};

/// A kind of text, and the texts.
const KINDS: [(&str, &str); 4] = [
    ("English", include_str!("counting/english.txt")),
    ("Chinese", include_str!("counting/chinese.txt")),
    ("code", include_str!("counting/code.txt")),
    ("JSON", include_str!("counting/json.txt")),
];

const TURNS: usize = 10;

/// How far an estimate may be off after these turns.
const NEAR: f64 = 0.10;

const PROVIDERS: [(&str, &str); 3] = [
    ("chat", "openai-completions"),
    ("resp", "openai-responses"),
    ("msgs", "anthropic-messages"),
];

fn text(kind: usize, number: usize) -> &'static str {
    let texts: Vec<&str> = KINDS[kind].1.trim().split("\n====\n").collect();
    assert_eq!(texts.len(), TURNS + 2, "{}", KINDS[kind].0);
    texts[number]
}

/// A conversation about these texts.
fn request(texts: &[&str]) -> ModelRequest {
    let mut messages = Vec::new();
    for text in texts {
        if !messages.is_empty() {
            messages.push(Message::assistant("I have read it."));
        }
        messages.push(Message::user(*text));
    }
    ModelRequest {
        system: Some("You read what you are given and answer in one word.".to_owned()),
        messages,
        max_output_tokens: Some(1),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

/// What is learned from in one turn: two kinds, each time others.
fn mixed(turn: usize) -> ModelRequest {
    request(&[text(turn % 4, turn), text((turn + 1 + turn / 4) % 4, turn)])
}

/// What has never been seen of a kind.
fn held_out(kind: usize) -> ModelRequest {
    request(&[text(kind, TURNS), text(kind, TURNS + 1)])
}

/// A running server and ways to it.
struct Place {
    _llama: Llama,
    config: String,
    model: &'static str,
    http: Http,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn start(served: &Served) -> Self {
        let llama = Llama::serve(served);
        let provider = |(id, api): (&str, &str)| {
            let url = format!("http://127.0.0.1:{}/v1", llama.port());
            format!(
                "{id}: {{ baseUrl: '{url}', api: '{api}', models: [{{ id: '{}' }}] }}",
                served.alias
            )
        };
        Self {
            config: format!(
                "{{ models: {{ providers: {{ {} }} }} }}",
                PROVIDERS.map(provider).join(", ")
            ),
            _llama: llama,
            model: served.alias,
            http: Http::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// An endpoint that has learned nothing yet.
    fn endpoint(&self, provider: &str) -> Endpoint {
        let loaded = load_text(&self.config, &Environment::default());
        Endpoint::from_provider(loaded.config.provider(provider).unwrap()).unwrap()
    }

    /// What the server's counter says.
    fn count(&self, provider: &str, request: &ModelRequest) -> u32 {
        let endpoint = self.endpoint(provider);
        let (counter, limit) = (Some(TokenCounter::InputTokens), Duration::from_mins(1));
        let counted = endpoint.count_tokens(&self.http, self.model, request, counter, limit);
        let TokenCount { tokens, exactness } = self.runtime.block_on(counted);
        assert_eq!(exactness, Exactness::Exact, "{provider}: {request:?}");
        tokens
    }

    /// What the server reports with a real answer.
    fn answer(&self, provider: &str, request: &ModelRequest) -> Usage {
        let endpoint = self.endpoint(provider);
        let dialect = endpoint.dialect_of(self.model, request);
        self.runtime.block_on(async {
            let asked = endpoint.ask(&self.http, dialect, self.model, request).await;
            let mut answer = asked.unwrap_or_else(|error| panic!("{provider}: {error:?}"));
            let mut usage = Usage::default();
            while let Some(event) = answer.next().await {
                if let ModelEvent::Usage(newer) = event.unwrap_or_else(|error| panic!("{provider}: {error:?}")) {
                    usage.update(newer);
                }
            }
            usage
        })
    }

    /// The relative error of an endpoint's estimate for text that it has not seen.
    fn error(&self, endpoint: &Endpoint, kind: usize) -> f64 {
        let request = held_out(kind);
        let estimate = endpoint.estimate_tokens(self.model, &request);
        assert_eq!(estimate.exactness, Exactness::Estimated);
        f64::from(estimate.tokens) / f64::from(self.count("chat", &request)) - 1.0
    }

    /// An endpoint that has seen ten reports: of `request`'s prompts, as the server's counter has them.
    fn taught(&self, request: impl Fn(usize) -> ModelRequest) -> Endpoint {
        let endpoint = self.endpoint("chat");
        for turn in 0..TURNS {
            let request = request(turn);
            let usage = Usage {
                input_tokens: Some(self.count("chat", &request)),
                ..Usage::default()
            };
            assert_eq!(endpoint.saw_usage(self.model, &request, &usage), None);
        }
        endpoint
    }
}

/// Prints the errors before and after, and asserts the last.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn measure(place: &Place, mix: &Endpoint) {
    let fresh = place.endpoint("chat");
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let alone = place.taught(|turn| request(&[text(kind, turn)]));
        let errors = [&fresh, mix, &alone].map(|endpoint| place.error(endpoint, kind));
        println!(
            "{} {name}: {:+.1} % before, {:+.1} % after {TURNS} turns of the mix, {:+.1} % after {TURNS} of {name} alone",
            place.model,
            errors[0] * 100.0,
            errors[1] * 100.0,
            errors[2] * 100.0,
        );
        assert!(
            errors[1].abs() < NEAR && errors[2].abs() < NEAR,
            "{} {name}: {errors:?}",
            place.model
        );
        assert!(
            mix.estimator_of(place.model)
                .has_learned(&yabby_servers::Features::of(&held_out(kind)))
        );
    }
}

fn tool() -> Tool {
    Tool {
        name: "get_weather".to_owned(),
        description: "The weather in a city".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "The city"}},
            "required": ["city"],
        }),
    }
}

/// A conversation with a call and its result, its tools offered in this mode.
fn with_tools(mode: ToolMode) -> ModelRequest {
    let call = ToolCall {
        id: "abcdefgh1".to_owned(),
        name: "get_weather".to_owned(),
        arguments: serde_json::Map::from_iter([("city".to_owned(), json!("臺北"))]),
    };
    let mut request = request(&["What is the weather in 臺北?"]);
    let result = Message::result(&call, "26 degrees, rain");
    request.messages.extend([Message::calling("", vec![call]), result]);
    request.tools = vec![tool()];
    request.tool_mode = Some(mode);
    request
}

/// The count is the prompt of the real answer, in every dialect, with and without tools.
fn counts_are_exact(place: &Place, modes: &[ToolMode]) {
    for (provider, _) in PROVIDERS {
        // Messages reports no prompt when the answer begins with a part of a character (`wire-facts.md` §6.4).
        let kind = usize::from(provider != "msgs");
        let mut requests = vec![request(&["Say hi in five words."]), held_out(kind)];
        requests.extend(modes.iter().map(|mode| with_tools(*mode)));
        for request in &requests {
            let counted = place.count(provider, request);
            let usage = place.answer(provider, request);
            assert_eq!(usage.input_tokens, Some(counted), "{provider}: {request:?}");
        }
    }
}

#[test]
fn smollm2_counts_exactly_and_is_estimated_after_ten_turns() {
    let place = Place::start(&SMOLLM2);
    counts_are_exact(&place, &[ToolMode::Native, ToolMode::Text, ToolMode::Constrained]);
    // Ten real answers, whose usage alone is learned from.
    let mix = place.endpoint("chat");
    for turn in 0..TURNS {
        let request = mixed(turn);
        let usage = place.answer("chat", &request);
        assert_eq!(usage.input_tokens, Some(place.count("chat", &request)));
        assert_eq!(mix.saw_usage(place.model, &request, &usage), None);
    }
    measure(&place, &mix);
}

/// Another tokenizer: half as many tokens for Chinese. Its answers take long, so that the counter stands for them.
#[test]
fn qwen_is_estimated_after_ten_turns() {
    let place = Place::start(&QWEN);
    counts_are_exact(&place, &[ToolMode::Native]);
    measure(&place, &place.taught(mixed));
}
