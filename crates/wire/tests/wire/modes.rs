//! Requests that offer tools without the server's fields, and their answers.

use serde_json::{Map, Value, json};
use yabby_core::{
    Delivery, EndReason, Message, ModelEvent, ModelRequest, OutputSchema, Tool, ToolCall, ToolChoice, ToolMode,
};
use yabby_wire::{BodyKind, Dialect, Expectation, Quirks, Target, encode};

use crate::fixtures;

fn tool(name: &str, description: &str, parameter: &str) -> Tool {
    Tool {
        name: name.into(),
        description: description.into(),
        parameters: json!({"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}),
    }
}

fn call(id: &str, city: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments: Map::from_iter([("city".to_owned(), city.into())]),
    }
}

fn request() -> ModelRequest {
    let (paris, rome) = (call("a", "Paris"), call("b", "Rome"));
    ModelRequest {
        system: Some("Be brief.".into()),
        messages: vec![
            Message::user("Weather in Paris and Rome?"),
            Message::calling("Let me look.", vec![paris.clone(), rome.clone()]),
            Message::result(&paris, "18 C"),
            Message::result(&rome, "22 C"),
            Message::assistant("It is \"mild\"."),
            Message::user("Well?"),
        ],
        tools: vec![
            tool("get_weather", "The weather in a city", "city"),
            tool("calculate", "Evaluates an expression", "expression"),
        ],
        delivery: Delivery::Whole,
        ..ModelRequest::default()
    }
}

fn asked(dialect: Dialect, mode: ToolMode, request: &ModelRequest) -> Value {
    let quirks = Quirks {
        tool_mode: mode,
        portable_schemas: true,
        ..Quirks::default()
    };
    let target = Target {
        endpoint: "http://s/v1",
        model: "m",
        quirks: &quirks,
    };
    serde_json::from_slice(&encode(dialect, request, &target).body).unwrap()
}

const TOOLS: &str = "You can use these tools:\n\
    - get_weather(city: string): The weather in a city\n\
    - calculate(expression: string): Evaluates an expression\n";

#[test]
fn constrained() {
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let call = |name: &str, parameter: &str| {
        let arguments = object(json!({parameter: {"type": "string"}}), json!([parameter]));
        object(
            json!({"tool": {"type": "string", "enum": [name]}, "arguments": arguments}),
            json!(["tool", "arguments"]),
        )
    };
    let schema = json!({"anyOf": [
        object(json!({"answer": {"type": "string"}}), json!(["answer"])),
        call("get_weather", "city"),
        call("calculate", "expression"),
    ]});
    let system = format!(
        "Be brief.\n\n{TOOLS}If the question needs a tool, reply with {{\"tool\": \"NAME\", \"arguments\": {{...}}}}, and you get \
         its result. If it needs none, reply with {{\"answer\": \"...\"}}."
    );
    let messages = json!([
        {"role": "system", "content": system},
        {"role": "user", "content": "Weather in Paris and Rome?"},
        {"role": "assistant", "content": "{\"answer\": \"Let me look.\"}\n\
            {\"tool\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n\
            {\"tool\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}"},
        {"role": "user", "content": "Result of get_weather:\n18 C\n\nResult of get_weather:\n22 C"},
        {"role": "assistant", "content": "{\"answer\": \"It is \\\"mild\\\".\"}"},
        {"role": "user", "content": "Well?"},
    ]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": true}});
    assert_eq!(
        asked(Dialect::Chat, ToolMode::Constrained, &request()),
        json!({"model": "m", "response_format": format, "messages": messages})
    );
    let ollama = asked(Dialect::Ollama, ToolMode::Constrained, &request());
    assert_eq!((&ollama["format"], &ollama["messages"]), (&schema, &messages));
    assert_eq!(ollama.get("tools"), None);
    // The key that decides comes first.
    assert!(
        ollama
            .to_string()
            .contains(r#"{"tool":{"type":"string","enum":["get_weather"]},"arguments""#)
    );
}

#[test]
fn text() {
    let found = asked(Dialect::Chat, ToolMode::Text, &request());
    let system = format!(
        "Be brief.\n\n{TOOLS}If the question needs a tool, reply with <tool_call>{{\"name\": \"NAME\", \"arguments\": \
         {{...}}}}</tool_call>, and you get its result. If it needs none, answer in plain words."
    );
    assert_eq!(
        found,
        json!({"model": "m", "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": "Weather in Paris and Rome?"},
            {"role": "assistant", "content": "Let me look.\n\
                <tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}</tool_call>\n\
                <tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}</tool_call>"},
            {"role": "user", "content": "Result of get_weather:\n18 C\n\nResult of get_weather:\n22 C"},
            {"role": "assistant", "content": "It is \"mild\"."},
            {"role": "user", "content": "Well?"},
        ]})
    );
}

/// Also where the caller allows no call, and where there are no tools any more.
#[test]
fn no_tools() {
    let expected = json!({"model": "m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Paris and Rome?"},
        {"role": "assistant", "content": "Let me look.\n[used get_weather with {\"city\": \"Paris\"}]\n\
            [used get_weather with {\"city\": \"Rome\"}]"},
        {"role": "user", "content": "Result of get_weather:\n18 C\n\nResult of get_weather:\n22 C"},
        {"role": "assistant", "content": "It is \"mild\"."},
        {"role": "user", "content": "Well?"},
    ]});
    assert_eq!(asked(Dialect::Chat, ToolMode::None, &request()), expected);
    for mode in [ToolMode::Text, ToolMode::Constrained] {
        for changed in [
            ModelRequest {
                tool_choice: ToolChoice::None,
                ..request()
            },
            ModelRequest {
                tools: Vec::new(),
                ..request()
            },
            ModelRequest {
                tool_choice: ToolChoice::Named("unknown".into()),
                ..request()
            },
        ] {
            assert_eq!(asked(Dialect::Chat, mode, &changed), expected);
            let expectation = Expectation::of(&ModelRequest {
                tool_mode: Some(mode),
                ..changed
            });
            assert_eq!(expectation.tool_mode, ToolMode::None);
        }
    }
}

