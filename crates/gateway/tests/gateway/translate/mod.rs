//! Requests in one API for models that are asked in another.

mod directions;
mod failing;
mod limits;
mod refused;

use serde_json::{Value, json};
use yabby_core::{EndReason, ModelEvent, ToolCall, Usage};
use yabby_testkit::{ModelServer, ServerKind};
use yabby_wire::{BodyKind, Decoder, Dialect, Expectation, clients::Api};

use crate::{
    client::Answer,
    scene::{CHAT, Scene, chain},
};

/// What models speak.
const DIALECTS: [Dialect; 4] = [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Ollama];

fn path(api: Api) -> &'static str {
    match api {
        Api::Chat => CHAT,
        Api::Responses => "/v1/responses",
        Api::Messages => "/v1/messages",
    }
}

/// All pairs of an API and a dialect that is another one.
fn directions() -> impl Iterator<Item = (Api, Dialect)> {
    let all = Api::ALL
        .into_iter()
        .flat_map(|api| DIALECTS.map(|dialect| (api, dialect)));
    all.filter(|(api, dialect)| api.dialect() != *dialect)
}

/// A server with the model `m`.
async fn server(dialect: Dialect) -> ModelServer {
    let server = ModelServer::start().await;
    if dialect == Dialect::Ollama {
        server.kind(ServerKind::Ollama {
            allocated: Some(4096),
            trained: 4096,
        });
    }
    server.models(&["m"]);
    server
}

fn url(server: &ModelServer, dialect: Dialect) -> String {
    if dialect == Dialect::Ollama {
        server.url()
    } else {
        server.base_url()
    }
}

/// A gateway before one server.
async fn scene(dialect: Dialect) -> (ModelServer, Scene) {
    let server = server(dialect).await;
    let scene = Scene::with_config(&chain(dialect.name(), &[url(&server, dialect)])).await;
    (server, scene)
}

/// A gateway before servers that speak these, asked in this order.
async fn chained(dialects: &[Dialect]) -> (Vec<ModelServer>, Scene) {
    let mut servers = Vec::new();
    let mut providers = serde_json::Map::new();
    let mut names = Vec::new();
    for (id, dialect) in ('a'..).zip(dialects) {
        let server = server(*dialect).await;
        let provider = json!({"baseUrl": url(&server, *dialect), "api": dialect.name(), "models": [{"id": "m"}]});
        providers.insert(id.to_string(), provider);
        names.push(format!("{id}/m"));
        servers.push(server);
    }
    let config = json!({
        "models": {"providers": providers},
        "agents": {"defaults": {"model": {"primary": names[0], "fallbacks": names[1..]}}},
    });
    (servers, Scene::with_config(&config.to_string()).await)
}

/// A question in an API, with these fields.
fn ask(api: Api, more: Value) -> Value {
    let mut body = match api {
        Api::Responses => json!({"model": "route/default", "input": "Hi"}),
        Api::Chat => json!({"model": "route/default", "messages": [{"role": "user", "content": "Hi"}]}),
        Api::Messages => {
            json!({"model": "route/default", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]})
        }
    };
    let Value::Object(more) = more else { panic!("{more}") };
    body.as_object_mut().unwrap().extend(more);
    body
}

/// The tool `weather` as an API has it.
fn tools(api: Api) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let (name, description) = ("weather", "Of a city");
    match api {
        Api::Chat => {
            json!([{"type": "function", "function": {"name": name, "description": description, "parameters": schema}}])
        }
        Api::Responses => {
            json!([{"type": "function", "name": name, "description": description, "parameters": schema}])
        }
        Api::Messages => json!([{"name": name, "description": description, "input_schema": schema}]),
    }
}

/// What an answer says in its API.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    calls: Vec<ToolCall>,
    usage: Usage,
    end: Option<EndReason>,
}

fn read(api: Api, answer: &Answer) -> Said {
    let expect = Expectation {
        tools: vec!["weather".to_owned()],
        ..Expectation::default()
    };
    let kind = BodyKind::from_content_type(Some(answer.header("content-type")));
    let mut decoder = Decoder::new(api.dialect(), kind, &expect);
    let mut events = Vec::new();
    let read = decoder.push(&answer.body, &mut events);
    let read = read.and_then(|()| decoder.finish(&mut events));
    assert!(read.is_ok(), "{read:?} {}", answer.text());
    let mut said = Said::default();
    for event in events {
        match event {
            ModelEvent::Text(piece) => said.text += &piece,
            ModelEvent::Reasoning(piece) => said.reasoning += &piece,
            ModelEvent::ToolCall(call) => said.calls.push(call),
            ModelEvent::Usage(usage) => said.usage.update(usage),
            ModelEvent::End(reason) => said.end = Some(reason),
            ModelEvent::Progress(_) | ModelEvent::ServedBy(_) => {}
            other => panic!("{other:?}"),
        }
    }
    said
}

/// The message of an error in an API.
fn message(api: Api, error: &Value) -> &str {
    match api {
        Api::Messages => assert_eq!(error["type"], "error", "{error}"),
        Api::Chat | Api::Responses => {}
    }
    error["error"]["message"].as_str().unwrap_or_else(|| panic!("{error}"))
}
