//! Fields of requests: what has no place of its own, the ways to ask for the same, and requests for embeddings.

use serde_json::{Map, Value, json};
use yabby_core::Thinking;
use yabby_wire::{
    Dialect,
    clients::{Api, EmbeddingsRequest, EncodingFormat},
};

use super::requests::parse;

/// What the neutral request has no place for, in the words of who is asked.
#[test]
fn fields_are_translated() {
    let read = parse(
        Api::Chat,
        &json!({
            "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5, "top_k": 4, "stop": ["a", "b"], "seed": 1,
            "presence_penalty": 0.1, "frequency_penalty": 0.2, "parallel_tool_calls": false, "min_p": 0.1,
            "response_format": {"type": "json_object"},
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        }),
    );
    let fields = |dialect| Value::Object(read.fields_for(dialect));
    assert_eq!(
        fields(Dialect::Chat),
        json!({
            "min_p": 0.1, "top_p": 0.5, "top_k": 4, "stop": ["a", "b"], "seed": 1, "presence_penalty": 0.1,
            "frequency_penalty": 0.2, "parallel_tool_calls": false, "response_format": {"type": "json_object"},
        })
    );
    assert_eq!(
        fields(Dialect::Responses),
        json!({"top_p": 0.5, "parallel_tool_calls": false, "text": {"format": {"type": "json_object"}}})
    );
    assert_eq!(
        fields(Dialect::Messages),
        json!({
            "top_p": 0.5, "top_k": 4, "stop_sequences": ["a", "b"],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        })
    );
    assert_eq!(
        fields(Dialect::Ollama),
        json!({
            "top_p": 0.5, "top_k": 4, "stop": ["a", "b"], "seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.2,
            "format": "json",
        })
    );
}

#[test]
fn ways_to_ask_for_thinking() {
    let chat = |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "Hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (api, body, level, wanted) in [
        (
            Api::Chat,
            json!({"reasoning": {"effort": "low"}}),
            Some(Thinking::Low),
            true,
        ),
        (
            Api::Chat,
            json!({"reasoning": {"effort": "low", "exclude": true}}),
            Some(Thinking::Low),
            false,
        ),
        (
            Api::Chat,
            json!({"reasoning": {"enabled": false}}),
            Some(Thinking::Off),
            false,
        ),
        (
            Api::Chat,
            json!({"reasoning_effort": "none"}),
            Some(Thinking::Off),
            false,
        ),
        (Api::Chat, json!({}), None, false),
        (
            Api::Messages,
            json!({"thinking": {"type": "disabled"}}),
            Some(Thinking::Off),
            false,
        ),
        (
            Api::Messages,
            json!({"thinking": {"type": "adaptive"}}),
            Some(Thinking::Adaptive),
            true,
        ),
        (
            Api::Messages,
            json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
            Some(Thinking::Adaptive),
            false,
        ),
        (
            Api::Messages,
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
            Some(Thinking::Max),
            true,
        ),
        (
            Api::Messages,
            json!({"output_config": {"effort": "low"}}),
            Some(Thinking::Low),
            false,
        ),
        (
            Api::Messages,
            json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
            Some(Thinking::Minimal),
            true,
        ),
        (
            Api::Messages,
            json!({"thinking": {"type": "enabled", "budget_tokens": 30000}}),
            Some(Thinking::Xhigh),
            true,
        ),
    ] {
        let read = parse(api, &chat(body.clone()));
        let wants = read.wants_reasoning == Some(true);
        assert_eq!((read.request.thinking, wants), (level, wanted), "{body}");
    }
}

#[test]
fn embeddings() {
    let read = |body: Value| EmbeddingsRequest::parse(body.to_string().as_bytes());
    let asked = read(json!({"model": "e", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 3, "x": 1}));
    assert_eq!(
        asked.unwrap(),
        EmbeddingsRequest {
            model: Some("e".to_owned()),
            input: vec!["a".to_owned(), "b".to_owned()],
            encoding: EncodingFormat::Base64,
            dimensions: Some(3),
            user: None,
            others: Map::from_iter([("x".to_owned(), 1.into())]),
        }
    );
    assert_eq!(read(json!({"input": "a"})).unwrap().input, ["a"]);
    let words = |body| read(body).unwrap_err().to_string();
    assert_eq!(
        [
            words(json!({})),
            words(json!({"input": []})),
            words(json!({"input": [1, 2]})),
            words(json!({"input": ["a", [1]]})),
            words(json!({"input": "a", "encoding_format": "int8"})),
        ],
        [
            "`input`: is required",
            "`input`: must not be empty",
            "`input[0]`: must be text; tokens are not taken",
            "`input[1]`: must be text; tokens are not taken",
            "`encoding_format`: must be float or base64, not `int8`",
        ]
    );
}
