//! What a client is told instead of an answer.

use serde_json::json;
use yabby_testkit::{Canary, Fault, ModelServer, ServerKind};

use crate::{
    client::{Open, ask},
    scene::{CHAT, Scene, chain},
};

#[tokio::test]
async fn errors_have_the_shape_of_the_api() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    let message = "no model is named nobody (see `yabby models` for the names that can be used)";
    for (path, wanted) in [
        (
            CHAT,
            json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "model_not_found"}}),
        ),
        (
            "/v1/responses",
            json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "model_not_found"}}),
        ),
        (
            "/v1/messages",
            json!({"type": "error", "error": {"type": "not_found_error", "message": message}}),
        ),
    ] {
        let answer = scene.post(path, r#"{"model":"nobody"}"#).await;
        assert_eq!((answer.status, answer.json()), (404, wanted), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    for body in ["", "[]", "{\"model\":7}", "{\"model\":\"a/m\""] {
        let answer = scene.post(CHAT, body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (400, Some("invalid_request")),
            "{body}"
        );
    }
    assert!(server.model_calls().is_empty());
}

#[tokio::test]
async fn the_words_of_the_only_upstream_are_passed_on() {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
    let scene = Scene::one(&server).await;
    let said =
        json!({"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error", "n_ctx": 4096}});
    server.fault(Fault::Status(400, said.to_string()));
    let answer = scene.post(CHAT, r#"{"model":"a/m"}"#).await;
    assert_eq!(
        (answer.status, answer.json(), answer.header("x-yabby-attempts")),
        (400, said, "1")
    );
    // It is not an API's error, so that it is told in the API's shape.
    server.clear_faults();
    server.fault(Fault::Status(404, "404 page not found".to_owned()));
    let answer = scene.post(CHAT, r#"{"model":"a/m"}"#).await;
    assert!(
        answer.json()["error"]["message"].as_str().unwrap().starts_with("a/m: "),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_refused_key_is_not_the_clients() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    server.fault(Fault::Unauthorized);
    let answer = scene.post(CHAT, r#"{"model":"a/m"}"#).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (502, Some("upstream_credentials"))
    );
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("models.providers.a.apiKey"), "{message}");
}

#[tokio::test]
async fn when_all_fail_each_is_named() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    first.fault(Fault::Status(500, "{\"error\":{\"message\":\"boom\"}}".to_owned()));
    second.fault(Fault::ModelNotFound);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    let answer = scene.post(CHAT, r#"{"model":"yabby"}"#).await;
    assert_eq!((answer.status, answer.header("x-yabby-attempts")), (404, "2"));
    assert_eq!(
        answer.json()["error"]["message"],
        "no model has answered. a/m: the server failed inside: boom (look into the server's log: it may have crashed or been \
         restarted); b/m: the server has no model of this name: The model `m` does not exist (b has \
         test-model: correct the name in the config)"
    );
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_tell_it() {
    let canary = Canary::new();
    let server = ModelServer::start().await;
    let config = chain("openai-completions", &[server.base_url()]).replace("key-a", canary.expose());
    let scene = Scene::with_config(&config).await;
    for status in [400, 401] {
        server.clear_faults();
        server.fault(Fault::Status(
            status,
            json!({"error": {"message": format!("what is Bearer {}?", canary.expose())}}).to_string(),
        ));
        for body in [r#"{"model":"a/m"}"#, r#"{"model":"a/m","stream":true}"#] {
            let answer = scene.post(CHAT, body).await;
            assert!(answer.status >= 400);
            canary.assert_absent(answer.text());
            canary.assert_absent(&format!("{:?}", answer.headers));
        }
    }
    canary.assert_absent(&format!("{:?}", scene.attempts()));
    canary.assert_absent(scene.get("/metrics").await.text());
    assert!(
        server
            .model_calls()
            .iter()
            .all(|call| call.header("authorization") == Some(&format!("Bearer {}", canary.expose())))
    );
}

#[tokio::test]
async fn limits() {
    let server = ModelServer::start().await;
    let scene = Scene::one(&server).await;
    // Nothing of it has to come.
    let large = [("content-length", "33554433")];
    let open = Open::send(scene.at, "POST", "/v1/messages", &large, "").await;
    let answer = open.answer().await;
    assert_eq!(
        (answer.status, answer.json()["error"]["type"].as_str()),
        (413, Some("request_too_large"))
    );
    let long = "x".repeat(70 << 10);
    assert_eq!(
        ask(scene.at, "GET", "/health", &[("x-long", &long)], "").await.status,
        431
    );
    assert_eq!(scene.get(CHAT).await.status, 405);
    assert_eq!(scene.post("/v1/models", "{}").await.status, 405);
    assert_eq!(scene.get("/v1/nothing").await.status, 404);
}
