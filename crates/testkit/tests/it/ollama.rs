//! Ollama's own API.

use serde_json::{Value, json};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use crate::client::{ask, ask_json, post};

async fn ollama() -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(ServerKind::Ollama {
        allocated: Some(4096),
        trained: 40960,
    });
    server.models(&["m1"]);
    server
}

fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_stream_of_lines_and_a_whole_answer() {
    let server = ollama().await;
    let script = script![
        reasoning("hm"),
        text("Hel"),
        text("lo"),
        comment(""),
        prefill(1, 2),
        tool_call("c1", "add", r#"{"a":1}"#),
        usage(26, 4)
    ];
    server.default_reply(script);
    // It streams unless it is told not to.
    let (head, body) = ask(&server, &post("/api/chat", &json!({"model": "m1", "messages": []}))).await;
    assert!(head.contains("application/x-ndjson"), "{head}");
    let lines = lines(&body);
    let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
    let call = json!({"function": {"name": "add", "arguments": {"a": 1}}});
    assert_eq!(
        json!(messages),
        json!([
            {"role": "assistant", "content": "", "thinking": "hm"},
            {"role": "assistant", "content": "Hel"},
            {"role": "assistant", "content": "lo"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "assistant", "content": ""},
        ])
    );
    let done: Vec<&Value> = lines.iter().map(|line| &line["done"]).collect();
    assert_eq!(json!(done), json!([false, false, false, false, true]));
    assert_eq!(
        (&lines[4]["done_reason"], &lines[4]["prompt_eval_count"]),
        (&json!("stop"), &json!(26))
    );

    let whole = json!({"model": "m1", "messages": [], "stream": false});
    let answer = ask_json(&server, &post("/api/chat", &whole)).await;
    assert_eq!(
        answer["message"],
        json!({"role": "assistant", "content": "Hello", "thinking": "hm", "tool_calls": [call]})
    );
    assert_eq!((&answer["done"], &answer["eval_count"]), (&json!(true), &json!(4)));
    assert_eq!(server.model_calls().len(), 2);
}

#[tokio::test]
async fn errors_are_strings() {
    let server = ollama().await;
    let request = post("/api/chat", &json!({"model": "x"}));
    let (head, body) = ask(&server, &request).await;
    assert!(head.contains("404"), "{head}");
    assert_eq!(body, r#"{"error":"model \"x\" not found, try pulling it first"}"#);
    let request = post("/api/chat", &json!({"model": "m1"}));
    server.chat(script![
        text("a"),
        error_event(json!({"message": "EOF", "type": "api_error"}))
    ]);
    let lines = lines(&ask(&server, &request).await.1);
    assert_eq!((lines.len(), &lines[1]), (2, &json!({"error": "EOF"})));
    server.fault_once(Fault::Overloaded);
    assert_eq!(ask_json(&server, &request).await, json!({"error": "Overloaded"}));
    // Other kinds do not have it.
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    let (head, _) = ask(&server, &request).await;
    assert!(head.contains("404"), "{head}");
}
