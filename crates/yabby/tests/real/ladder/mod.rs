//! Refusals of real servers: what is left out or reshaped, and that the next request is right at once.

mod templated;

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use yabby_config::{Config, Environment, load_text};
use yabby_core::{ErrorKind, Message, ModelRequest, Outcome, Tool, ToolCall};
use yabby_route::{Answer, Plan, RouteEvent, Router, Wanted, plan};
use yabby_servers::{Endpoint, Fleet, Http, Reach};
use yabby_wire::Dialect;

use self::templated::Templated;
use crate::{
    conformance::litellm::{self, LiteLlm},
    llama::Llama,
};

/// Refuses a system prompt in a longer conversation. One that refuses it always is mended by llama.cpp itself, which
/// tries templates out with two messages when it starts.
const NO_SYSTEM: &str = r"{%- for message in messages -%}
{%- if message['role'] == 'system' and messages | length > 2 -%}{{ raise_exception('System role not supported') }}{%- endif -%}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}";

/// As the templates of Gemma and of older models of Mistral.
const TWO_ROLES: &str = r"{%- for message in messages -%}
{%- if message['role'] not in ['user', 'assistant'] -%}{{ raise_exception('Only user and assistant roles are supported!') }}{%- endif -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif -%}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}";

/// Knows tools, so that their schemas are compiled.
const TOOLS: &str = r#"{%- if tools -%}
{{ '<|im_start|>system\nTools:\n' }}{%- for tool in tools -%}{{ tool | tojson }}{{ '\n' }}{%- endfor -%}
{{ 'Call one so: <tool_call>\n{"name": "f", "arguments": {}}\n</tool_call><|im_end|>\n' }}
{%- endif -%}
{%- for message in messages -%}
{%- if message['tool_calls'] -%}
{{ '<|im_start|>assistant\n' }}
{%- for call in message['tool_calls'] -%}{{ '<tool_call>\n{"name": "' + call['function']['name'] + '", "arguments": ' + (call['function']['arguments'] | tojson) + '}\n</tool_call>' }}{%- endfor -%}
{{ '<|im_end|>\n' }}
{%- else -%}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"#;

/// A plan with the one model of the server below `root`.
fn way(root: &str, key: &str) -> Plan {
    let text = format!(
        r#"{{ agents: {{ defaults: {{ model: "here/smollm2" }} }}, models: {{ providers: {{
            here: {{ baseUrl: "{root}/v1", apiKey: "{key}", models: [{{ id: "smollm2" }}] }} }} }} }}"#
    );
    let loaded = load_text(&text, &Environment::default());
    let fleet = Fleet::new(Endpoint::from_config(&loaded.config));
    plan(&loaded.config, &fleet, &Wanted::default()).unwrap()
}

fn question(messages: Vec<Message>) -> ModelRequest {
    ModelRequest {
        messages,
        max_output_tokens: Some(8),
        temperature: Some(0.0),
        ..ModelRequest::default()
    }
}

/// Asks; gives the answer and what the person was told.
async fn ask(plan: &Plan, request: &ModelRequest) -> (Answer, Vec<String>) {
    let mut stream = Router::new(&Http::default(), &Config::default()).answer(plan.clone(), request.clone());
    let mut notices = Vec::new();
    loop {
        match stream.next().await.unwrap() {
            RouteEvent::Notice(notice) => notices.push(notice.english()),
            RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Attempt(_) => {}
            RouteEvent::Done(answer) => return (answer, notices),
            RouteEvent::Failed(failure) => panic!("{failure:#?}"),
        }
    }
}

