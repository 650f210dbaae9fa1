//! What passes of headers, and who is answered at all.

use std::collections::BTreeMap;

use yabby_testkit::{Canary, ModelServer, ServerKind};

use crate::{
    client::ask,
    scene::{CHAT, Scene, chain},
};

#[tokio::test]
async fn nothing_of_the_clients_head_reaches_the_upstream() {
    let canary = Canary::new();
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let bearer = format!("Bearer {}", canary.expose());
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", canary.expose()),
        ("cookie", canary.expose()),
        ("proxy-authorization", canary.expose()),
        ("x-forwarded-for", canary.expose()),
        ("user-agent", canary.expose()),
        ("accept-encoding", "gzip"),
        ("openai-beta", "assistants=v2"),
        ("anthropic-beta", canary.expose()),
    ];
    let answer = ask(scene.at, "POST", CHAT, &headers, r#"{"model":"a/m"}"#).await;
    assert_eq!(answer.status, 200);
    let call = server.model_calls().pop().unwrap();
    let wanted: BTreeMap<String, String> = [
        ("accept", "text/event-stream, application/json"),
        ("authorization", "Bearer key-a"),
        ("content-length", "13"),
        ("content-type", "application/json"),
        ("host", &server.addr().to_string()),
        ("openai-beta", "assistants=v2"),
        ("user-agent", concat!("yabby/", env!("CARGO_PKG_VERSION"))),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    assert_eq!(call.headers, wanted);
}

#[tokio::test]
async fn anthropic_gets_its_version_once() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::Anthropic);
    server.models(&["m"]);
    let scene = Scene::with_config(&chain("anthropic-messages", &[server.base_url()])).await;
    let mine = [("anthropic-version", "2024-01-01"), ("anthropic-beta", "x")];
    for (headers, version, beta) in [(&[][..], "2023-06-01", None), (&mine[..], "2024-01-01", Some("x"))] {
        let answer = ask(
            scene.at,
            "POST",
            "/v1/messages",
            headers,
            r#"{"model":"a/m","max_tokens":1,"messages":[]}"#,
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let call = server.model_calls().pop().unwrap();
        assert_eq!(
            (call.header("anthropic-version"), call.header("anthropic-beta")),
            (Some(version), beta)
        );
        assert_eq!(
            (call.header("x-api-key"), call.header("authorization")),
            (Some("key-a"), None)
        );
    }
}

#[tokio::test]
async fn pages_from_elsewhere_are_not_answered() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    for headers in [
        &[("host", "evil.example")][..],
        &[("host", "127.0.0.1.evil.example:18789")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost.evil.example")],
    ] {
        let answer = ask(scene.at, "POST", CHAT, headers, r#"{"model":"a/m"}"#).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (403, Some("forbidden")),
            "{headers:?}"
        );
        assert_eq!(ask(scene.at, "GET", "/v1/models", headers, "").await.status, 403);
    }
    assert!(server.model_calls().is_empty());
    for headers in [&[("host", "localhost:1")][..], &[("origin", "http://127.0.0.1:3000")]] {
        assert_eq!(
            ask(scene.at, "POST", CHAT, headers, r#"{"model":"a/m"}"#).await.status,
            200,
            "{headers:?}"
        );
    }
}
