//! What a key may do.

use serde_json::json;
use yabby_core::Zone;
use yabby_store::{NewSecret, Scopes};
use yabby_testkit::{ModelServer, script};

use crate::{
    auth::Kept,
    scene::{CHAT, Scene, chain},
};

/// A gateway with the models `a/m` (alias `Opus`) and `b/m`, and a key.
async fn scene(servers: &[&ModelServer], scopes: Scopes) -> (Scene, NewSecret, Kept) {
    let kept = Kept::new().await;
    let (new, _) = kept.add(scopes).await;
    let urls: Vec<String> = servers.iter().map(|server| server.base_url()).collect();
    let config = chain("openai-completions", &urls);
    let scene = Scene::with_keys(&config, Some(kept.keys.clone())).await;
    (scene, new, kept)
}

fn models(patterns: &[&str]) -> Scopes {
    Scopes {
        models: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..Scopes::default()
    }
}

#[tokio::test]
async fn only_its_models_are_asked_and_listed() {
    let (first, second) = (ModelServer::start().await, ModelServer::start().await);
    let (scene, new, _kept) = scene(&[&first, &second], models(&["b/*"])).await;
    let key = new.secret.expose();
    let ask = async |body: &str| scene.with_key(key, "POST", CHAT, body).await;
    // The chain goes on with what is left of it.
    let answer = ask(r#"{"model":"route/default"}"#).await;
    assert_eq!((answer.status, answer.header("x-yabby-model")), (200, "b/m"));
    assert_eq!(ask(r#"{"model":"b/m"}"#).await.status, 200);
    for model in ["a/m", "Opus"] {
        let answer = ask(&json!({"model": model}).to_string()).await;
        assert_eq!(
            (answer.status, answer.json()["error"].clone()),
            (
                403,
                json!({
                    "message": format!("the key \"laptop\" may not ask {model}: its scope models allows only b/*"),
                    "type": "invalid_request_error", "param": null, "code": "model_not_allowed",
                })
            )
        );
    }
    assert!(first.model_calls().is_empty());
    let listed = scene.with_key(key, "GET", "/v1/models", "").await.json();
    let ids: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    // What the server has beside what is configured is b's too.
    assert!(
        ids.starts_with(&["route/default", "b/m"]) && ids.iter().skip(1).all(|id| id.starts_with("b/")),
        "{ids:?}"
    );
    assert_eq!(scene.with_key(key, "GET", "/metrics", "").await.status, 403);
}

#[tokio::test]
async fn an_alias_is_a_name_of_its_model() {
    let server = ModelServer::start().await;
    let (scene, new, _kept) = scene(&[&server], models(&["opus"])).await;
    for model in ["Opus", "a/m"] {
        let body = json!({"model": model}).to_string();
        assert_eq!(
            scene.with_key(new.secret.expose(), "POST", CHAT, &body).await.status,
            200
        );
    }
    let refused = scene
        .with_key(new.secret.expose(), "POST", "/v1/messages", r#"{"model":"a/other"}"#)
        .await;
    assert_eq!(
        (refused.status, refused.json()["error"]["type"].as_str()),
        (403, Some("permission_error")),
        "{}",
        refused.text()
    );
}

#[tokio::test]
async fn a_key_asks_only_in_its_zone() {
    let (far, near) = (ModelServer::start().await, ModelServer::start().await);
    let kept = Kept::new().await;
    let scopes = Scopes {
        zone: Some(Zone::Machine),
        ..Scopes::default()
    };
    let (new, _) = kept.add(scopes).await;
    let provider = |server: &ModelServer, zone: &str| json!({"baseUrl": server.base_url(), "api": "openai-completions", "zone": zone, "models": [{"id": "m"}]});
    let config = json!({
        "models": {"providers": {"far": provider(&far, "hosted"), "near": provider(&near, "machine")}},
        "agents": {"defaults": {"model": {"primary": "far/m", "fallbacks": ["near/m"]}}},
    });
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    let ask = async |body: &str| scene.with_key(new.secret.expose(), "POST", CHAT, body).await;
    assert_eq!(ask("{}").await.header("x-yabby-model"), "near/m");
    let refused = ask(r#"{"model":"far/m"}"#).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (403, Some("out_of_zone"))
    );
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the key \"laptop\" allows machine"), "{message}");
    assert!(far.model_calls().is_empty());
    // The owner is not concerned.
    assert_eq!(scene.post(CHAT, "{}").await.header("x-yabby-model"), "far/m");
}

#[tokio::test]
async fn so_many_requests_a_minute() {
    let server = ModelServer::start().await;
    let scopes = Scopes {
        rate: Some(2),
        ..Scopes::default()
    };
    let (scene, new, _kept) = scene(&[&server], scopes).await;
    let ask = async || scene.with_key(new.secret.expose(), "POST", CHAT, "{}").await;
    assert_eq!([ask().await.status, ask().await.status], [200, 200]);
    let refused = ask().await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (429, Some("rate_limit_exceeded"))
    );
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(server.model_calls().len(), 2);
}

#[tokio::test]
async fn a_key_spends_no_more_than_its_budget() {
    let hosted = ModelServer::start().await;
    hosted.default_reply(script![text("Hello."), usage(100_000, 2_000)]);
    let kept = Kept::new().await;
    let budget = |usd| Scopes {
        budget: Some(usd),
        ..Scopes::default()
    };
    let (small, _) = kept.add(budget(0.3)).await;
    let (large, _) = kept.add(budget(10.0)).await;
    let config = json!({"models": {"providers": {"far": {
        "baseUrl": hosted.base_url(), "api": "openai-completions", "zone": "hosted",
        "models": [{"id": "m", "cost": {"input": 3, "output": 15}}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    let body = r#"{"model":"far/m","messages":[]}"#;
    let ask = async |new: &NewSecret| scene.with_key(new.secret.expose(), "POST", CHAT, body).await;
    assert_eq!(ask(&small).await.status, 200);
    let refused = ask(&small).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (429, Some("over_budget")),
        "{}",
        refused.text()
    );
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("--budget of yabby keys allows $0.30, and $0.33 are spent"),
        "{message}"
    );
    assert_eq!(ask(&large).await.status, 200);
    assert_eq!(scene.post(CHAT, body).await.status, 200);
    assert_eq!(hosted.model_calls().len(), 3);
}

#[tokio::test]
async fn no_other_models_are_named_beside_the_one_that_is_allowed() {
    let server = ModelServer::start().await;
    let kept = Kept::new().await;
    let (new, _) = kept.add(models(&["openrouter/cheap"])).await;
    let (every, _) = kept.add(Scopes::default()).await;
    let config = json!({"models": {"providers": {"openrouter": {
        "baseUrl": server.base_url(), "api": "openai-completions", "apiKey": "k", "models": [{"id": "cheap"}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    let ask = async |key: &NewSecret, body: &str| {
        let answer = scene.with_key(key.secret.expose(), "POST", CHAT, body).await;
        (answer.status, server.model_calls().len())
    };
    let others = r#"{"model":"openrouter/cheap","models":["other/dear"]}"#;
    assert_eq!(ask(&new, others).await, (403, 0));
    assert_eq!(ask(&new, r#"{"model":"openrouter/cheap"}"#).await, (200, 1));
    assert_eq!(ask(&every, others).await, (200, 2));
}
