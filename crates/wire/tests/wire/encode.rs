//! Requests, whole, and the promise that a turn begins with the bytes of the one before.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use yabby_core::{Delivery, Message, ModelRequest, Tool, ToolCall, ToolChoice, ToolMode};
use yabby_wire::{Dialect, MaxTokensField, Quirks, Target, encode};

fn call(id: &str, city: &str) -> ToolCall {
    let mut arguments = Map::new();
    arguments.insert("city".into(), city.into());
    ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments,
    }
}

fn request() -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".into()),
        messages: vec![
            Message::user("Weather in Paris and Rome?"),
            Message::Assistant {
                text: "Let me look.".into(),
                tool_calls: vec![call("functions.get_weather:0", "Paris"), call("b", "Rome")],
                opaque: Vec::new(),
            },
            Message::ToolResult {
                call_id: "functions.get_weather:0".into(),
                name: "get_weather".into(),
                content: "18 C".into(),
            },
            Message::ToolResult {
                call_id: "b".into(),
                name: "get_weather".into(),
                content: "22 C".into(),
            },
            Message::user("Well?"),
        ],
        tools: vec![Tool {
            name: "get_weather".into(),
            description: "Weather of a city".into(),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
        }],
        tool_choice: ToolChoice::Auto,
        output_schema: None,
        max_output_tokens: Some(64),
        temperature: Some(0.5),
        thinking: None,
        delivery: Delivery::Stream,
        any_call: false,
        bounded: false,
        tool_mode: None,
        prompt_cache: None,
        extra_body: Map::new(),
    }
}

fn body(dialect: Dialect, request: &ModelRequest, quirks: &Quirks) -> String {
    let encoded = encode(
        dialect,
        request,
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks,
        },
    );
    String::from_utf8(encoded.body).unwrap()
}

fn value(dialect: Dialect, request: &ModelRequest, quirks: &Quirks) -> Value {
    serde_json::from_str(&body(dialect, request, quirks)).unwrap()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

#[test]
fn chat() {
    let encoded = encode(
        Dialect::Chat,
        &request(),
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &Quirks::default(),
        },
    );
    assert_eq!((encoded.path, encoded.headers), ("/chat/completions", vec![]));
    let found: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        found,
        json!({
            "model": "m",
            "stream": true,
            "max_tokens": 64,
            "temperature": 0.5,
            "tools": [{"type": "function", "function": {
                "name": "get_weather", "description": "Weather of a city", "parameters": schema(),
            }}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather in Paris and Rome?"},
                {"role": "assistant", "content": "Let me look.", "tool_calls": [
                    {"id": "functions.get_weather:0", "type": "function",
                     "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}},
                    {"id": "b", "type": "function",
                     "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "functions.get_weather:0", "content": "18 C"},
                {"role": "tool", "tool_call_id": "b", "content": "22 C"},
                {"role": "user", "content": "Well?"},
            ],
        })
    );
}

#[test]
fn responses() {
    let encoded = encode(
        Dialect::Responses,
        &request(),
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &Quirks::default(),
        },
    );
    assert_eq!((encoded.path, encoded.headers), ("/responses", vec![]));
    let found: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        found,
        json!({
            "model": "m",
            "store": false,
            "stream": true,
            "max_output_tokens": 64,
            "temperature": 0.5,
            "instructions": "Be brief.",
            "tools": [{
                "type": "function", "name": "get_weather", "description": "Weather of a city",
                "parameters": schema(), "strict": false,
            }],
            "input": [
                {"role": "user", "content": "Weather in Paris and Rome?"},
                {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                 "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}]},
                {"type": "function_call", "call_id": "functions.get_weather:0", "name": "get_weather",
                 "arguments": "{\"city\":\"Paris\"}"},
                {"type": "function_call", "call_id": "b", "name": "get_weather", "arguments": "{\"city\":\"Rome\"}"},
                {"type": "function_call_output", "call_id": "functions.get_weather:0", "output": "18 C"},
                {"type": "function_call_output", "call_id": "b", "output": "22 C"},
                {"role": "user", "content": "Well?"},
            ],
        })
    );
}

#[test]
fn messages() {
    let encoded = encode(
        Dialect::Messages,
        &request(),
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &Quirks::default(),
        },
    );
    assert_eq!(
        (encoded.path, encoded.headers),
        ("/messages", vec![("anthropic-version", "2023-06-01")])
    );
    let found: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        found,
        json!({
            "model": "m",
            "stream": true,
            "max_tokens": 64,
            "temperature": 0.5,
            "system": "Be brief.",
            "tools": [{"name": "get_weather", "description": "Weather of a city", "input_schema": schema()}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Weather in Paris and Rome?"}]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "functions_get_weather_0", "name": "get_weather",
                     "input": {"city": "Paris"}},
                    {"type": "tool_use", "id": "b", "name": "get_weather", "input": {"city": "Rome"}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "functions_get_weather_0", "content": "18 C"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "22 C"},
                    {"type": "text", "text": "Well?"},
                ]},
            ],
        })
    );
}

