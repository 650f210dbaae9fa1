//! Requests of clients that cannot be read.

use serde_json::{Value, json};
use yabby_wire::clients::{Api, InvalidKind};

/// The field and the words of a refusal.
fn refused(api: Api, body: &Value) -> (InvalidKind, String) {
    let error = api.parse(body.to_string().as_bytes()).unwrap_err();
    (error.kind, error.to_string())
}

#[test]
fn refusals_name_their_field() {
    let chat = |message: Value| json!({"messages": [{"role": "user", "content": "Hi"}, message]});
    let picture =
        |url: &str| chat(json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}));
    let asked = |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "Hi"}], "input": "Hi"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let cases = [
        (Api::Chat, json!([])),
        (Api::Chat, json!({})),
        (Api::Chat, json!({"messages": []})),
        (Api::Chat, chat(json!("Hi"))),
        (Api::Chat, chat(json!({"role": "bot", "content": "Hi"}))),
        (Api::Chat, chat(json!({"role": "user", "content": 1}))),
        (Api::Chat, chat(json!({"role": "user", "content": [{"type": "text"}]}))),
        (Api::Chat, picture("https://example.com/a.png")),
        (Api::Chat, picture("data:image/png,x")),
        (Api::Chat, picture("data:image/svg+xml;base64,PHN2Zy8+")),
        (Api::Chat, chat(json!({"role": "tool", "content": "x"}))),
        (
            Api::Chat,
            chat(json!({"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]})),
        ),
        (Api::Chat, asked(json!({"n": 2}))),
        (Api::Chat, asked(json!({"functions": []}))),
        (Api::Chat, asked(json!({"model": 1}))),
        (Api::Chat, asked(json!({"stream": "yes"}))),
        (Api::Chat, asked(json!({"max_tokens": 0}))),
        (Api::Chat, asked(json!({"reasoning_effort": "hard"}))),
        (Api::Chat, asked(json!({"response_format": {"type": "xml"}}))),
        (
            Api::Chat,
            asked(json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}})),
        ),
        (Api::Chat, asked(json!({"tools": [{"type": "web_search"}]}))),
        (
            Api::Chat,
            asked(json!({"tools": [{"type": "function", "function": {"name": ""}}]})),
        ),
        (Api::Chat, asked(json!({"tool_choice": "always"}))),
        (
            Api::Chat,
            asked(json!({"tool_choice": {"type": "function", "function": {"name": "f"}}})),
        ),
        (Api::Responses, json!({})),
        (Api::Responses, asked(json!({"prompt": {"id": "p"}}))),
        (Api::Responses, asked(json!({"conversation": "c"}))),
        (
            Api::Responses,
            asked(json!({"input": [{"type": "item_reference", "id": "msg_1"}]})),
        ),
        (
            Api::Responses,
            asked(json!({"input": [{"type": "function_call_output", "output": "18 C"}]})),
        ),
        (
            Api::Responses,
            asked(json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]})),
        ),
        (
            Api::Responses,
            asked(json!({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]})),
        ),
        (Api::Responses, asked(json!({"tool_choice": {"type": "web_search"}}))),
        (
            Api::Responses,
            asked(json!({"text": {"format": {"type": "json_schema"}}})),
        ),
        (Api::Responses, asked(json!({"reasoning": {"effort": 3}}))),
        (
            Api::Messages,
            json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://a"}}]}]}),
        ),
        (
            Api::Messages,
            json!({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64"}}]}]}),
        ),
        (
            Api::Messages,
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]}),
        ),
        (
            Api::Messages,
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": 1}]}]}),
        ),
        (Api::Messages, asked(json!({"thinking": {"type": "hard"}}))),
        (
            Api::Messages,
            asked(json!({"tool_choice": {"type": "tool", "name": "f"}})),
        ),
        (Api::Messages, asked(json!({"stop_sequences": ["a", 1]}))),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(api, body)| {
            let (kind, words) = refused(*api, body);
            format!("{kind:?}: {words}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_body_that_is_no_json() {
    for api in Api::ALL {
        let error = api.parse(b"{bad").unwrap_err();
        assert_eq!((error.kind, error.field.as_str()), (InvalidKind::NotJson, ""));
        assert!(error.to_string().starts_with("the body is no JSON: "), "{error}");
    }
}
