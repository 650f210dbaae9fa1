//! What only a server can read: it comes whole, and goes back to where it came from and to nobody else.

use serde_json::{Value, json};
use yabby_core::{Message, ModelEvent, ModelRequest, Opaque, OpaqueSource, PromptCache, ToolCall};
use yabby_wire::{BodyKind, Dialect, Expectation, Quirks, Target, encode};

use crate::fixtures::decode;

const ENDPOINT: &str = "https://api.example/v1";

fn stream(events: &[Value]) -> String {
    let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    events.concat()
}

/// The opaque parts of an answer.
fn kept(dialect: Dialect, kind: BodyKind, expect: &Expectation, body: &str) -> Vec<Value> {
    let (events, error) = decode(dialect, kind, expect, [body.as_bytes()]);
    assert_eq!(error, None, "{body}");
    let opaque = events.into_iter().filter_map(|event| match event {
        ModelEvent::Opaque(data) => Some(data),
        _ => None,
    });
    opaque.collect()
}

fn kept_of(dialect: Dialect, kind: BodyKind, body: &str) -> Vec<Value> {
    kept(dialect, kind, &Expectation::default(), body)
}

/// The body of a request whose history has these parts, sent to `endpoint` and `model`.
fn sent(dialect: Dialect, data: &[Value], endpoint: &str, model: &str) -> Value {
    let from = OpaqueSource {
        endpoint: ENDPOINT.to_owned(),
        model: "m".to_owned(),
    };
    let call = ToolCall {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: serde_json::Map::new(),
    };
    let parts = data.iter().map(|data| Opaque {
        from: from.clone(),
        data: data.clone(),
    });
    let request = ModelRequest {
        messages: vec![
            Message::user("Hi"),
            Message::Assistant {
                text: "Let me see.".to_owned(),
                tool_calls: vec![call.clone()],
                opaque: parts.collect(),
            },
            Message::result(&call, "42"),
        ],
        ..ModelRequest::default()
    };
    let quirks = Quirks::default();
    let target = Target {
        endpoint,
        model,
        quirks: &quirks,
    };
    serde_json::from_slice(&encode(dialect, &request, &target).body).unwrap()
}

/// Events as in Anthropic's SDK and in platform.claude.com, "Extended thinking"; not recorded.
#[test]
fn signed_thoughts_of_anthropic() {
    let thought = json!({"type": "thinking", "thinking": "Let me see.", "signature": "EqQBsigned"});
    let redacted = json!({"type": "redacted_thinking", "data": "EmwKAhgB"});
    let body = stream(&[
        json!({"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0,
               "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me "}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "see."}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQBsigned"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": redacted}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": "Hi"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ]);
    let parts = [thought, redacted];
    assert_eq!(kept_of(Dialect::Messages, BodyKind::EventStream, &body), parts);
    let whole = json!({"content": [parts[0], parts[1], {"type": "text", "text": "Hi"}], "stop_reason": "end_turn"});
    assert_eq!(kept_of(Dialect::Messages, BodyKind::Json, &whole.to_string()), parts);

    let said = json!([
        parts[0],
        parts[1],
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}},
    ]);
    assert_eq!(
        sent(Dialect::Messages, &parts, ENDPOINT, "m")["messages"][1]["content"],
        said
    );
}

/// llama.cpp's thinking has no signature (`wire-facts.md` §6.4), so nobody wants it back.
#[test]
fn thoughts_without_a_signature_are_not_kept() {
    let body = json!({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}],
                      "stop_reason": "end_turn"});
    assert_eq!(
        kept_of(Dialect::Messages, BodyKind::Json, &body.to_string()),
        [] as [Value; 0]
    );
}

/// developers.openai.com, "Reasoning models", encrypted reasoning items; not recorded.
#[test]
fn encrypted_reasoning_of_openai() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB"});
    let empty = json!({"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": ""});
    let body = stream(&[
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": empty}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": [item]}}),
    ]);
    assert_eq!(
        kept_of(Dialect::Responses, BodyKind::EventStream, &body),
        std::slice::from_ref(&item)
    );
    let whole = json!({"status": "completed", "output": [item, empty]});
    assert_eq!(
        kept_of(Dialect::Responses, BodyKind::Json, &whole.to_string()),
        std::slice::from_ref(&item)
    );

    let input = &sent(Dialect::Responses, std::slice::from_ref(&item), ENDPOINT, "m")["input"];
    let kinds: Vec<&str> = input
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap_or("user"))
        .collect();
    assert_eq!(
        kinds,
        ["user", "reasoning", "message", "function_call", "function_call_output"]
    );
    assert_eq!(input[1], item);
}