#[test]
fn the_smallest_request() {
    let request = ModelRequest {
        messages: vec![Message::user("hi")],
        delivery: Delivery::Whole,
        tool_choice: ToolChoice::Required,
        ..ModelRequest::default()
    };
    let quirks = Quirks::default();
    assert_eq!(
        body(Dialect::Chat, &request, &quirks),
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#
    );
    assert_eq!(
        body(Dialect::Responses, &request, &quirks),
        r#"{"model":"m","store":false,"input":[{"role":"user","content":"hi"}]}"#
    );
    assert_eq!(
        body(Dialect::Messages, &request, &quirks),
        r#"{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
    );
}

#[test]
fn neighbours_of_a_role_are_joined() {
    let request = ModelRequest {
        messages: vec![
            Message::user("a"),
            Message::user("b"),
            Message::assistant(""),
            Message::Assistant {
                text: "c".into(),
                tool_calls: vec![call("1", "x")],
                opaque: Vec::new(),
            },
        ],
        ..ModelRequest::default()
    };
    let chat = value(Dialect::Chat, &request, &Quirks::default());
    assert_eq!(chat["messages"][0], json!({"role": "user", "content": "a\n\nb"}));
    assert_eq!(chat["messages"][1]["content"], "c");
    assert_eq!(chat["messages"][1]["tool_calls"][0]["id"], "1");
    assert_eq!(chat["messages"].as_array().unwrap().len(), 2);
    let messages = value(Dialect::Messages, &request, &Quirks::default());
    assert_eq!(messages["messages"].as_array().unwrap().len(), 2);
    assert_eq!(messages["messages"][0]["content"].as_array().unwrap().len(), 2);
}

/// Anthropic: `messages: text content blocks must contain non-whitespace text`.
#[test]
fn blank_text_is_no_block() {
    let request = ModelRequest {
        messages: vec![
            Message::user("a"),
            Message::Assistant {
                text: " \n".into(),
                tool_calls: vec![call("1", "x")],
                opaque: Vec::new(),
            },
            Message::ToolResult {
                call_id: "1".into(),
                name: "get_weather".into(),
                content: String::new(),
            },
            Message::user("\t\n "),
            Message::assistant("\u{a0}\n\n"),
            Message::user(" b "),
        ],
        ..ModelRequest::default()
    };
    let found = value(Dialect::Messages, &request, &Quirks::default());
    assert_eq!(
        found["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "1", "name": "get_weather", "input": {"city": "x"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": ""},
                {"type": "text", "text": " b "},
            ]},
        ])
    );
}

#[test]
fn quirks_change_what_they_name() {
    let extra = json!({
        "temperature": null, "top_k": 5, "model": "other", "messages": [], "input": [], "stream": false,
        "truncation": "auto", "previous_response_id": "x", "max_completion_tokens": 7,
    });
    let quirks = Quirks {
        max_tokens_field: MaxTokensField::MaxCompletionTokens,
        include_usage: true,
        prefill_progress: true,
        extra_body: extra.as_object().unwrap().clone(),
        strict_tools: true,
        ..Quirks::default()
    };
    let chat = value(Dialect::Chat, &request(), &quirks);
    assert_eq!(chat["stream_options"], json!({"include_usage": true}));
    assert_eq!(chat["return_progress"], true);
    assert_eq!(
        (&chat["max_completion_tokens"], chat.get("max_tokens")),
        (&json!(7), None)
    );
    assert_eq!((chat.get("temperature"), &chat["top_k"]), (None, &json!(5)));
    assert_eq!(chat["tools"][0]["function"]["strict"], true);
    assert_eq!((&chat["model"], &chat["stream"]), (&json!("m"), &json!(true)));
    assert_eq!(chat["messages"].as_array().unwrap().len(), 6);
    let responses = value(Dialect::Responses, &request(), &quirks);
    assert_eq!(
        (responses.get("truncation"), responses.get("previous_response_id")),
        (None, None)
    );
    assert_eq!(responses["tools"][0]["strict"], true);
    let whole = ModelRequest {
        delivery: Delivery::Whole,
        ..request()
    };
    let chat = value(Dialect::Chat, &whole, &quirks);
    assert_eq!((chat.get("stream_options"), chat.get("return_progress")), (None, None));
}

