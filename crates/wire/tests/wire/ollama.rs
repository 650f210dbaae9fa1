//! Ollama's own API: requests whole, and answers that the fixtures do not have.

use serde_json::{Map, Value, json};
use yabby_core::{Delivery, EndReason, ErrorKind, Message, ModelEvent, ModelRequest, Tool, ToolCall, ToolChoice};
use yabby_wire::{BodyKind, Dialect, Expectation, Quirks, Target, encode};

use crate::fixtures::{Outcome, decode};

fn call(city: &str) -> ToolCall {
    ToolCall {
        id: format!("id-{city}"),
        name: "get_weather".into(),
        arguments: Map::from_iter([("city".to_owned(), city.into())]),
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn request() -> ModelRequest {
    ModelRequest {
        system: Some("Be brief.".into()),
        messages: vec![
            Message::user("Weather in Paris and Rome?"),
            Message::Assistant {
                text: String::new(),
                tool_calls: vec![call("Paris"), call("Rome")],
                opaque: Vec::new(),
            },
            Message::ToolResult {
                call_id: "id-Paris".into(),
                name: "get_weather".into(),
                content: "18 C".into(),
            },
            Message::user("Well?"),
            Message::user("Say it."),
        ],
        tools: vec![Tool {
            name: "get_weather".into(),
            description: "Weather of a city".into(),
            parameters: schema(),
        }],
        max_output_tokens: Some(64),
        temperature: Some(0.5),
        delivery: Delivery::Stream,
        ..ModelRequest::default()
    }
}

fn body(request: &ModelRequest, extra: &Value) -> String {
    let quirks = Quirks {
        extra_body: extra.as_object().unwrap().clone(),
        ..Quirks::default()
    };
    let encoded = encode(
        Dialect::Ollama,
        request,
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &quirks,
        },
    );
    assert_eq!((encoded.path, encoded.headers), ("/api/chat", vec![]));
    String::from_utf8(encoded.body).unwrap()
}

#[test]
fn a_request() {
    let found: Value = serde_json::from_str(&body(&request(), &json!({}))).unwrap();
    assert_eq!(
        found,
        json!({
            "model": "m",
            "stream": true,
            "truncate": false,
            "options": {"num_predict": 64, "temperature": 0.5},
            "tools": [{"type": "function", "function": {
                "name": "get_weather", "description": "Weather of a city", "parameters": schema(),
            }}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather in Paris and Rome?"},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
                    {"function": {"name": "get_weather", "arguments": {"city": "Rome"}}},
                ]},
                {"role": "tool", "tool_name": "get_weather", "content": "18 C"},
                {"role": "tool", "tool_name": "get_weather", "content": "no result was recorded"},
                {"role": "user", "content": "Well?\n\nSay it."},
            ],
        })
    );
    let only_path_at_root: Vec<bool> = Dialect::ALL.into_iter().map(Dialect::is_at_root).collect();
    assert_eq!(only_path_at_root, [false, false, false, true]);
}

#[test]
fn the_smallest_request() {
    let request = ModelRequest {
        messages: vec![Message::user("hi")],
        delivery: Delivery::Whole,
        tool_choice: ToolChoice::Required,
        ..ModelRequest::default()
    };
    assert_eq!(
        body(&request, &json!({})),
        r#"{"model":"m","stream":false,"truncate":false,"messages":[{"role":"user","content":"hi"}]}"#
    );
}

#[test]
fn extra_fields_go_where_ollama_reads_them() {
    let extra = json!({
        "num_ctx": 16384, "temperature": null, "options": {"seed": 7, "num_predict": 128}, "keep_alive": "30m",
        "think": "low", "format": {"type": "object"}, "truncate": null, "model": "x", "stream": false, "messages": [],
    });
    let request = ModelRequest {
        tool_choice: ToolChoice::None,
        ..request()
    };
    let mut found: Value = serde_json::from_str(&body(&request, &extra)).unwrap();
    assert_eq!(found["messages"].as_array().unwrap().len(), 6);
    found.as_object_mut().unwrap().remove("messages");
    assert_eq!(
        found,
        json!({
            "model": "m", "stream": true, "options": {"num_predict": 128, "num_ctx": 16384, "seed": 7},
            "keep_alive": "30m", "think": "low", "format": {"type": "object"},
        })
    );
}

fn read(kind: BodyKind, body: &str) -> Outcome {
    let expect = Expectation {
        tools: vec!["f".into()],
        call_ids: vec!["call_1".into()],
        ..Expectation::default()
    };
    let whole = decode(Dialect::Ollama, kind, &expect, [body.as_bytes()]);
    assert_eq!(
        decode(Dialect::Ollama, kind, &expect, body.as_bytes().chunks(1)),
        whole,
        "{body}"
    );
    whole
}

