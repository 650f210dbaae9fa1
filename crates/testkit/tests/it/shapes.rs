//! Scripts in the words of each API and kind.

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind, script};

use crate::client::{ask, ask_json, chat, events, get, post};

#[tokio::test]
async fn a_chat_stream_as_llama_cpp_sends_it() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    server.models(&["m1"]);
    server.chat(script![
        reasoning("hm"),
        text("Hel"),
        text("lo"),
        usage_cached(36, 8, 35),
        finish("stop")
    ]);
    let (head, body) = ask(&server, &chat(true)).await;
    assert!(
        head.contains("Server: llama.cpp") && head.contains("text/event-stream"),
        "{head}"
    );
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    let events = events(&body);
    let deltas: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["delta"]).collect();
    assert_eq!(
        json!(deltas),
        json!([
            {"role": "assistant", "content": null}, {"reasoning_content": "hm"}, {"content": "Hel"},
            {"content": "lo"}, {},
        ])
    );
    assert_eq!(events[4]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[4]["timings"]["cache_n"], 35);
}

#[tokio::test]
async fn usage_comes_when_it_is_asked_for() {
    let server = ModelServer::start().await;
    server.chat(script![text("x"), usage(9, 4)]);
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});
    let (_, body) = ask(&server, &post("/v1/chat/completions", &body)).await;
    let last = events(&body).pop().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]["prompt_tokens"]),
        (&json!([]), &json!(9))
    );
}

#[tokio::test]
async fn the_same_script_as_a_whole_answer_of_each_api() {
    let server = ModelServer::start().await;
    let script = script![
        reasoning("r"),
        text("a"),
        text("b"),
        tool_call("c1", "add", r#"{"a":1}"#),
        usage(10, 3)
    ];
    server.chat(script.clone());
    let answer = ask_json(&server, &chat(false)).await;
    assert_eq!(
        answer["choices"][0],
        json!({"finish_reason": "tool_calls", "index": 0, "message": {
            "role": "assistant", "content": "ab", "reasoning_content": "r",
            "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}, "id": "c1"}],
        }})
    );
    server.responses(script.clone());
    let answer = ask_json(&server, &post("/v1/responses", &json!({"model": "m1"}))).await;
    let types: Vec<&Value> = answer["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["type"])
        .collect();
    assert_eq!(json!(types), json!(["reasoning", "message", "function_call"]));
    server.messages(script);
    let answer = ask_json(&server, &post("/v1/messages", &json!({"model": "m1"}))).await;
    assert_eq!(
        answer["content"][2],
        json!({"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}})
    );
    assert_eq!(answer["stop_reason"], "tool_use");
}

#[tokio::test]
async fn tool_calls_are_sent_in_pieces_in_each_api() {
    let arguments = r#"{"city":"Zürich","unit":"c"}"#;
    let joined = |events: &[Value], pointer: &str| -> String {
        events
            .iter()
            .filter_map(|event| event.pointer(pointer)?.as_str())
            .collect()
    };
    for kind in [ServerKind::LlamaCpp { window: 4096, slots: 1 }, ServerKind::Plain] {
        let server = ModelServer::start().await;
        server.kind(kind);
        server.default_reply(script![tool_call("c1", "weather", arguments)]);
        let seen = events(&ask(&server, &chat(true)).await.1);
        assert_eq!(
            joined(&seen, "/choices/0/delta/tool_calls/0/function/arguments"),
            arguments
        );
        let body = json!({"model": "m", "stream": true});
        let seen = events(&ask(&server, &post("/v1/responses", &body)).await.1);
        assert_eq!(joined(&seen, "/delta"), arguments);
        assert_eq!(seen.last().unwrap()["response"]["output"][0]["arguments"], arguments);
        let seen = events(&ask(&server, &post("/v1/messages", &body)).await.1);
        assert_eq!(joined(&seen, "/delta/partial_json"), arguments);
        assert_eq!(seen.last().unwrap()["type"], "message_stop");
    }
}

#[tokio::test]
async fn responses_differ_by_kind() {
    let server = ModelServer::start().await;
    let request = post("/v1/responses", &json!({"model": "m", "stream": true}));
    let script = script![text("cut"), finish("length")];
    server.responses(script.clone());
    let (_, body) = ask(&server, &request).await;
    let last = events(&body).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["sequence_number"]),
        (&json!("response.incomplete"), &json!(8))
    );
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.responses(script);
    let (_, body) = ask(&server, &request).await;
    let last = events(&body).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["sequence_number"]),
        (&json!("response.completed"), &Value::Null)
    );
    assert!(!body.contains("[DONE]"));
}

