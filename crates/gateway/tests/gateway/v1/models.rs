//! The models, one by one, and for clients of Anthropic.

use serde_json::{Value, json};
use yabby_store::Scopes;
use yabby_testkit::ModelServer;

use crate::{
    auth::Kept,
    client::{Answer, ask},
    scene::Scene,
};

async fn scene(kept: Option<&Kept>) -> (Scene, ModelServer) {
    let server = ModelServer::start().await;
    server.models(&["org/m", "n"]);
    let config = json!({
        "models": {"providers": {"box": {
            "baseUrl": server.base_url(), "api": "openai-completions",
            "models": [{"id": "org/m", "contextWindow": 8192}, {"id": "n"}],
        }}},
        "agents": {"defaults": {"model": "box/org/m", "models": {"box/org/m": {"alias": "Opus"}}}},
    });
    let keys = kept.map(|kept| kept.keys.clone());
    (Scene::with_keys(&config.to_string(), keys).await, server)
}

async fn of_anthropic(scene: &Scene, path: &str) -> Answer {
    ask(scene.at, "GET", path, &[("anthropic-version", "2023-06-01")], "").await
}

#[tokio::test]
async fn a_model_is_found_by_its_name() {
    let (scene, _server) = scene(None).await;
    let entry = |id: &str, owner: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": owner});
    for (path, id, owner) in [
        ("box/org/m", "box/org/m", "box"),
        ("box%2Forg%2Fm", "box/org/m", "box"),
        ("opus", "Opus", "yabby"),
        ("route/default", "route/default", "route"),
    ] {
        let answer = scene.get(&format!("/v1/models/{path}")).await;
        assert_eq!((answer.status, answer.json()), (200, entry(id, owner)), "{path}");
    }
    for path in ["box/other", "box", "yabby"] {
        let answer = scene.get(&format!("/v1/models/{path}")).await;
        let message = format!("there is no model {path} for this key; GET /v1/models lists them");
        assert_eq!(
            (answer.status, answer.json()["error"].clone()),
            (
                404,
                json!({
                    "message": message, "type": "invalid_request_error", "param": null, "code": "model_not_found",
                })
            )
        );
    }
    assert_eq!(scene.post("/v1/models/box/n", "{}").await.status, 405);
}

#[tokio::test]
async fn a_key_finds_only_its_models() {
    let kept = Kept::new().await;
    let (new, _) = kept
        .add(Scopes {
            models: vec!["box/n".to_owned()],
            ..Scopes::default()
        })
        .await;
    let (scene, _server) = scene(Some(&kept)).await;
    let status = async |path: &str| scene.with_key(new.secret.expose(), "GET", path, "").await.status;
    assert_eq!(
        [status("/v1/models/box/n").await, status("/v1/models/box/org/m").await],
        [200, 404]
    );
}

#[tokio::test]
async fn clients_of_anthropic_get_their_shape_page_by_page() {
    let (scene, _server) = scene(None).await;
    let entry = |id: &str, window: Value| {
        json!({
            "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active",
            "capabilities": null, "deprecated_at": null, "retires_at": null, "line": null, "max_input_tokens": window,
            "max_tokens": null,
        })
    };
    let list = of_anthropic(&scene, "/v1/models").await.json();
    assert_eq!(
        list,
        json!({
            "data": [
                entry("route/default", Value::Null), entry("Opus", json!(8192)), entry("box/org/m", json!(8192)),
                entry("box/n", Value::Null),
            ],
            "first_id": "route/default", "last_id": "box/n", "has_more": false,
        })
    );
    let ids = async |query: &str| {
        let page = of_anthropic(&scene, &format!("/v1/models?{query}")).await.json();
        let ids: Vec<String> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect();
        (ids.join(" "), page["has_more"] == true)
    };
    assert_eq!(ids("limit=2").await, ("route/default Opus".to_owned(), true));
    assert_eq!(
        ids("limit=2&after_id=Opus").await,
        ("box/org/m box/n".to_owned(), false)
    );
    assert_eq!(ids("limit=1&before_id=box%2Fn").await, ("box/org/m".to_owned(), true));
    assert_eq!(ids("after_id=box/n").await, (String::new(), false));
    let wrong = of_anthropic(&scene, "/v1/models?limit=0").await;
    assert_eq!(
        (wrong.status, wrong.json()),
        (
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "limit must be 1 to 1000"}})
        )
    );
    let one = of_anthropic(&scene, "/v1/models/box/org/m").await;
    assert_eq!(one.json(), entry("box/org/m", json!(8192)));
    let missing = of_anthropic(&scene, "/v1/models/nobody").await;
    assert_eq!(
        (missing.status, missing.json()["error"]["type"].as_str()),
        (404, Some("not_found_error"))
    );
    let headers = [("anthropic-version", "2023-06-01"), ("x-api-key", "wrong")];
    let stranger = ask(scene.at, "GET", "/v1/models", &headers, "").await;
    assert_eq!(
        (stranger.status, stranger.json()["error"]["type"].as_str()),
        (401, Some("authentication_error"))
    );
    let nothing = scene.post("/v1/messages/batches", "{}").await;
    assert_eq!(
        (nothing.status, nothing.json()["error"]["type"].as_str()),
        (404, Some("not_found_error"))
    );
}
