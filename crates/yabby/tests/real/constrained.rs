//! Tool calls that one schema holds: what models of any size make of them, and how much of it is right.

use std::pin::pin;

use futures_util::StreamExt;
use serde_json::{Map, json};
use yabby_config::{Environment, load_text};
use yabby_core::{EndReason, Message, ModelEvent, ModelRequest, Tool, ToolCall, ToolChoice, Usage};
use yabby_route::{Answer, RouteEvent, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http};

use crate::llama::{Llama, QWEN, SMOLLM2, Served};

/// A model with what it must get right of the questions, when it has the choice and when it must call: somewhat less
/// than it did, because what stands in the server's cache changes the last digits of its numbers.
struct Model {
    served: Served,
    /// Its parameters in the config.
    params: &'static str,
    auto: Right,
    required: Right,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Right {
    tool: usize,
    argument: usize,
}

/// Its template has no tools, which the server says: nothing is configured.
const SMALL: Model = Model {
    served: SMOLLM2,
    params: "{}",
    auto: Right { tool: 8, argument: 5 },
    required: Right { tool: 10, argument: 5 },
};

/// Its template has tools; here it does without.
const LARGE: Model = Model {
    served: QWEN,
    params: "{ toolMode: 'constrained' }",
    // The sums it does in its head.
    auto: Right { tool: 6, argument: 6 },
    required: Right { tool: 12, argument: 12 },
};

/// Each with the tool that helps, its parameter and the value.
const QUESTIONS: [(&str, &str, &str, &str); 12] = [
    ("What is the weather in Paris?", "get_weather", "city", "Paris"),
    ("How warm is it in Tokyo now?", "get_weather", "city", "Tokyo"),
    ("Is it raining in London?", "get_weather", "city", "London"),
    ("Tell me the weather in Taipei.", "get_weather", "city", "Taipei"),
    (
        "Do I need an umbrella in Berlin today?",
        "get_weather",
        "city",
        "Berlin",
    ),
    ("What is the temperature in Rome?", "get_weather", "city", "Rome"),
    ("What is 12 * 7?", "calculate", "expression", "12*7"),
    ("Calculate 45 + 55.", "calculate", "expression", "45+55"),
    ("How much is 100 / 4?", "calculate", "expression", "100/4"),
    ("Compute 9 - 3.", "calculate", "expression", "9-3"),
    ("What is 3 + 4 * 2?", "calculate", "expression", "3+4*2"),
    ("Add 17 and 25.", "calculate", "expression", "17+25"),
];

/// For these no tool helps.
const PLAIN: [&str; 6] = [
    "Say hello.",
    "Write a poem about the sea.",
    "What is the capital of France?",
    "Who are you?",
    "Tell me a joke.",
    "What is a noun?",
];

fn tool(name: &str, description: &str, parameter: &str, meaning: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {parameter: {"type": "string", "description": meaning}},
            "required": [parameter],
        }),
    }
}

fn request(question: &str) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(question)],
        tools: vec![
            tool("get_weather", "The weather in a city", "city", "The city"),
            tool(
                "calculate",
                "Evaluates an arithmetic expression",
                "expression",
                "Such as 2*(3+4)",
            ),
        ],
        max_output_tokens: Some(128),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

/// A running server and ways to it.
struct Place {
    _llama: Llama,
    config: String,
    http: Http,
    runtime: tokio::runtime::Runtime,
}

struct Said {
    answer: Answer,
    pieces: usize,
}