/// openrouter.ai, "Reasoning tokens", preserving reasoning blocks; not recorded.
#[test]
fn reasoning_details_of_openrouter() {
    let delta = |details: Value| json!({"choices": [{"delta": {"content": "", "reasoning_details": details}}]});
    let body = stream(&[
        delta(json!([{"type": "reasoning.text", "index": 0, "text": "Let me ", "format": "anthropic-claude-v1"}])),
        delta(json!([{"type": "reasoning.text", "index": 0, "text": "see.", "signature": null}])),
        delta(json!([{"type": "reasoning.text", "index": 0, "signature": "sig"}])),
        delta(json!([{"type": "reasoning.encrypted", "index": 1, "data": "abc"}])),
        json!({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}),
    ]);
    let details = json!([
        {"type": "reasoning.text", "index": 0, "text": "Let me see.", "format": "anthropic-claude-v1", "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "abc"},
    ]);
    let part = json!({"reasoning_details": details});
    assert_eq!(
        kept_of(Dialect::Chat, BodyKind::EventStream, &body),
        std::slice::from_ref(&part)
    );
    let message = &sent(Dialect::Chat, &[part], ENDPOINT, "m")["messages"][1];
    assert_eq!(message["reasoning_details"], details);
    assert_eq!(message["tool_calls"][0]["id"], "c");
}

#[test]
fn reasoning_goes_back_in_its_own_field_where_that_is_wanted() {
    let body = stream(&[
        json!({"choices": [{"delta": {"reasoning": "Let me "}}]}),
        json!({"choices": [{"delta": {"reasoning": "see."}}]}),
        json!({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}),
    ]);
    let expect = Expectation {
        replays_reasoning: true,
        ..Expectation::default()
    };
    let part = json!({"reasoning": "Let me see."});
    assert_eq!(
        kept(Dialect::Chat, BodyKind::EventStream, &expect, &body),
        std::slice::from_ref(&part)
    );
    assert_eq!(kept_of(Dialect::Chat, BodyKind::EventStream, &body), [] as [Value; 0]);
    let message = &sent(Dialect::Chat, &[part], ENDPOINT, "m")["messages"][1];
    assert_eq!(message["reasoning"], "Let me see.");
}

#[test]
fn no_part_goes_to_anybody_else() {
    let parts = [
        json!({"type": "thinking", "thinking": "canary", "signature": "canary"}),
        json!({"type": "reasoning", "id": "canary", "summary": [], "encrypted_content": "canary"}),
        json!({"reasoning_details": [{"text": "canary"}], "reasoning_content": "canary"}),
    ];
    for dialect in Dialect::ALL {
        for (endpoint, model) in [(ENDPOINT, "other"), ("https://other.example/v1", "m"), ("", "m")] {
            let body = sent(dialect, &parts, endpoint, model).to_string();
            assert!(!body.contains("canary"), "{dialect:?} {endpoint} {model}: {body}");
        }
    }
}

/// platform.claude.com, "Prompt caching"; openrouter.ai, "Prompt caching".
#[test]
fn a_prompt_cache_is_asked_for_without_moving_a_byte() {
    let body = |dialect, cache, messages: usize| {
        let request = ModelRequest {
            system: Some("Be brief.".to_owned()),
            messages: (0..messages).map(|_| Message::user("Hi")).collect(),
            ..ModelRequest::default()
        };
        let quirks = Quirks {
            prompt_cache: cache,
            ..Quirks::default()
        };
        let target = Target {
            endpoint: ENDPOINT,
            model: "m",
            quirks: &quirks,
        };
        String::from_utf8(encode(dialect, &request, &target).body).unwrap()
    };
    let value = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let long = json!({"type": "ephemeral", "ttl": "1h"});
    let messages = value(body(Dialect::Messages, PromptCache::Long, 1));
    assert_eq!(messages["cache_control"], long);
    assert_eq!(
        messages["system"],
        json!([{"type": "text", "text": "Be brief.", "cache_control": long}])
    );
    let chat = value(body(Dialect::Chat, PromptCache::Short, 1));
    assert_eq!(chat["cache_control"], json!({"type": "ephemeral"}));
    for dialect in Dialect::ALL {
        assert!(
            !body(dialect, PromptCache::None, 1).contains("cache_control"),
            "{dialect:?}"
        );
        let (one, two) = (
            body(dialect, PromptCache::Short, 0),
            body(dialect, PromptCache::Short, 1),
        );
        let open = one.strip_suffix("]}").unwrap();
        assert!(two.starts_with(open), "{one} {two}");
    }
}