fn said(text: &str) -> ModelEvent {
    ModelEvent::Text(text.into())
}

const HALF: &str = r#"{"message":{"content":"Half"},"done":false}"#;
const LAST: &str = r#"{"message":{"content":"b"},"done":true,"done_reason":"stop"}"#;

/// What the header says does not matter, nor how the lines end.
#[test]
fn lines_are_lines() {
    let expected = (vec![said("Halfb"), ModelEvent::End(EndReason::Stop)], None);
    for kind in [BodyKind::Lines, BodyKind::EventStream, BodyKind::Json] {
        for between in ["\n", "\r\n", "\n\n\r\n \n"] {
            for end in ["", "\n"] {
                assert_eq!(read(kind, &format!("\n{HALF}{between}{LAST}{end}")), expected);
            }
        }
    }
}

#[test]
fn what_is_not_complete_is_an_error() {
    let cut = &LAST[..20];
    for (body, kind, text) in [
        (format!("{HALF}\n"), ErrorKind::Interrupted, "Half"),
        (format!("{HALF}\n{cut}"), ErrorKind::Interrupted, "Half"),
        (cut.to_owned(), ErrorKind::Interrupted, ""),
        (format!("{HALF}\n{cut}\n{LAST}\n"), ErrorKind::Malformed, "Half"),
        ("{\n\"message\": {".to_owned(), ErrorKind::Interrupted, ""),
        (String::new(), ErrorKind::Interrupted, ""),
        ("{\"status\":\"ok\"}\n".to_owned(), ErrorKind::Malformed, ""),
        ("<html>".to_owned(), ErrorKind::NotAnApi, ""),
    ] {
        let (events, error) = read(BodyKind::Lines, &body);
        let error = error.unwrap_or_else(|| panic!("{body}"));
        assert_eq!(
            (crate::fixtures::text(&events).as_str(), error.kind),
            (text, kind),
            "{body}"
        );
    }
}

#[test]
fn errors_in_the_stream_have_a_kind() {
    let busy = r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#;
    let (events, error) = read(BodyKind::Lines, &format!("{HALF}\n{busy}\n"));
    assert_eq!(events, [said("Half")]);
    assert_eq!(error.map(|error| error.kind), Some(ErrorKind::Overloaded));
}

/// Each element is a call of its own, also where ids repeat; ids that the conversation has are not used again.
#[test]
fn calls_are_whole() {
    let one = r#"{"id":"x","function":{"name":"f","arguments":{"a":1}}}"#;
    let two = r#"{"id":"x","function":{"name":"functions.f","arguments":"{\"a\":2}"}}"#;
    let three = r#"{"function":{"name":"f"}}"#;
    let body = format!(
        "{{\"message\":{{\"content\":\"\",\"tool_calls\":[{one},{two}]}},\"done\":false}}\n\
         {{\"message\":{{\"tool_calls\":[{three}]}},\"done\":true,\"done_reason\":\"stop\"}}\n"
    );
    let (events, error) = read(BodyKind::Lines, &body);
    assert_eq!(error, None);
    let calls: Vec<(&str, Value)> = events
        .iter()
        .filter_map(|event| match event {
            ModelEvent::ToolCall(call) => {
                assert_eq!(call.name, "f");
                Some((call.id.as_str(), Value::Object(call.arguments.clone())))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        calls,
        [("x", json!({"a": 1})), ("x_2", json!({"a": 2})), ("call_2", json!({}))]
    );
    assert_eq!(events.last(), Some(&ModelEvent::End(EndReason::ToolCalls)));
}

#[test]
fn a_line_is_bounded() {
    let piece = vec![b'x'; 1 << 20];
    let start: &[u8] = b"{\"message\":{\"content\":\"";
    let pieces = std::iter::once(start).chain(std::iter::repeat_n(piece.as_slice(), 17));
    let (_, error) = decode(Dialect::Ollama, BodyKind::Lines, &Expectation::default(), pieces);
    assert_eq!(error.map(|error| error.kind), Some(ErrorKind::Malformed));
}

#[test]
fn an_answer_by_a_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let request = ModelRequest {
        output_schema: Some(yabby_core::OutputSchema {
            name: "place".to_owned(),
            schema: schema.clone(),
        }),
        ..ModelRequest::default()
    };
    let quirks = Quirks::default();
    let encoded = encode(
        Dialect::Ollama,
        &request,
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks: &quirks,
        },
    );
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["format"], schema);
}
