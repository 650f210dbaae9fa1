//! Broken streams and named faults.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use yabby_testkit::{Dialect, Fault, ModelServer, Refusal, ServerKind, script};

use crate::client::{LONG, SHORT, ask, ask_json, chat, connect, get, post, read};

#[tokio::test]
async fn each_way_to_break_a_stream() {
    let server = ModelServer::start().await;
    server.chat(script![text("a"), rst()]);
    let reset = read(&mut connect(&server, &chat(true)).await).await.unwrap_err();
    assert!(
        reset.starts_with("reset after HTTP") && reset.contains("\"a\""),
        "{reset}"
    );
    server.chat(script![text("a"), close()]);
    let closed = read(&mut connect(&server, &chat(true)).await).await.unwrap_err();
    assert!(
        closed.starts_with("closed after HTTP/1.1 200") && closed.contains("\"a\""),
        "{closed}"
    );
    server.chat(script![text("a"), end()]);
    let (_, body) = ask(&server, &chat(true)).await;
    assert!(
        body.contains("\"a\"") && !body.contains("[DONE]") && !body.contains("\"stop\""),
        "{body}"
    );
    server.chat(script![text("abcdef"), close()]);
    let closed = read(&mut connect(&server, &chat(false)).await).await.unwrap_err();
    assert!(closed.contains("chat.completion") && !closed.ends_with('}'), "{closed}");
    server.chat(script![text("a"), error_event(json!({"message": "boom"}))]);
    let (_, body) = ask(&server, &chat(true)).await;
    assert!(body.ends_with("data: {\"error\":{\"message\":\"boom\"}}\n\n"), "{body}");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.complete && !request.closed_early)
    );
}

#[tokio::test]
async fn hanging_ends_when_the_client_leaves() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    server.chat(script![comment(""), text("a"), hang()]);
    let mut stream = connect(&server, &chat(true)).await;
    assert!(timeout(SHORT, read(&mut stream)).await.is_err(), "it ended");
    assert_eq!((server.open_connections(), server.busy()), (1, 1));
    let slots = ask_json(&server, &get("/slots")).await;
    assert_eq!(
        (&slots[0]["is_processing"], &slots[1]["is_processing"]),
        (&json!(true), &json!(false))
    );
    assert!(!server.wait_idle(SHORT).await);
    drop(stream);
    assert!(server.wait_idle(LONG).await && server.wait_closed(LONG).await);
    assert!(server.requests()[0].closed_early && !server.requests()[0].complete);
    assert_eq!((server.busy(), server.busy_peak()), (0, 1));
}

#[tokio::test]
async fn faults_by_name() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 2 });
    let status = async |request: &str| {
        let (head, body) = ask(&server, request).await;
        (head[9..12].to_owned(), body)
    };
    server.fault(Fault::LoadingFor(2));
    assert_eq!(status(&get("/health")).await.0, "503");
    assert!(status(&chat(true)).await.1.contains("Loading model"));
    assert_eq!(status(&get("/health")).await.0, "200");

    for dialect in Dialect::ALL {
        server.fault_once(Fault::Overflow {
            dialect,
            prompt: 5000,
            window: 0,
        });
        let (code, body) = status(&chat(true)).await;
        assert_eq!(
            (code.as_str(), serde_json::from_str::<Value>(&body).unwrap()),
            ("400", dialect.body(5000, 4096))
        );
    }
    for (fault, code) in [
        (Fault::Unauthorized, "401"),
        (Fault::ModelNotFound, "404"),
        (Fault::RateLimit { retry_after: None }, "429"),
        (Fault::Overloaded, "529"),
        (Fault::Status(502, "<html>".to_owned()), "502"),
        (Fault::HtmlWith200, "200"),
        (Fault::JsonErrorWith200, "200"),
    ] {
        server.fault_once(fault);
        assert_eq!(status(&chat(true)).await.0, code);
    }
    server.fault_once(Fault::RateLimit {
        retry_after: Some(Duration::from_secs(7)),
    });
    assert!(ask(&server, &chat(true)).await.0.contains("Retry-After: 7"));
    server.fault_once(Fault::WrongContentType);
    assert!(ask(&server, &chat(true)).await.0.contains("text/plain"));
    server.fault_once(Fault::Fragment(1));
    assert!(ask(&server, &chat(true)).await.1.ends_with("[DONE]\n\n"));
    server.fault_once(Fault::DieAfter(1));
    let reset = read(&mut connect(&server, &chat(true)).await).await.unwrap_err();
    assert!(
        reset.starts_with("reset after HTTP") && reset.contains("\"ok\""),
        "{reset}"
    );
    server.fault_once(Fault::Reset);
    let reset = read(&mut connect(&server, &get("/props")).await).await.unwrap_err();
    assert!(reset == "reset after ", "{reset}");
    assert_eq!(status(&chat(true)).await.0, "200");
}

#[tokio::test]
async fn silence_of_all_kinds() {
    let server = ModelServer::start().await;
    let silent = async |request: &str| {
        let mut stream = connect(&server, request).await;
        timeout(SHORT, read(&mut stream)).await.is_err()
    };
    server.fault(Fault::HangModelCalls);
    assert!(silent(&chat(true)).await);
    ask(&server, &get("/v1/models")).await;
    server.clear_faults();
    server.fault(Fault::HangAllPaths);
    assert!(silent(&get("/v1/models")).await);
    server.clear_faults();
    let seen = server.requests().len();
    server.fault(Fault::AcceptAndHang);
    assert!(silent(&get("/v1/models")).await);
    assert_eq!((server.requests().len(), seen), (3, 3));
    server.clear_faults();
    server.fault_once(Fault::Endless);
    assert!(silent(&chat(true)).await);
    server.fault_once(Fault::HangAfter(1));
    assert!(silent(&chat(true)).await);
    assert!(server.wait_closed(LONG).await);
}

#[tokio::test]
async fn refusals_look_into_the_body() {
    let server = ModelServer::start().await;
    let asked = |more: Value| {
        let mut body = json!({"model": "test-model", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post("/v1/chat/completions", &body)
    };
    let tool = json!({"type": "function", "function": {"name": "bad", "parameters": {"type": "nonsense"}}});
    let role = |role: &str| json!({"messages": [{"role": role, "content": "x"}]});
    for (refusal, with, status, words) in [
        (
            Refusal::Field("a.b".into()),
            json!({"a": {"b": 1}}),
            400,
            "Unknown parameter: 'a.b'",
        ),
        (
            Refusal::Schema("nonsense".into()),
            json!({"tools": [tool]}),
            400,
            "Unable to generate parser",
        ),
        (
            Refusal::NamedSchema("bad".into()),
            json!({"tools": [tool]}),
            400,
            "for function 'bad'",
        ),
        (Refusal::SystemRole, role("system"), 500, "System role not supported"),
        (Refusal::ToolMessages, role("tool"), 500, "roles must alternate"),
        (Refusal::Prefill, role("assistant"), 400, "assistant message prefill"),
        (
            Refusal::Tools,
            json!({"tools": [tool]}),
            400,
            "--enable-auto-tool-choice",
        ),
    ] {
        server.clear_faults();
        server.fault(Fault::Refuses(refusal.clone()));
        let (head, body) = ask(&server, &asked(with)).await;
        assert!(
            head.contains(&status.to_string()) && body.contains(words),
            "{refusal:?}: {head} {body}"
        );
        let (head, body) = ask(&server, &asked(json!({}))).await;
        assert!(head.contains("200"), "{refusal:?}: {body}");
    }
}
