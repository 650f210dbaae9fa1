//! Hosted services: what they want of a request, their errors, and several keys.

use std::time::Duration;

use serde_json::{Value, json};
use yabby_testkit::{Documented, Fault, ModelServer, ServerKind, script};

use crate::client::{ask, get, post};

/// A service, an error, its status, and what stands where in its body.
type Row = (ServerKind, Documented, u16, &'static str, &'static str);

const ROUTER: ServerKind = ServerKind::OpenRouter { context_length: 4096 };

async fn server(kind: ServerKind) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m1", "m2", "gpt-5.6"]);
    server
}

fn with(request: &str, headers: &str) -> String {
    request.replacen("Host: x", &format!("{headers}\r\nHost: x"), 1)
}

/// A good request for each, with its credential.
fn good(kind: &ServerKind, key: &str, model: &str) -> String {
    let said = json!([{"role": "user", "content": "Hi"}]);
    match kind {
        ServerKind::Anthropic => with(
            &post(
                "/v1/messages",
                &json!({"model": model, "max_tokens": 9, "messages": said}),
            ),
            &format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01"),
        ),
        ServerKind::OpenAi => with(
            &post("/v1/responses", &json!({"model": model, "input": said})),
            &format!("Authorization: Bearer {key}"),
        ),
        _ => with(
            &post("/api/v1/chat/completions", &json!({"model": model, "messages": said})),
            &format!("Authorization: Bearer {key}"),
        ),
    }
}

/// The status, the headers and the body as JSON.
async fn answer(server: &ModelServer, request: &str) -> (u16, String, Value) {
    let (head, body) = ask(server, request).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn the_documented_errors() {
    let limited = || Documented::Limited {
        retry_after: Some(Duration::from_secs(7)),
    };
    let rows: Vec<Row> = vec![
        (
            ServerKind::Anthropic,
            Documented::BadKey,
            401,
            "/error/type",
            "authentication_error",
        ),
        (
            ServerKind::Anthropic,
            Documented::NoCredit,
            402,
            "/error/type",
            "billing_error",
        ),
        (
            ServerKind::Anthropic,
            Documented::Forbidden,
            403,
            "/error/type",
            "permission_error",
        ),
        (
            ServerKind::Anthropic,
            Documented::TooLarge,
            413,
            "/error/type",
            "request_too_large",
        ),
        (ServerKind::Anthropic, limited(), 429, "/error/type", "rate_limit_error"),
        (
            ServerKind::Anthropic,
            Documented::Failed,
            500,
            "/error/type",
            "api_error",
        ),
        (
            ServerKind::Anthropic,
            Documented::Overloaded,
            529,
            "/error/type",
            "overloaded_error",
        ),
        (
            ServerKind::OpenAi,
            Documented::BadKey,
            401,
            "/error/code",
            "invalid_api_key",
        ),
        (
            ServerKind::OpenAi,
            Documented::NoCredit,
            429,
            "/error/code",
            "insufficient_quota",
        ),
        (ServerKind::OpenAi, limited(), 429, "/error/code", "rate_limit_exceeded"),
        (
            ServerKind::OpenAi,
            Documented::Overloaded,
            503,
            "/error/code",
            "server_is_overloaded",
        ),
        (
            ROUTER,
            Documented::NoCredit,
            402,
            "/error/metadata/error_type",
            "payment_required",
        ),
        (
            ROUTER,
            limited(),
            429,
            "/error/metadata/headers/X-RateLimit-Reset",
            "7000",
        ),
        (
            ROUTER,
            Documented::Flagged,
            403,
            "/error/metadata/error_type",
            "content_policy_violation",
        ),
    ];
    for (kind, what, status, pointer, expected) in rows {
        let server = server(kind.clone()).await;
        server.fault(Fault::Documented(what.clone()));
        let (got, head, body) = answer(&server, &good(&kind, "k", "m1")).await;
        assert_eq!(
            (got, body.pointer(pointer)),
            (status, Some(&json!(expected))),
            "{kind:?} {what:?}"
        );
        assert_eq!(
            head.contains("retry-after: 7\r\n"),
            status == 429 && what == limited(),
            "{head}"
        );
        match kind {
            ServerKind::Anthropic => assert_eq!(
                (&body["type"], &body["request_id"]),
                (&json!("error"), &json!("req_testkit"))
            ),
            ServerKind::OpenAi => assert!(head.contains("x-request-id: "), "{head}"),
            _ => assert_eq!(body["error"]["code"], status),
        }
    }
}

#[tokio::test]
async fn a_request_without_what_is_required_is_refused() {
    let cases = [
        (ServerKind::Anthropic, "max_tokens", "max_tokens: Field required"),
        (ServerKind::OpenAi, "input", "Missing required parameter: 'input'."),
        (ROUTER, "messages", "Missing required parameter: 'messages'."),
    ];
    for (kind, field, words) in cases {
        let server = server(kind.clone()).await;
        let request = good(&kind, "k", "m1");
        assert_eq!(answer(&server, &request).await.0, 200, "{kind:?}");
        let without = |name: &str, to: &str| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let body = body.replace(&format!("\"{name}\":"), &format!("\"{to}\":"));
            let head: Vec<&str> = head
                .lines()
                .filter(|line| !line.to_lowercase().starts_with("content-length"))
                .collect();
            format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len())
        };
        let (status, _, body) = answer(&server, &without(field, "nonsense")).await;
        assert_eq!((status, body["error"]["message"].as_str()), (400, Some(words)));
        // No credential.
        let bare: Vec<&str> = request.lines().filter(|line| !line.contains(" k")).collect();
        assert_eq!(answer(&server, &bare.join("\r\n")).await.0, 401, "{kind:?}");
    }
}

