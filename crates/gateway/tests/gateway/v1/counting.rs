//! Counts of tokens.

use serde_json::{Value, json};
use yabby_core::Zone;
use yabby_store::Scopes;
use yabby_testkit::{ModelServer, ServerKind};

use crate::{
    auth::Kept,
    client::Answer,
    scene::{Scene, chain},
};

const OF_RESPONSES: &str = "/v1/responses/input_tokens";
const OF_MESSAGES: &str = "/v1/messages/count_tokens";

fn ask(model: &str, path: &str) -> String {
    match path {
        OF_RESPONSES => json!({"model": model, "input": "How many tokens are these?"}),
        _ => json!({"model": model, "messages": [{"role": "user", "content": "How many tokens are these?"}]}),
    }
    .to_string()
}

fn said(answer: &Answer) -> (u16, Value, &str, &str) {
    (
        answer.status,
        answer.json(),
        answer.header("x-yabby-tokens"),
        answer.header("x-yabby-model"),
    )
}

#[tokio::test]
async fn the_server_counts_where_it_can() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 8192, slots: 1 });
    server.models(&["m"]);
    server.input_tokens(1234);
    let scene = Scene::one(&server).await;
    let answer = scene.post(OF_RESPONSES, &ask("a/m", OF_RESPONSES)).await;
    let expected = json!({"object": "response.input_tokens", "input_tokens": 1234});
    assert_eq!(said(&answer), (200, expected, "exact", "a/m"));
    // By the name of the chain, and in the other API, which its model does not speak.
    let answer = scene.post(OF_MESSAGES, &ask("route/default", OF_MESSAGES)).await;
    assert_eq!(said(&answer), (200, json!({"input_tokens": 1234}), "exact", "a/m"));
    assert!(server.model_calls().is_empty());
}

#[tokio::test]
async fn without_a_counter_it_is_estimated() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let answer = scene.post(OF_MESSAGES, &ask("a/m", OF_MESSAGES)).await;
    let (status, body, exactness, _) = said(&answer);
    let tokens = body["input_tokens"].as_u64().unwrap();
    assert!(
        status == 200 && (4..40).contains(&tokens) && exactness == "estimated",
        "{body}"
    );
}

#[tokio::test]
async fn what_is_counted_stays_where_it_may_be() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 8192, slots: 1 });
    server.models(&["m"]);
    let kept = Kept::new().await;
    let (near, _) = kept
        .add(Scopes {
            zone: Some(Zone::Machine),
            ..Scopes::default()
        })
        .await;
    let (other, _) = kept
        .add(Scopes {
            models: vec!["b/*".to_owned()],
            ..Scopes::default()
        })
        .await;
    let config = json!({"models": {"providers": {"a": {
        "baseUrl": server.base_url(), "api": "openai-completions", "zone": "hosted", "models": [{"id": "m"}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    for (key, code) in [(&near, "out_of_zone"), (&other, "model_not_allowed")] {
        let body = ask("a/m", OF_RESPONSES);
        let answer = scene.with_key(key.secret.expose(), "POST", OF_RESPONSES, &body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (403, Some(code)),
            "{}",
            answer.text()
        );
    }
    let asked = server.requests();
    assert!(
        asked.iter().all(|request| !request.path.ends_with("tokens")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused_in_the_shape_of_the_api() {
    let server = ModelServer::start().await;
    let scene = Scene::with_config(&chain("openai-completions", &[server.base_url()])).await;
    let missing = scene.post(OF_MESSAGES, r#"{"model":"a/m"}"#).await;
    assert_eq!(
        (
            missing.status,
            missing.json()["error"]["type"].as_str(),
            missing.json()["type"].as_str()
        ),
        (400, Some("invalid_request_error"), Some("error"))
    );
    let unknown = scene.post(OF_RESPONSES, &ask("nobody/m", OF_RESPONSES)).await;
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].as_str()),
        (404, Some("model_not_found")),
        "{}",
        unknown.text()
    );
    assert_eq!(scene.get(OF_RESPONSES).await.status, 405);
}