impl Place {
    fn start(model: &Model) -> Self {
        let llama = Llama::serve(&model.served);
        let provider = |id: &str, api: &str| {
            let models = format!("[{{ id: '{}', params: {} }}]", model.served.alias, model.params);
            let url = format!("http://127.0.0.1:{}/v1", llama.port());
            format!("{id}: {{ baseUrl: '{url}', api: '{api}', models: {models} }}")
        };
        let providers = [
            provider("chat", "openai-completions"),
            provider("resp", "openai-responses"),
            provider("msgs", "anthropic-messages"),
        ];
        Self {
            config: format!("{{ models: {{ providers: {{ {} }} }} }}", providers.join(", ")),
            _llama: llama,
            http: Http::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Asks as `yabby ask` does.
    fn ask(&self, provider: &str, model: &Model, request: ModelRequest) -> Said {
        let loaded = load_text(&self.config, &Environment::default());
        let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
        let name = format!("{provider}/{}", model.served.alias);
        let wanted = Wanted {
            model: Some(&name),
            ..Wanted::default()
        };
        let plan = plan(&loaded.config, &fleet, &wanted).unwrap();
        self.runtime.block_on(async {
            let mut stream = pin!(Router::new(&self.http, &loaded.config).answer(plan, request));
            let mut pieces = 0;
            loop {
                match stream.next().await.unwrap() {
                    RouteEvent::Model(ModelEvent::Text(_)) => pieces += 1,
                    RouteEvent::Done(answer) => return Said { answer, pieces },
                    RouteEvent::Failed(failure) => panic!("{name}: {failure:?}"),
                    _ => {}
                }
            }
        })
    }
}

/// The one call of an answer, which fits its tool.
fn the_call(answer: &Answer) -> Option<&ToolCall> {
    assert_eq!(answer.malformed_calls, []);
    let [call] = answer.tool_calls.as_slice() else {
        assert_eq!(answer.tool_calls, []);
        return None;
    };
    let parameter = QUESTIONS.iter().find(|(_, tool, ..)| *tool == call.name).unwrap().2;
    let keys: Vec<&String> = call.arguments.keys().collect();
    assert_eq!(keys, [parameter]);
    assert!(call.arguments[parameter].is_string());
    assert_eq!((answer.end, answer.text.as_str()), (EndReason::ToolCalls, ""));
    Some(call)
}

/// Every answer is a call that fits or a text; the figures are for `docs/servers.md`.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn measure(place: &Place, model: &Model, choice: &ToolChoice) -> Right {
    let mut right = Right::default();
    let (mut calls, mut usage) = (0, Usage::default());
    for (question, tool, parameter, value) in QUESTIONS {
        let mut request = request(question);
        request.tool_choice = choice.clone();
        let said = place.ask("chat", model, request);
        usage = said.answer.usage;
        let Some(call) = the_call(&said.answer) else {
            assert!(*choice == ToolChoice::Auto, "{question}: no call");
            continue;
        };
        calls += 1;
        if call.name == tool {
            right.tool += 1;
            let given = call.arguments[parameter].as_str().unwrap().replace(' ', "");
            right.argument += usize::from(given == value);
        }
    }
    println!(
        "{} {choice:?}: {calls} calls and {} answers of {}, {} of the right tool, {} with the right argument; the last \
         prompt had {:?} tokens",
        model.served.alias,
        QUESTIONS.len() - calls,
        QUESTIONS.len(),
        right.tool,
        right.argument,
        usage.input_tokens
    );
    right
}

fn at_least(found: Right, floor: Right) {
    assert!(
        found.tool >= floor.tool && found.argument >= floor.argument,
        "{found:?}, {floor:?} before"
    );
}

fn all(model: &Model) -> Place {
    let place = Place::start(model);
    at_least(measure(&place, model, &ToolChoice::Auto), model.auto);
    at_least(measure(&place, model, &ToolChoice::Required), model.required);
    // Whatever dialect the config names, the schema is obeyed.
    for provider in ["resp", "msgs"] {
        let mut request = request("What is the weather in Paris?");
        request.tool_choice = ToolChoice::Named("get_weather".to_owned());
        let said = place.ask(provider, model, request);
        let expected = Map::from_iter([("city".to_owned(), "Paris".into())]);
        assert_eq!(
            the_call(&said.answer).map(|call| &call.arguments),
            Some(&expected),
            "{provider}"
        );
    }
    place
}

/// The conversation after a call and its result.
fn after_a_call(place: &Place, model: &Model) -> ModelRequest {
    let mut request = request("What is the weather in Paris?");
    let said = place.ask("chat", model, request.clone());
    let call = the_call(&said.answer).unwrap().clone();
    let result = Message::result(&call, "18 degrees, sunny");
    request.messages.extend([Message::calling("", vec![call]), result]);
    request
}

/// How many questions that need no tool are answered, in pieces and without the JSON around the words.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn plain(place: &Place, model: &Model) -> usize {
    let mut answered = 0;
    for question in PLAIN {
        let said = place.ask("chat", model, request(question));
        let text = said.answer.text.as_str();
        if the_call(&said.answer).is_none() {
            let words = text.split_whitespace().count();
            assert!(
                said.pieces * 3 > words && !text.contains("\"answer\""),
                "{} pieces: {text}",
                said.pieces
            );
            answered += 1;
        }
    }
    println!("{}: {answered} of {} without a tool", model.served.alias, PLAIN.len());
    answered
}

#[test]
fn a_model_that_knows_no_tools_calls_them() {
    let place = all(&SMALL);
    assert!(plain(&place, &SMALL) > 0);
    // It would call for ever: a model of this size is told to answer.
    let mut request = after_a_call(&place, &SMALL);
    request.tool_choice = ToolChoice::None;
    let said = place.ask("chat", &SMALL, request);
    assert_eq!((said.answer.tool_calls.len(), said.answer.end), (0, EndReason::Stop));
}

#[test]
fn a_model_of_1_5_billion_parameters_calls_the_right_ones() {
    let place = all(&LARGE);
    assert!(plain(&place, &LARGE) >= 3);
    let said = place.ask("chat", &LARGE, after_a_call(&place, &LARGE));
    assert!(
        said.answer.tool_calls.is_empty() && said.answer.text.as_str().contains("18"),
        "{:?}",
        said.answer
    );
}
