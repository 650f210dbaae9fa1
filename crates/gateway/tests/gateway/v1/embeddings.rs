//! What texts mean.

use serde_json::{Value, json};
use yabby_core::{Outcome, Zone};
use yabby_store::Scopes;
use yabby_testkit::{ModelServer, dead_url};

use crate::{
    auth::Kept,
    client::{Answer, ask},
    scene::{Scene, chain},
};

const PATH: &str = "/v1/embeddings";

async fn server() -> ModelServer {
    let server = ModelServer::start().await;
    server.means(&[&["dog", "corgi"], &["rent"]]);
    server
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn texts_have_embeddings_as_numbers_or_packed() {
    let server = server().await;
    let scene = Scene::one(&server).await;
    let body = json!({"model": "a/m", "input": ["a corgi", "the rent of a dog"], "dimensions": 3, "user": "u"});
    let answer = scene.post(PATH, &body.to_string()).await;
    let entry = |index: u32, embedding: Value| json!({"object": "embedding", "index": index, "embedding": embedding});
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({
                "object": "list", "model": "a/m", "usage": {"prompt_tokens": 2, "total_tokens": 2},
                "data": [entry(0, json!([1.0, 0.0, 0.125])), entry(1, json!([1.0, 1.0, 0.125]))],
            })
        )
    );
    let headers = ["x-yabby-model", "x-yabby-attempts", "x-yabby-zone"].map(|name| answer.header(name));
    assert_eq!(headers, ["a/m", "1", "machine"]);
    assert_eq!(
        server.requests().last().unwrap().body,
        json!({"model": "m", "input": ["a corgi", "the rent of a dog"], "dimensions": 3, "user": "u"})
    );
    // As the clients of OpenAI ask when they are told nothing; by its alias.
    let packed = json!({"model": "Opus", "input": "rent", "encoding_format": "base64"});
    let answer = scene.post(PATH, &packed.to_string()).await;
    // 0, 1 and 0.125 as 32-bit floats, little-endian.
    assert_eq!(answer.json()["data"], json!([entry(0, json!("AAAAAAAAgD8AAAA+"))]));
    let attempts = scene.attempts();
    let answered = attempts.iter().filter(|attempt| attempt.outcome == Outcome::Answered);
    assert_eq!((answered.count(), attempts[0].usage.input_tokens), (2, Some(2)));
}

#[tokio::test]
async fn the_memorys_model_is_asked_where_none_is_named() {
    let (chat, embeds) = (ModelServer::start().await, server().await);
    let provider = |server: &ModelServer| json!({"baseUrl": server.base_url(), "api": "openai-completions", "models": [{"id": "m"}]});
    let config = |memory: Value| {
        json!({
            "models": {"providers": {"chat": provider(&chat), "meaning": provider(&embeds)}},
            "agents": {"defaults": {"model": "chat/m", "memorySearch": memory}},
        })
        .to_string()
    };
    let scene = Scene::with_config(&config(json!({"provider": "meaning", "model": "e"}))).await;
    for model in [json!(null), json!("yabby"), json!("openclaw/default")] {
        let answer = scene
            .post(PATH, &json!({"model": model, "input": "dog"}).to_string())
            .await;
        assert_eq!(
            (answer.status, answer.header("x-yabby-model")),
            (200, "meaning/e"),
            "{model}: {}",
            answer.text()
        );
    }
    let body = json!({"model": "openclaw", "input": "dog"}).to_string();
    let answer = ask(scene.at, "POST", PATH, &[("x-openclaw-model", "meaning/m")], &body).await;
    assert_eq!(answer.header("x-yabby-model"), "meaning/m");
    let unknown = scene.post(PATH, r#"{"model":"yabby/nobody","input":"dog"}"#).await;
    assert_eq!(code(&unknown), (404, "model_not_found".to_owned()));
    scene.change(&config(json!({"provider": "none"})));
    let none = scene.post(PATH, &body).await;
    assert_eq!(code(&none), (404, "model_not_found".to_owned()));
    let message = none.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("agents.defaults.memorySearch"), "{message}");
    assert!(chat.requests().iter().all(|request| request.path != PATH));
}

