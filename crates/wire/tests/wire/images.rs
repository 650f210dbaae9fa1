//! Pictures in each dialect.

use serde_json::{Value, json};
use yabby_core::{Image, Message, ModelRequest};
use yabby_wire::{Dialect, Quirks, Target, encode};

const PNG: &str = "iVBORw0KGgo=";

fn picture() -> Image {
    Image::new(b"\x89PNG\r\n\x1a\n").unwrap()
}

fn asked(text: &str) -> Message {
    Message::User {
        text: text.to_owned(),
        images: vec![picture()],
    }
}

/// The conversation as it is sent.
fn sent(dialect: Dialect, messages: Vec<Message>, quirks: &Quirks) -> Value {
    let request = ModelRequest {
        messages,
        ..ModelRequest::default()
    };
    let target = Target {
        endpoint: "http://s/v1",
        model: "m",
        quirks,
    };
    let body: Value = serde_json::from_slice(&encode(dialect, &request, &target).body).unwrap();
    let key = if dialect == Dialect::Responses {
        "input"
    } else {
        "messages"
    };
    body[key].clone()
}

/// The shapes of `chat_image.req.json`, of OpenAI's and Anthropic's references and of Ollama's `docs/api.md`.
#[test]
fn a_picture_stands_before_its_question() {
    let url = format!("data:image/png;base64,{PNG}");
    let expected = [
        json!([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": "What is this?"},
        ]}]),
        json!([{"role": "user", "content": [
            {"type": "input_image", "image_url": url, "detail": "auto"},
            {"type": "input_text", "text": "What is this?"},
        ]}]),
        json!([{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "text", "text": "What is this?"},
        ]}]),
        json!([{"role": "user", "content": "What is this?", "images": [PNG]}]),
    ];
    for (dialect, expected) in Dialect::ALL.into_iter().zip(expected) {
        assert_eq!(
            sent(dialect, vec![asked("What is this?")], &Quirks::default()),
            expected
        );
    }
}

#[test]
fn neighbours_keep_their_pictures() {
    let messages = || vec![Message::user("Look:"), asked("Well?"), asked("")];
    let chat = sent(Dialect::Chat, messages(), &Quirks::default());
    let kinds = |content: &Value| -> Vec<String> {
        let parts = content.as_array().unwrap().iter();
        parts.map(|part| part["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(chat.as_array().unwrap().len(), 1);
    assert_eq!(kinds(&chat[0]["content"]), ["text", "image_url", "text", "image_url"]);
    let messages_api = sent(Dialect::Messages, messages(), &Quirks::default());
    assert_eq!(kinds(&messages_api[0]["content"]), ["text", "image", "text", "image"]);
    assert_eq!(
        sent(Dialect::Ollama, messages(), &Quirks::default()),
        json!([{"role": "user", "content": "Look:\n\nWell?", "images": [PNG, PNG]}])
    );
}

#[test]
fn where_only_text_is_taken_the_model_is_told() {
    let quirks = Quirks {
        string_content: true,
        ..Quirks::default()
    };
    for dialect in [Dialect::Chat, Dialect::Responses] {
        assert_eq!(
            sent(dialect, vec![asked("What is this?")], &quirks),
            json!([{"role": "user", "content": "[a picture that this server cannot take]\n\nWhat is this?"}])
        );
    }
    let text = sent(Dialect::Messages, vec![asked("What is this?")], &quirks).to_string();
    assert!(!text.contains(PNG) && text.contains("cannot take"), "{text}");
}

#[test]
fn compat_flags_about_results() {
    let call = yabby_core::ToolCall {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: serde_json::Map::new(),
    };
    let quirks = Quirks {
        tool_result_names: true,
        answer_after_results: true,
        ..Quirks::default()
    };
    let messages = vec![
        Message::calling("", vec![call.clone()]),
        Message::result(&call, "42"),
        Message::user("And now?"),
    ];
    let chat = sent(Dialect::Chat, messages, &quirks);
    assert_eq!(
        chat[1],
        json!({"role": "tool", "tool_call_id": "c", "content": "42", "name": "f"})
    );
    assert_eq!(chat[2]["role"], "assistant");
    assert_eq!(chat[3], json!({"role": "user", "content": "And now?"}));
}
