//! Where nothing is kept, that is said.

use serde_json::json;
use yabby_testkit::ModelServer;

use crate::scene::{Scene, chain};

#[tokio::test]
async fn responses_that_pass_are_not_kept_and_that_is_told() {
    let server = ModelServer::start().await;
    let scene = Scene::with_config(&chain("openai-responses", &[server.base_url()])).await;
    let answer = scene.post("/v1/responses", r#"{"model":"a/m","input":"hi"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        ("GET", format!("/v1/responses/{id}")),
        ("DELETE", format!("/v1/responses/{id}")),
        ("POST", format!("/v1/responses/{id}/cancel")),
        ("GET", format!("/v1/responses/{id}/input_items")),
    ] {
        let answer = crate::client::ask(scene.at, method, &path, &[], "").await;
        let message = format!(
            "there is no response {id} for this key: those of agents are kept (unless `store` is false), and those of models, \
             which only pass through here, are not"
        );
        let error = json!({
            "error": {"message": message, "type": "invalid_request_error", "param": null, "code": "response_not_found"},
        });
        assert_eq!((answer.status, answer.json()), (404, error), "{method} {path}");
    }
    let path = format!("/v1/responses/{id}");
    let wrong = scene.post(&path, "").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, DELETE"));
}