#[tokio::test]
async fn nobody_else_is_asked_but_another_address_of_the_same_model() {
    let (first, second) = (ModelServer::start().await, server().await);
    let scene = Scene::chain(&[first.base_url(), second.base_url()]).await;
    let chain = scene.post(PATH, r#"{"model":"route/default","input":"dog"}"#).await;
    assert_eq!(code(&chain), (400, "invalid_value".to_owned()));
    first.route(PATH, 503, "application/json", r#"{"error":{"message":"no"}}"#);
    let answer = scene.post(PATH, r#"{"model":"a/m","input":"dog"}"#).await;
    assert!(answer.status >= 500 && answer.json()["error"]["message"].is_string());
    assert!(second.requests().iter().all(|request| request.path != PATH));

    let gone = dead_url();
    let config = json!({"models": {"providers": {"a": {
        "baseUrl": gone, "baseUrls": [second.base_url()], "api": "openai-completions",
        "models": [{"id": "m"}],
    }}}});
    let scene = Scene::with_config(&config.to_string()).await;
    let answer = scene.post(PATH, r#"{"model":"a/m","input":"dog"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn what_is_wrong_is_told_in_openais_shape() {
    let server = server().await;
    server.embeds_at_most(20);
    let scene = Scene::one(&server).await;
    for (body, status, code, param) in [
        (json!({"model": "a/m"}), 400, "missing_required_parameter", "input"),
        (
            json!({"model": "a/m", "input": [[1, 2]]}),
            400,
            "unsupported_value",
            "input[0]",
        ),
        (json!({"model": "a/m", "input": []}), 400, "invalid_value", "input"),
    ] {
        let answer = scene.post(PATH, &body.to_string()).await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (
                answer.status,
                error["code"].as_str(),
                error["param"].as_str(),
                error["type"].as_str()
            ),
            (status, Some(code), Some(param), Some("invalid_request_error")),
            "{body}"
        );
    }
    let long = json!({"model": "a/m", "input": "much too long a text for this model"});
    let answer = scene.post(PATH, &long.to_string()).await;
    assert_eq!(
        code(&answer),
        (400, "context_length_exceeded".to_owned()),
        "{}",
        answer.text()
    );
    assert_eq!(scene.get(PATH).await.status, 405);
}

#[tokio::test]
async fn scopes_of_a_key_hold() {
    let hosted = server().await;
    let kept = Kept::new().await;
    let add = async |scopes: Scopes| kept.add(scopes).await.0;
    let near = add(Scopes {
        zone: Some(Zone::Machine),
        ..Scopes::default()
    })
    .await;
    let other = add(Scopes {
        models: vec!["b/*".to_owned()],
        ..Scopes::default()
    })
    .await;
    let poor = add(Scopes {
        budget: Some(0.000_001),
        ..Scopes::default()
    })
    .await;
    let config = json!({"models": {"providers": {"far": {
        "baseUrl": hosted.base_url(), "api": "openai-completions", "zone": "hosted",
        "models": [{"id": "m", "cost": {"input": 3, "output": 0}}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    let texts = ["dog"; 20];
    let body = json!({"model": "far/m", "input": texts}).to_string();
    for (key, status, name) in [
        (&near, 403, "out_of_zone"),
        (&other, 403, "model_not_allowed"),
        (&poor, 429, "over_budget"),
    ] {
        let answer = scene.with_key(key.secret.expose(), "POST", PATH, &body).await;
        assert_eq!(code(&answer), (status, name.to_owned()), "{}", answer.text());
    }
    assert!(hosted.requests().iter().all(|request| request.path != PATH));
    // 20 tokens at 3 dollars a million.
    assert_eq!(scene.post(PATH, &body).await.status, 200);
    let cost = scene.attempts().last().unwrap().cost.unwrap();
    assert!((cost - 0.000_06).abs() < 1e-9, "{cost}");
    // The same without a config that says where the memory is.
    let chain = Scene::with_keys(
        &chain("openai-completions", &[hosted.base_url()]),
        Some(kept.keys.clone()),
    )
    .await;
    let answer = chain
        .with_key(other.secret.expose(), "POST", PATH, r#"{"model":"a/m","input":"dog"}"#)
        .await;
    assert_eq!(code(&answer), (403, "model_not_allowed".to_owned()));
}

#[tokio::test]
async fn where_texts_may_go_is_the_owners_to_say() {
    let server = server().await;
    let config = json!({
        "models": {"providers": {"openrouter": {
            "baseUrl": server.base_url(), "api": "openai-completions", "apiKey": "k", "models": [{"id": "m"}],
        }}},
        "agents": {"defaults": {"models": {"openrouter/m": {"params": {"provider": {"only": ["here"]}}}}}},
    });
    let scene = Scene::with_config(&config.to_string()).await;
    let body = json!({"model": "openrouter/m", "input": "x", "provider": {"only": ["there"]}, "models": ["other"]});
    assert_eq!(scene.post(PATH, &body.to_string()).await.status, 200);
    assert_eq!(
        server.requests().last().unwrap().body,
        json!({"model": "m", "input": ["x"], "provider": {"only": ["here"]}})
    );
}