/// Asks twice: first the refusals of these kinds, each followed by a step, and one notice; then an answer at once.
fn learns(plan: &Plan, request: &ModelRequest, refusals: &[ErrorKind], told: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (first, notices) = ask(plan, request).await;
        let failed: Vec<ErrorKind> = first
            .attempts
            .iter()
            .filter_map(|attempt| match &attempt.outcome {
                Outcome::Failed { error, .. } => Some(*error),
                Outcome::Answered | Outcome::Outrun | Outcome::PassedOver { .. } => None,
            })
            .collect();
        assert_eq!(
            (failed.as_slice(), notices.as_slice()),
            (refusals, [told.to_owned()].as_slice())
        );
        let (second, notices) = ask(plan, request).await;
        assert_eq!((second.attempts.len(), notices.len()), (1, 0));
        assert_eq!(second.text.as_str(), first.text.as_str());
    });
}

#[test]
fn a_template_that_raises_on_a_system_prompt() {
    let server = Templated::start(NO_SYSTEM);
    let request = ModelRequest {
        system: Some("Be brief.".to_owned()),
        ..question(vec![
            Message::user("Hello!"),
            Message::assistant("Hello! How can I help?"),
            Message::user("What is the capital of France?"),
        ])
    };
    let told = "the chat template of smollm2 takes no system prompt; sent with the first message from now on";
    learns(&way(&server.root(), "none"), &request, &[ErrorKind::Template], told);
}

#[test]
fn a_template_that_raises_on_tool_messages() {
    let server = Templated::start(TWO_ROLES);
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "get_weather".to_owned(),
        arguments: Map::from_iter([("city".to_owned(), "Paris".into())]),
    };
    let request = question(vec![
        Message::user("What is the weather in Paris?"),
        Message::calling("", vec![call.clone()]),
        Message::result(&call, "18 degrees"),
    ]);
    let told = "the chat template of smollm2 takes no tool calls in the history; sent as plain text from now on";
    learns(&way(&server.root(), "none"), &request, &[ErrorKind::Template], told);
}

fn tool(name: &str, city: &Value) -> Tool {
    Tool {
        name: name.to_owned(),
        description: "The weather in a city".to_owned(),
        parameters: json!({"type": "object", "properties": {"city": city}, "required": ["city"]}),
    }
}

/// The server, to which schemas are sent as they are.
fn unlowered(server: &Templated) -> Plan {
    let mut plan = way(&server.root(), "none");
    plan.candidates[0].endpoint.reach = Reach::Hosted;
    plan
}

#[test]
fn a_schema_that_does_not_compile() {
    let server = Templated::start(TOOLS);
    let request = ModelRequest {
        tools: vec![
            tool("get_weather", &json!({"type": "nonsense"})),
            tool("get_wind", &json!({"$ref": "https://example.invalid/city.json"})),
        ],
        ..question(vec![Message::user("Hello!")])
    };
    let told = "here could not compile a schema; schemas are simplified from now on";
    learns(&unlowered(&server), &request, &[ErrorKind::Grammar], told);
}

#[test]
fn tools_that_do_not_compile_are_found() {
    let server = Templated::start(TOOLS);
    let plan = unlowered(&server);
    let tools = (0..9).map(|place| {
        let kind = if place == 2 || place == 7 { "nonsense" } else { "string" };
        tool(&format!("tool{place}"), &json!({ "type": kind }))
    });
    let request = ModelRequest {
        tools: tools.collect(),
        ..question(vec![Message::user("Hello!")])
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let endpoint = &plan.candidates[0].endpoint;
    let http = Http::default();
    let found = runtime.block_on(endpoint.find_refused_tools(&http, Dialect::Chat, "smollm2", &request, &mut ()));
    let names: Vec<String> = found.unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["tool2", "tool7"]);
}

#[test]
fn a_field_that_a_proxy_refuses() {
    let llama = Llama::start();
    let proxy = LiteLlm::start(llama.port(), "smollm2");
    let mut request = question(vec![Message::user("What is the capital of France?")]);
    request.extra_body.insert("verbosity".to_owned(), "low".into());
    let told = "here does not take the field verbosity; left out from now on";
    learns(
        &way(&proxy.root(), litellm::KEY),
        &request,
        &[ErrorKind::UnsupportedField],
        told,
    );
}
