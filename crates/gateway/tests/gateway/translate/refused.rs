//! What cannot be put into the words of another API, and what is left out.

use serde_json::{Value, json};
use yabby_testkit::{Fault, Refusal};
use yabby_wire::{Dialect, clients::Api};

use super::{ask, message, path, scene, tools};

#[tokio::test]
async fn what_cannot_be_carried_over_is_a_400_that_names_the_field() {
    let strict = |api, choice: Value| json!({"tools": tools(api), "tool_choice": choice});
    for (api, dialect, more, field) in [
        (Api::Chat, Dialect::Responses, json!({"stop": "\n"}), "stop"),
        (
            Api::Messages,
            Dialect::Responses,
            json!({"stop_sequences": ["\n"]}),
            "stop_sequences",
        ),
        (
            Api::Chat,
            Dialect::Messages,
            json!({"response_format": {"type": "json_object"}}),
            "response_format.type",
        ),
        (
            Api::Responses,
            Dialect::Messages,
            json!({"text": {"format": {"type": "json_object"}}}),
            "text.format.type",
        ),
        (
            Api::Chat,
            Dialect::Ollama,
            strict(Api::Chat, json!("required")),
            "tool_choice",
        ),
        (
            Api::Messages,
            Dialect::Ollama,
            strict(
                Api::Messages,
                json!({"type": "auto", "disable_parallel_tool_use": true}),
            ),
            "tool_choice.disable_parallel_tool_use",
        ),
        (Api::Chat, Dialect::Messages, json!({"logprobs": true}), "logprobs"),
        (Api::Chat, Dialect::Messages, json!({"n": 2}), "n"),
        (
            Api::Chat,
            Dialect::Messages,
            json!({"messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}),
            "messages[0].content[0].image_url.url",
        ),
        (
            Api::Messages,
            Dialect::Chat,
            json!({"inference_geo": "us"}),
            "inference_geo",
        ),
        (
            Api::Responses,
            Dialect::Chat,
            json!({"previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (Api::Responses, Dialect::Chat, json!({"background": true}), "background"),
        (
            Api::Responses,
            Dialect::Chat,
            json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
            "input[0].id",
        ),
    ] {
        let (server, scene) = scene(dialect).await;
        let answer = scene.post(path(api), &ask(api, more).to_string()).await;
        assert_eq!(answer.status, 400, "{api:?} {dialect:?} {field} {}", answer.text());
        let error = answer.json();
        let told = message(api, &error);
        assert!(told.starts_with(&format!("`{field}`: ")), "{told}");
        if api != Api::Messages {
            assert_eq!(error["error"]["param"], field);
        }
        // It was not asked, and it is not its fault.
        assert_eq!(
            (server.model_calls().len(), scene.attempts().len()),
            (0, 0),
            "{api:?} {dialect:?} {field}"
        );
    }
}

/// Who speaks the API of the client is asked all the same.
#[tokio::test]
async fn others_of_the_chain_are_asked() {
    let (servers, scene) = super::chained(&[Dialect::Responses, Dialect::Chat]).await;
    let answer = scene
        .post(path(Api::Chat), &ask(Api::Chat, json!({"stop": "x"})).to_string())
        .await;
    assert_eq!((answer.status, answer.header("x-yabby-model")), (200, "b/m"));
    assert!(servers[0].model_calls().is_empty());
    assert_eq!(servers[1].model_calls()[0].body["stop"], "x");
    // When nobody can, it is the request that is told of.
    let (_servers, scene) = super::chained(&[Dialect::Responses, Dialect::Responses]).await;
    let answer = scene
        .post(path(Api::Chat), &ask(Api::Chat, json!({"stop": "x"})).to_string())
        .await;
    assert_eq!(
        (answer.status, answer.json()["error"]["param"].as_str()),
        (400, Some("stop"))
    );
}

#[tokio::test]
async fn what_is_left_out_is_named() {
    let (server, scene) = scene(Dialect::Chat).await;
    let body = ask(
        Api::Responses,
        json!({
            "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "store": true, "truncation": null,
            "tools": [{"type": "web_search"}, {"type": "custom", "name": "patch", "description": "d"}],
        }),
    );
    let answer = scene.post("/v1/responses", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.header("x-yabby-left-out"),
        "tools[0] (web_search), include, prompt_cache_key"
    );
    // Nothing is kept, whatever was wanted.
    assert_eq!(answer.json()["store"], false);
    let sent = &server.model_calls()[0].body;
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert!(sent.get("include").is_none() && sent.get("store").is_none(), "{sent}");
}

/// Now, and in the next answer, when it is known already.
#[tokio::test]
async fn what_a_server_has_refused_is_named() {
    let (server, scene) = scene(Dialect::Chat).await;
    for refusal in [
        Refusal::Field("temperature".to_owned()),
        Refusal::Field("top_p".to_owned()),
        Refusal::Field("stop".to_owned()),
        Refusal::NamedSchema("patch".to_owned()),
    ] {
        server.fault(Fault::Refuses(refusal));
    }
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let tools = json!([
        tools(Api::Messages)[0],
        {"name": "patch", "description": "d", "input_schema": schema},
    ]);
    let more = json!({"tools": tools, "temperature": 0.5, "top_p": 0.5, "stop_sequences": ["\n"]});
    for stream in [false, true, false] {
        let mut body = ask(Api::Messages, more.clone());
        body["stream"] = stream.into();
        let answer = scene.post("/v1/messages", &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut left_out: Vec<&str> = answer.header("x-yabby-left-out").split(", ").collect();
        left_out.sort_unstable();
        assert_eq!(left_out, ["stop_sequences", "temperature", "tools (patch)", "top_p"]);
    }
    // Who says nothing of it is told nothing.
    let plain = ask(Api::Messages, json!({"tools": [tools[0]]}));
    let answer = scene.post("/v1/messages", &plain.to_string()).await;
    assert_eq!((answer.status, answer.header("x-yabby-left-out")), (200, ""));
}
