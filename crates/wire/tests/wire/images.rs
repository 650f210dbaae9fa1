//! Pictures in each dialect.

use serde_json::{Value, json};
use yabby_core::{Image, Message, ModelRequest, ToolCall};
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
    for dialect in [Dialect::Chat, Dialect::Responses, Dialect::Ollama] {
        assert_eq!(
            sent(dialect, vec![asked("What is this?")], &quirks),
            json!([{"role": "user", "content": "[a picture that this server cannot take]\n\nWhat is this?"}])
        );
    }
    let text = sent(Dialect::Messages, vec![asked("What is this?")], &quirks).to_string();
    assert!(!text.contains(PNG) && text.contains("cannot take"), "{text}");
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: serde_json::Map::new(),
    }
}

/// vLLM with Mistral's tokenizer: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9" (vllm issue 9019).
#[test]
fn short_call_ids() {
    let quirks = Quirks {
        short_call_ids: true,
        ..Quirks::default()
    };
    let ids = ["call_1", "call_2", "functions.say:0", "abcdef123"];
    let messages = ids.map(|id| [Message::calling("", vec![call(id)]), Message::result(&call(id), "42")]);
    let chat = sent(Dialect::Chat, messages.concat(), &quirks);
    let sent: Vec<(&str, &str)> = chat
        .as_array()
        .unwrap()
        .chunks(2)
        .map(|pair| {
            let made = pair[0]["tool_calls"][0]["id"].as_str().unwrap();
            (made, pair[1]["tool_call_id"].as_str().unwrap())
        })
        .collect();
    for (made, answered) in &sent {
        assert_eq!(made, answered);
        assert!(
            made.len() == 9 && made.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{made}"
        );
    }
    assert_ne!(sent[0], sent[1]);
    assert_eq!(sent[3].0, "abcdef123");
}

#[test]
fn a_system_prompt_without_instructions() {
    let request = ModelRequest {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::user("Hi")],
        ..ModelRequest::default()
    };
    let quirks = Quirks {
        no_instructions: true,
        ..Quirks::default()
    };
    let target = Target {
        endpoint: "",
        model: "m",
        quirks: &quirks,
    };
    let body: Value = serde_json::from_slice(&encode(Dialect::Responses, &request, &target).body).unwrap();
    assert_eq!(
        body,
        json!({"model": "m", "store": false, "stream": true, "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ]})
    );
}

#[test]
fn compat_flags_about_results() {
    let call = call("c");
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