/// The names that are offered to the reader of the answer, and how.
fn expected(request: &ModelRequest, quirks: &Quirks) -> (Vec<String>, usize, ToolMode) {
    let expect = Expectation::with(request, quirks);
    (expect.tools, expect.schemas.len(), expect.tool_mode)
}

#[test]
fn only_what_was_offered_may_be_called() {
    let both = ["get_weather".to_owned(), "calculate".to_owned()];
    for mode in [ToolMode::Native, ToolMode::Text, ToolMode::Constrained] {
        let quirks = Quirks {
            tool_mode: mode,
            ..Quirks::default()
        };
        let choosing = |tool_choice| ModelRequest {
            tool_choice,
            ..request()
        };
        assert_eq!(expected(&request(), &quirks), (both.to_vec(), 2, mode));
        let named = choosing(ToolChoice::Named("calculate".into()));
        assert_eq!(expected(&named, &quirks), (vec!["calculate".into()], 1, mode));
        let (names, schemas, _) = expected(&choosing(ToolChoice::None), &quirks);
        assert_eq!((names.len(), schemas), (0, 0));

        // A tool in quarantine is not offered, and when it is the one that was named, all others are.
        let quarantined = |count: usize| Quirks {
            quarantined: request().tools[..count]
                .iter()
                .map(|tool| (tool.name.clone(), tool.parameters.clone()))
                .collect(),
            ..quirks.clone()
        };
        let other = (vec!["calculate".into()], 1, mode);
        assert_eq!(expected(&request(), &quarantined(1)), other);
        let named = choosing(ToolChoice::Named("get_weather".into()));
        assert_eq!(expected(&named, &quarantined(1)), other);
        let (names, schemas, none) = expected(&request(), &quarantined(2));
        assert_eq!((names.len(), schemas), (0, 0));
        assert_eq!(none == ToolMode::Native, mode == ToolMode::Native);
    }
    let off = Quirks {
        tool_mode: ToolMode::None,
        ..Quirks::default()
    };
    assert_eq!(expected(&request(), &off), (Vec::new(), 0, ToolMode::None));

    // A call in the text stays text, and one that the server made out cannot be run.
    let written = r#"<tool_call>{"name":"get_weather","arguments":{"city":"Paris"}}</tool_call>"#;
    let native = json!({"tool_calls": [{"function": {"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}}]});
    let none = Expectation::of(&ModelRequest {
        tool_choice: ToolChoice::None,
        ..request()
    });
    let read = |message: Value| {
        let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]}).to_string();
        fixtures::decode(Dialect::Chat, BodyKind::Json, &none, [body.as_bytes()]).0
    };
    let events = read(json!({"content": written}));
    assert_eq!(
        events,
        [ModelEvent::Text(written.into()), ModelEvent::End(EndReason::Stop)]
    );
    assert!(matches!(&read(native)[0], ModelEvent::MalformedCall(call) if call.name == "get_weather"));
}

#[test]
fn an_answer_with_a_schema_of_its_own() {
    let own = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut request = ModelRequest {
        output_schema: Some(OutputSchema {
            name: "place".into(),
            schema: own.clone(),
        }),
        ..request()
    };
    request.messages[4] = Message::assistant("{\"city\": \"Rome\"}");
    let found = asked(Dialect::Chat, ToolMode::Constrained, &request);
    let schema = &found["response_format"]["json_schema"]["schema"];
    assert_eq!(schema["anyOf"][0]["properties"]["answer"], own);
    assert_eq!(found["messages"][4]["content"], "{\"answer\": {\"city\": \"Rome\"}}");
    let system = found["messages"][0]["content"].as_str().unwrap();
    assert!(system.ends_with("reply with {\"answer\": {city: string}}."), "{system}");
    request.tool_choice = ToolChoice::None;
    let found = asked(Dialect::Chat, ToolMode::Constrained, &request);
    assert_eq!(found["response_format"]["json_schema"]["schema"], own);
}

fn streamed(text: &str, finish: &str) -> Vec<ModelEvent> {
    let expectation = Expectation::of(&ModelRequest {
        tool_mode: Some(ToolMode::Constrained),
        ..request()
    });
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({"delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let mut chunks: Vec<String> = text
        .chars()
        .map(|c| chunk(json!({"content": c.to_string()}), None))
        .collect();
    chunks.extend([chunk(json!({}), Some(finish)), "data: [DONE]\n\n".to_owned()]);
    let body = chunks.concat();
    let (events, error) = fixtures::decode(Dialect::Chat, BodyKind::EventStream, &expectation, [body.as_bytes()]);
    assert_eq!(error, None);
    events
}

#[test]
fn what_is_streamed_back() {
    let found = streamed("{\"answer\": \"Mild \\ud83d\\ude00 & <b>dry</b>\"}", "stop");
    assert_eq!(fixtures::text(&found), "Mild 😀 & <b>dry</b>");
    let found = streamed(
        "{\n  \"tool\": \"get_weather\",\n  \"arguments\": {\n    \"city\": \"Oslo\"\n  }\n}",
        "stop",
    );
    let expected = ToolCall {
        id: "call_1".into(),
        ..call("", "Oslo")
    };
    assert_eq!(
        found,
        [ModelEvent::ToolCall(expected), ModelEvent::End(EndReason::ToolCalls)]
    );
    let found = streamed("{\"tool\": \"get_weather\", \"argu", "length");
    assert_eq!(found, [ModelEvent::End(EndReason::Length)]);
}