#[test]
fn tool_choices() {
    let chosen = |dialect, tool_choice| {
        let request = ModelRequest {
            tool_choice,
            ..request()
        };
        value(dialect, &request, &Quirks::default()).get("tool_choice").cloned()
    };
    let named = || ToolChoice::Named("f".into());
    for dialect in Dialect::ALL {
        assert_eq!(chosen(dialect, ToolChoice::Auto), None);
    }
    assert_eq!(chosen(Dialect::Chat, ToolChoice::None), Some(json!("none")));
    assert_eq!(chosen(Dialect::Chat, ToolChoice::Required), Some(json!("required")));
    assert_eq!(
        chosen(Dialect::Chat, named()),
        Some(json!({"type": "function", "function": {"name": "f"}}))
    );
    assert_eq!(chosen(Dialect::Responses, ToolChoice::None), Some(json!("none")));
    assert_eq!(
        chosen(Dialect::Responses, ToolChoice::Required),
        Some(json!("required"))
    );
    assert_eq!(
        chosen(Dialect::Responses, named()),
        Some(json!({"type": "function", "name": "f"}))
    );
    assert_eq!(
        chosen(Dialect::Messages, ToolChoice::None),
        Some(json!({"type": "none"}))
    );
    assert_eq!(
        chosen(Dialect::Messages, ToolChoice::Required),
        Some(json!({"type": "any"}))
    );
    assert_eq!(
        chosen(Dialect::Messages, named()),
        Some(json!({"type": "tool", "name": "f"}))
    );
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        "[ -~é]{1,8}".prop_map(Message::user),
        ("[ -~é]{0,8}", prop::collection::vec("[a-z]{1,3}", 0..3)).prop_map(|(text, ids)| Message::Assistant {
            text,
            tool_calls: ids.iter().map(|id| call(id, id)).collect(),
            opaque: Vec::new()
        }),
        ("[a-z:]{1,3}", "[ -~é]{0,8}").prop_map(|(call_id, content)| Message::ToolResult {
            call_id,
            name: "get_weather".into(),
            content,
        }),
    ]
}

proptest! {
    /// When messages are only appended, the old body without what closes it begins the new one. What closes it is
    /// `]}`, and when the first new message joins the last old one, the ends of that one too. It holds for histories
    /// that have to be repaired as well.
    #[test]
    fn a_turn_begins_with_the_bytes_of_the_one_before(
        old in prop::collection::vec(message(), 1..8),
        new in prop::collection::vec(message(), 1..4),
    ) {
        let modes = [ToolMode::Native, ToolMode::Text, ToolMode::Constrained, ToolMode::None];
        for (dialect, mode) in Dialect::ALL.into_iter().flat_map(|dialect| modes.map(|mode| (dialect, mode))) {
            let quirks = Quirks { tool_mode: mode, ..Quirks::default() };
            let mut request = ModelRequest { messages: old.clone(), ..request() };
            let before = body(dialect, &request, &quirks);
            prop_assert_eq!(&before, &body(dialect, &request, &quirks));
            request.messages.extend(new.clone());
            let after = body(dialect, &request, &quirks);
            let sent = |body: &str| {
                let body: Value = serde_json::from_str(body).unwrap();
                let key = if dialect == Dialect::Responses { "input" } else { "messages" };
                body[key].as_array().unwrap().clone()
            };
            let (shorter, longer) = (sent(&before), sent(&after));
            let joined = !shorter.is_empty() && shorter.last() != longer.get(shorter.len() - 1);
            prop_assert!(!(joined && dialect == Dialect::Responses), "{}\n{}", before, after);
            let closed = before.strip_suffix("]}").unwrap();
            let stable = if joined { closed.trim_end_matches(['"', ']', '}']) } else { closed };
            prop_assert!(after.starts_with(stable), "{}\n{}", before, after);
        }
    }

    /// No server sees a call without its result behind it, or a result without its call; only the end may wait.
    #[test]
    fn every_call_has_one_result(messages in prop::collection::vec(message(), 1..12)) {
        let request = ModelRequest { messages, ..request() };
        let sent = value(Dialect::Chat, &request, &Quirks::default());
        let mut waiting: Vec<String> = Vec::new();
        for message in sent["messages"].as_array().unwrap() {
            if message["role"] == "tool" {
                let id = message["tool_call_id"].as_str().unwrap();
                let at = waiting.iter().position(|waits| waits == id);
                prop_assert!(at.is_some(), "{}", sent);
                waiting.remove(at.unwrap());
                continue;
            }
            prop_assert!(waiting.is_empty(), "{}", sent);
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            waiting.extend(calls.map(|call| call["id"].as_str().unwrap().to_owned()));
        }
    }
}