#[tokio::test]
async fn unknown_fields_are_refused_where_that_is_documented() {
    let anthropic = server(ServerKind::Anthropic).await;
    let request = json!({"model": "m1", "max_tokens": 9, "messages": [], "cache_prompt": true});
    let request = with(
        &post("/v1/messages", &request),
        "x-api-key: k\r\nanthropic-version: 2023-06-01",
    );
    let (status, _, body) = answer(&anthropic, &request).await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (400, &json!("cache_prompt: Extra inputs are not permitted"))
    );
    let openai = server(ServerKind::OpenAi).await;
    let request = json!({"model": "gpt-5.6", "messages": [], "max_tokens": 9});
    let request = with(&post("/v1/chat/completions", &request), "Authorization: Bearer k");
    let (status, _, body) = answer(&openai, &request).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("unsupported_parameter")));
}

#[tokio::test]
async fn a_history_that_is_poisoned_is_refused() {
    let anthropic = server(ServerKind::Anthropic).await;
    let openai = server(ServerKind::OpenAi).await;
    let message = |content: Value| {
        let messages = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]);
        let body = json!({"model": "m1", "max_tokens": 9, "messages": messages});
        with(
            &post("/v1/messages", &body),
            "x-api-key: k\r\nanthropic-version: 2023-06-01",
        )
    };
    let response = |items: Value| {
        with(
            &post("/v1/responses", &json!({"model": "m1", "input": items})),
            "Authorization: Bearer k",
        )
    };
    let reasoning =
        |sealed: &str| json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed});
    let said = json!({"type": "message", "role": "assistant", "content": []});
    let cases = [
        (
            &anthropic,
            message(json!([{"type": "thinking", "thinking": "x", "signature": ""}])),
            "Invalid `signature`",
        ),
        (
            &anthropic,
            message(json!([{"type": "tool_use", "id": "t1", "name": "f", "input": {}}])),
            "without `tool_result`",
        ),
        (
            &openai,
            response(json!([reasoning("gAAAA-openai-rs_1")])),
            "without its required following item",
        ),
        (
            &openai,
            response(json!([reasoning("other"), said])),
            "could not be verified",
        ),
        (
            &openai,
            response(json!([{"type": "function_call", "call_id": "c1"}])),
            "No tool output found",
        ),
    ];
    for (server, request, words) in cases {
        let (status, _, body) = answer(server, &request).await;
        assert_eq!(status, 400, "{words}");
        assert!(body["error"]["message"].as_str().unwrap().contains(words), "{body}");
    }
    let fine = response(json!([reasoning("gAAAA-openai-rs_1"), said]));
    assert_eq!(answer(&openai, &fine).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_state_of_its_own() {
    for kind in [ServerKind::Anthropic, ServerKind::OpenAi, ROUTER] {
        let server = server(kind.clone()).await;
        server.accept_key("good");
        server.key_fails("poor", Documented::NoCredit);
        server.key_limited("busy", Some("m1"), Duration::from_secs(30), true);
        server.key_limited("shy", None, Duration::from_secs(30), false);
        let poor = if kind == ServerKind::OpenAi { 429 } else { 402 };
        for (key, model, status, told) in [
            ("good", "m1", 200, false),
            ("nobody's", "m1", 401, false),
            ("poor", "m1", poor, false),
            ("busy", "m1", 429, true),
            ("busy", "m2", 200, false),
            ("shy", "m2", 429, false),
        ] {
            let (got, head, _) = answer(&server, &good(&kind, key, model)).await;
            assert_eq!(
                (got, head.contains("retry-after: 30")),
                (status, told),
                "{kind:?} {key} {model}"
            );
        }
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(answer(&server, &good(&kind, "busy", "m1")).await.0, 200);
    }
}

#[tokio::test]
async fn openrouter_says_what_it_costs_and_what_a_key_has_left() {
    let server = server(ROUTER).await;
    server.key_fails("poor", Documented::NoCredit);
    server.chat(script![reasoning("Hm."), text("Hi"), usage(10, 2)]);
    server.accept_key("k");
    let request = good(&ROUTER, "k", "m1").replacen("{\"model\"", "{\"stream\":true,\"model\"", 1);
    let length = request.split_once("\r\n\r\n").unwrap().1.len();
    let request = request.replacen(
        &format!("Content-Length: {}", length - 14),
        &format!("Content-Length: {length}"),
        1,
    );
    let (_, body) = ask(&server, &request).await;
    assert!(body.contains(": OPENROUTER PROCESSING\n"), "{body}");
    assert!(
        body.contains("\"provider\":\"Testkit\"") && body.contains("\"cost\":8.4"),
        "{body}"
    );
    let key = with(&get("/api/v1/key"), "Authorization: Bearer poor");
    assert_eq!(answer(&server, &key).await.2["data"]["limit_remaining"], 0.0);
    assert_eq!(answer(&server, &get("/api/v1/key")).await.0, 401);
    assert_eq!(answer(&server, &get("/api/v1/models")).await.0, 200, "public");
}
