//! What a key may do, and where a prompt may go, whatever the API.

use serde_json::json;
use yabby_core::Zone;
use yabby_store::Scopes;
use yabby_testkit::{ModelServer, script};
use yabby_wire::clients::Api;

use super::{ask, message, path};
use crate::{auth::Kept, scene::Scene};

const OTHERS: [Api; 2] = [Api::Responses, Api::Messages];

#[tokio::test]
async fn a_key_asks_only_its_models_and_in_its_zone() {
    let (far, near) = (ModelServer::start().await, ModelServer::start().await);
    let kept = Kept::new().await;
    let zone = Scopes {
        zone: Some(Zone::Machine),
        ..Scopes::default()
    };
    let models = Scopes {
        models: vec!["near/*".to_owned()],
        ..Scopes::default()
    };
    let (zone, _) = kept.add(zone).await;
    let (models, _) = kept.add(models).await;
    let provider = |server: &ModelServer, zone: &str| json!({"baseUrl": server.base_url(), "api": "openai-completions", "zone": zone, "models": [{"id": "m"}]});
    let config = json!({
        "models": {"providers": {"far": provider(&far, "hosted"), "near": provider(&near, "machine")}},
        "agents": {"defaults": {"model": {"primary": "far/m", "fallbacks": ["near/m"]}}},
    });
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    for api in OTHERS {
        for key in [&zone, &models] {
            let post = async |model: &str| {
                let mut body = ask(api, json!({}));
                body["model"] = model.into();
                scene
                    .with_key(key.secret.expose(), "POST", path(api), &body.to_string())
                    .await
            };
            let answer = post("route/default").await;
            assert_eq!(
                (answer.status, answer.header("x-yabby-model")),
                (200, "near/m"),
                "{}",
                answer.text()
            );
            let refused = post("far/m").await;
            assert_eq!(refused.status, 403, "{}", refused.text());
            let told = refused.json();
            assert!(message(api, &told).contains("the key \"laptop\""), "{told}");
        }
    }
    assert!(far.model_calls().is_empty());
}

#[tokio::test]
async fn a_key_spends_no_more_than_its_budget() {
    let hosted = ModelServer::start().await;
    hosted.default_reply(script![text("Hello."), usage(100_000, 2_000)]);
    let kept = Kept::new().await;
    let scopes = Scopes {
        budget: Some(0.3),
        ..Scopes::default()
    };
    let (key, _) = kept.add(scopes).await;
    let config = json!({"models": {"providers": {"far": {
        "baseUrl": hosted.base_url(), "api": "openai-completions", "zone": "hosted",
        "models": [{"id": "m", "cost": {"input": 3, "output": 15}}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    for (stream, status) in [(true, 200), (false, 429)] {
        let mut body = ask(Api::Messages, json!({"stream": stream}));
        body["model"] = "far/m".into();
        let answer = scene
            .with_key(key.secret.expose(), "POST", "/v1/messages", &body.to_string())
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let cents = |usd: f64| (usd * 100.0).round();
    let costs = scene.attempts().into_iter().map(|attempt| attempt.cost.map(cents));
    assert_eq!(costs.collect::<Vec<_>>(), [Some(33.0), None]);
    assert_eq!(hosted.model_calls().len(), 1);
}
