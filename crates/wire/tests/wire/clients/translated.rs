//! Requests of one API in the words of another.

use serde_json::{Value, json};
use yabby_core::Delivery;
use yabby_wire::{
    Dialect, Quirks, Target,
    clients::{Api, Translated},
    encode,
};

const PNG: &str = "iVBORw0KGgo=";

fn translated(api: Api, dialect: Dialect, body: &Value) -> Translated {
    let read = api.parse(body.to_string().as_bytes()).unwrap();
    read.translated(dialect).unwrap()
}

/// The body that a server gets.
fn written(api: Api, dialect: Dialect, body: &Value) -> Value {
    let translated = translated(api, dialect, body);
    assert_eq!(translated.left_out, Vec::<String>::new());
    assert_eq!(translated.request.delivery, Delivery::Stream);
    let quirks = Quirks {
        extra_body: translated.request.extra_body.clone(),
        ..Quirks::default()
    };
    let target = Target {
        endpoint: "",
        model: "m",
        quirks: &quirks,
    };
    serde_json::from_slice(&encode(dialect, &translated.request, &target).body).unwrap()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false})
}

/// One request with everything that all three APIs have words for.
fn everything(api: Api) -> Value {
    let url = format!("data:image/png;base64,{PNG}");
    match api {
        Api::Chat => json!({
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "How many?"}, {"type": "image_url", "image_url": {"url": url}}]}],
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema()}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema()}},
            "max_completion_tokens": 77, "temperature": 0.5, "top_p": 0.9, "reasoning_effort": "none",
        }),
        Api::Responses => json!({
            "input": [{"role": "user", "content": [
                {"type": "input_text", "text": "How many?"}, {"type": "input_image", "image_url": url}]}],
            "tools": [{"type": "function", "name": "f", "description": "d", "parameters": schema()}],
            "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
            "text": {"format": {"type": "json_schema", "name": "answer", "schema": schema()}},
            "max_output_tokens": 77, "temperature": 0.5, "top_p": 0.9, "reasoning": {"effort": "none"},
        }),
        Api::Messages => json!({
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "How many?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}],
            "tools": [{"name": "f", "description": "d", "input_schema": schema()}],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
            "output_config": {"format": {"type": "json_schema", "schema": schema()}},
            "max_tokens": 77, "temperature": 0.5, "top_p": 0.9, "thinking": {"type": "disabled"},
        }),
    }
}

#[test]
fn what_is_wanted_of_an_answer_is_said_in_every_dialect() {
    for api in Api::ALL {
        let url = format!("data:image/png;base64,{PNG}");
        let chat = json!({
            "model": "m", "stream": true, "max_tokens": 77, "temperature": 0.5,
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema(), "strict": true}},
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": schema()}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "top_p": 0.9, "parallel_tool_calls": false, "reasoning_effort": "none",
            "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "How many?"}]}],
        });
        let responses = json!({
            "model": "m", "store": false, "stream": true, "max_output_tokens": 77, "temperature": 0.5,
            "text": {"format": {"type": "json_schema", "name": "answer", "schema": schema(), "strict": true}},
            "tools": [{"type": "function", "name": "f", "description": "d", "parameters": schema(), "strict": false}],
            "tool_choice": {"type": "function", "name": "f"},
            "top_p": 0.9, "parallel_tool_calls": false, "reasoning": {"effort": "none"},
            "input": [{"role": "user", "content": [
                {"type": "input_image", "image_url": url, "detail": "auto"}, {"type": "input_text", "text": "How many?"}]}],
        });
        let messages = json!({
            "model": "m", "stream": true, "max_tokens": 77, "temperature": 0.5,
            "output_config": {"format": {"type": "json_schema", "schema": schema()}},
            "tools": [{"name": "f", "description": "d", "input_schema": schema()}],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
            "top_p": 0.9, "thinking": {"type": "disabled"},
            "messages": [{"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "text", "text": "How many?"}]}],
        });
        for (dialect, wanted) in [
            (Dialect::Chat, chat),
            (Dialect::Responses, responses),
            (Dialect::Messages, messages),
        ] {
            assert_eq!(written(api, dialect, &everything(api)), wanted, "{api:?} {dialect:?}");
        }
    }
}

/// What is only a hint is named and not said; what nobody here has read, and says nothing, is not even named.
#[test]
fn what_has_no_words_is_named() {
    let body = json!({
        "messages": [{"role": "user", "content": "Hi"}], "seed": 1, "top_k": 4, "presence_penalty": 0.1,
        "frequency_penalty": 0.2, "service_tier": "flex", "logprobs": false, "logit_bias": {}, "modalities": ["text"],
        "verbosity": null, "tools": [{"type": "function", "function": {"name": "f", "strict": true}}],
    });
    let left_out = |dialect| translated(Api::Chat, dialect, &body).left_out;
    assert_eq!(
        left_out(Dialect::Responses),
        [
            "top_k",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "tools[].strict",
            "service_tier"
        ]
    );
    assert_eq!(
        left_out(Dialect::Messages),
        [
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "tools[].strict",
            "service_tier"
        ]
    );
    assert_eq!(left_out(Dialect::Ollama), ["tools[].strict", "service_tier"]);
    // In its own API all of it is said.
    assert_eq!(left_out(Dialect::Chat), ["tools[].strict"]);
    let own = translated(Api::Chat, Dialect::Chat, &body).request.extra_body;
    assert_eq!((&own["service_tier"], &own["seed"]), (&json!("flex"), &json!(1)));
}
