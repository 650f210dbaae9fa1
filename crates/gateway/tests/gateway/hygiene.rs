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
    let config = chain("openai-completions", &[server.base_url()]);
    let own = format!(r#"{{"gateway":{{"auth":{{"token":"{}"}}}},"#, canary.expose());
    let scene = Scene::with_config(&config.replacen('{', &own, 1)).await;
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
    for (headers, status) in [
        (&[("host", "evil.example")][..], 421),
        (&[("host", "127.0.0.1.evil.example:18789")], 421),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "http://localhost.evil.example")], 403),
    ] {
        let answer = ask(scene.at, "POST", CHAT, headers, r#"{"model":"a/m"}"#).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some("forbidden")),
            "{headers:?}"
        );
        assert_eq!(ask(scene.at, "GET", "/v1/models", headers, "").await.status, status);
        assert_eq!(ask(scene.at, "GET", "/health", headers, "").await.status, status);
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

#[tokio::test]
async fn what_is_outside_the_zones_is_never_contacted() {
    let (near, far) = (ModelServer::start().await, ModelServer::start().await);
    let config = serde_json::json!({
        "models": {"providers": {
            "far": {"baseUrl": far.base_url(), "api": "openai-completions", "zone": "hosted", "models": [{"id": "m"}]},
            "near": {"baseUrl": near.base_url(), "api": "openai-completions", "zone": "machine", "models": [{"id": "m"}]},
        }},
        "agents": {"defaults": {
            "model": {"primary": "far/m", "fallbacks": ["near/m"]},
            "privacy": {"zones": ["machine", "lan"]},
        }},
    });
    let scene = Scene::with_config(&config.to_string()).await;
    let answer = ask(scene.at, "POST", CHAT, &[], "{}").await;
    assert_eq!(
        (answer.status, answer.header("x-yabby-model")),
        (200, "near/m"),
        "{}",
        answer.text()
    );
    let answer = ask(scene.at, "POST", CHAT, &[], r#"{"model":"far/m"}"#).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (403, Some("out_of_zone"))
    );
    assert!(
        answer.text().contains("agents.defaults.privacy.zones"),
        "{}",
        answer.text()
    );
    assert!(far.model_calls().is_empty());
}

#[tokio::test]
async fn another_key_is_used_when_one_is_refused() {
    let server = ModelServer::start().await;
    server.require_key("good-key");
    let config = chain("openai-completions", &[server.base_url()]).replace(
        "\"apiKey\":\"key-a\"",
        "\"apiKey\":\"bad-key\",\"apiKeys\":[\"good-key\"]",
    );
    let scene = Scene::with_config(&config).await;
    for attempts in ["2", "1"] {
        let answer = ask(scene.at, "POST", CHAT, &[], r#"{"model":"a/m"}"#).await;
        assert_eq!(
            (answer.status, answer.header("x-yabby-attempts")),
            (200, attempts),
            "{}",
            answer.text()
        );
    }
    let keys: Vec<String> = server
        .model_calls()
        .iter()
        .filter_map(|call| call.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(keys, ["Bearer bad-key", "Bearer good-key", "Bearer good-key"]);
}

#[tokio::test]
async fn a_limit_of_money_holds_for_what_passes() {
    let server = ModelServer::start().await;
    server.input_tokens(1_000_000);
    let config = serde_json::json!({
        "models": {"providers": {"a": {
            "baseUrl": server.base_url(), "api": "openai-completions", "zone": "hosted",
            "models": [{"id": "m", "cost": {"input": 2.0, "output": 2.0}}],
        }}},
        "route": {"budget": {"perDay": {"usd": 1.0}}},
    });
    let scene = Scene::with_config(&config.to_string()).await;
    let answer = ask(scene.at, "POST", CHAT, &[], r#"{"model":"a/m"}"#).await;
    assert_eq!(
        (answer.status, answer.header("x-yabby-zone")),
        (200, "hosted"),
        "{}",
        answer.text()
    );
    let cost = scene.attempts()[0].cost.unwrap();
    assert!((2.0..2.1).contains(&cost), "{cost}");
    let answer = ask(scene.at, "POST", CHAT, &[], r#"{"model":"a/m"}"#).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (429, Some("over_budget")),
        "{}",
        answer.text()
    );
    assert_eq!(server.model_calls().len(), 1);
}
