//! Schemas of tools and answers in requests.

use serde_json::{Value, json};
use yabby_core::{Delivery, Message, ModelRequest, OutputSchema, Tool};
use yabby_wire::{Dialect, Quirks, Target, encode};

fn asked(dialect: Dialect, quirks: &Quirks) -> Value {
    let schema = json!({"type": "object", "properties": {"n": {"type": ["integer", "null"], "format": "int32"}}, "required": ["n"]});
    let request = ModelRequest {
        tools: vec![Tool {
            name: "f".into(),
            description: "d".into(),
            parameters: schema.clone(),
        }],
        output_schema: Some(OutputSchema {
            name: "answer".into(),
            schema,
        }),
        messages: vec![Message::user("hi")],
        delivery: Delivery::Whole,
        ..ModelRequest::default()
    };
    let body = encode(
        dialect,
        &request,
        &Target {
            endpoint: "http://s/v1",
            model: "m",
            quirks,
        },
    )
    .body;
    let text = String::from_utf8(body.clone()).unwrap();
    let order = ["\"tools\":", "\"input\":", "\"messages\":"].map(|name| text.find(name));
    assert!(
        quirks.tool_mode == yabby_core::ToolMode::None || order[0] < order[1].or(order[2]),
        "{text}"
    );
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn schemas_in_each_dialect() {
    let original = json!({"type": "object", "properties": {"n": {"type": ["integer", "null"], "format": "int32"}}, "required": ["n"]});
    let portable = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let near = Quirks {
        portable_schemas: true,
        ..Quirks::default()
    };
    for (quirks, schema) in [(Quirks::default(), original), (near, portable)] {
        assert_eq!(
            asked(Dialect::Chat, &quirks),
            json!({
                "model": "m",
                "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": true}},
                "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}],
                "messages": [{"role": "user", "content": "hi"}],
            })
        );
        assert_eq!(
            asked(Dialect::Responses, &quirks),
            json!({
                "model": "m",
                "store": false,
                "text": {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": true}},
                "tools": [{"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": false}],
                "input": [{"role": "user", "content": "hi"}],
            })
        );
        assert_eq!(
            asked(Dialect::Messages, &quirks),
            json!({
                "model": "m",
                "max_tokens": 4096,
                "output_config": {"format": {"type": "json_schema", "schema": schema}},
                "tools": [{"name": "f", "description": "d", "input_schema": schema}],
                "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            })
        );
    }
}

#[test]
fn flags_about_tools() {
    let none = Quirks {
        tool_mode: yabby_core::ToolMode::None,
        ..Quirks::default()
    };
    let plain = Quirks {
        no_strict: true,
        strict_tools: true,
        ..Quirks::default()
    };
    for dialect in Dialect::ALL {
        assert_eq!(asked(dialect, &none).get("tools"), None);
        let tool = asked(dialect, &plain)["tools"][0].clone();
        assert!(!tool.to_string().contains("strict"), "{tool}");
        let dropped = Quirks {
            dropped_keywords: vec!["format".into(), "n".into()],
            ..Quirks::default()
        };
        let tool = asked(dialect, &dropped)["tools"][0].to_string();
        // A property is not a keyword, whatever its name.
        assert!(tool.contains(r#"{"n":{"type":["integer","null"]}}"#), "{tool}");
    }
}