/// As in the recording `llama-server-b11669-reasoning/resp_tools_required_stream.txt`: one item of each sort, all
/// open until the end, and then closed in this order.
#[tokio::test]
async fn llama_cpp_closes_its_items_at_the_end() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    server.default_reply(script![
        text("a"),
        reasoning("r"),
        tool_call("c1", "add", "{}"),
        text("b")
    ]);
    let request = post("/v1/responses", &json!({"model": "m", "stream": true}));
    let seen = events(&ask(&server, &request).await.1);
    let items: Vec<String> = seen
        .iter()
        .filter_map(|event| {
            let what = event["type"].as_str()?.strip_prefix("response.output_")?;
            let of = event["item"]["type"].as_str().or(event["delta"].as_str());
            Some(format!("{what} {}", of.unwrap_or_default()))
        })
        .collect();
    assert_eq!(
        items,
        [
            "item.added message",
            "text.delta a",
            "item.added reasoning",
            "item.added function_call",
            "text.delta b",
            "item.done reasoning",
            "text.done ",
            "item.done message",
            "item.done function_call",
        ]
    );
    let output = &seen.last().unwrap()["response"]["output"];
    let types: Vec<&Value> = output.as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(json!(types), json!(["reasoning", "message", "function_call"]));
    assert_eq!(output[1]["content"][0]["text"], "ab");
    let ids: std::collections::BTreeSet<&str> = output
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 3);
    // The same when it comes whole.
    let whole = ask_json(&server, &post("/v1/responses", &json!({"model": "m"}))).await;
    let types: Vec<&Value> = whole["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["type"])
        .collect();
    assert_eq!(json!(types), json!(["reasoning", "message", "function_call"]));
    // Others close an item before the next one begins.
    server.kind(ServerKind::Plain);
    let seen = events(&ask(&server, &request).await.1);
    let done: Vec<&Value> = seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"]["type"])
        .collect();
    assert_eq!(json!(done), json!(["message", "reasoning", "function_call", "message"]));
}

#[tokio::test]
async fn progress_is_told_to_those_who_ask() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    server.default_reply(script![prefill(10, 100), text("x")]);
    let (_, plain) = ask(&server, &chat(true)).await;
    assert!(!plain.contains("prompt_progress"));
    let body = json!({"model": "m", "stream": true, "return_progress": true});
    let seen = events(&ask(&server, &post("/v1/chat/completions", &body)).await.1);
    assert_eq!(seen[0]["prompt_progress"]["processed"], 10);
}

#[tokio::test]
async fn kinds_tell_their_window() {
    let server = ModelServer::start().await;
    server.models(&["m1", "m2"]);
    let mut told = Vec::new();
    for (kind, path, pointer) in [
        (
            ServerKind::LlamaCpp { window: 2048, slots: 2 },
            "/props",
            "/default_generation_settings/n_ctx",
        ),
        (
            ServerKind::LlamaCpp { window: 2048, slots: 2 },
            "/v1/models",
            "/data/0/meta/n_ctx",
        ),
        (
            ServerKind::Vllm { max_model_len: 2049 },
            "/v1/models",
            "/data/1/max_model_len",
        ),
        (
            ServerKind::LmStudio {
                loaded: Some(2050),
                max: 9,
            },
            "/api/v1/models",
            "/models/0/loaded_instances/0/config/context_length",
        ),
        (
            ServerKind::LmStudio {
                loaded: Some(2050),
                max: 9,
            },
            "/api/v0/models",
            "/data/0/loaded_context_length",
        ),
        (
            ServerKind::Ollama {
                allocated: Some(2051),
                trained: 9,
            },
            "/api/ps",
            "/models/0/context_length",
        ),
        (
            ServerKind::OpenRouter { context_length: 2052 },
            "/api/v1/models",
            "/data/0/context_length",
        ),
    ] {
        server.kind(kind);
        told.push(
            ask_json(&server, &get(path))
                .await
                .pointer(pointer)
                .and_then(Value::as_u64),
        );
    }
    assert_eq!(told, [2048, 2048, 2049, 2050, 2050, 2051, 2052].map(Some));
    server.kind(ServerKind::LmStudio {
        loaded: None,
        max: 8192,
    });
    let strange = ask_json(&server, &get("/props")).await;
    assert_eq!(strange, json!({"error": "Unexpected endpoint or method. (GET /props)"}));
    ask(
        &server,
        &post("/api/v1/models/load", &json!({"model": "m1", "context_length": 4096})),
    )
    .await;
    assert_eq!(
        ask_json(&server, &get("/api/v0/models")).await["data"][0]["loaded_context_length"],
        4096
    );
}
