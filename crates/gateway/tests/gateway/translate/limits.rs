//! What a key may do, and where a prompt may go, whatever the API.

use serde_json::json;
use yabby_core::Zone;
use yabby_store::Scopes;
use yabby_testkit::{Fault, ModelServer, Refusal, script};
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

/// The search for tools that a server refuses is a part of what the key spends.
#[tokio::test]
async fn a_key_pays_for_the_questions_beside_its_request() {
    let hosted = ModelServer::start().await;
    hosted.fault(Fault::Refuses(Refusal::Schema("nonsense".to_owned())));
    let kept = Kept::new().await;
    let (key, _) = kept.add(Scopes::default()).await;
    let config = json!({"models": {"providers": {"far": {
        "baseUrl": hosted.base_url(), "api": "openai-completions", "zone": "hosted",
        "models": [{"id": "m", "cost": {"input": 1000, "output": 0}}],
    }}}});
    let scene = Scene::with_keys(&config.to_string(), Some(kept.keys.clone())).await;
    let tool = |place: usize| {
        let about = if place == 3 { "nonsense" } else { "sense" };
        let schema = json!({"type": "object", "properties": {"a": {
            "type": "string", "description": about, "minLength": 1}}});
        json!({"name": format!("tool{place}"), "description": "A tool", "input_schema": schema})
    };
    let tools: Vec<_> = (0..8).map(tool).collect();
    let mut body = ask(Api::Messages, json!({"tools": tools}));
    body["model"] = "far/m".into();
    let answer = scene
        .with_key(key.secret.expose(), "POST", "/v1/messages", &body.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // It was not said to the model.
    assert_eq!(answer.header("x-yabby-left-out"), "tools (tool3)");
    let costs = scene.attempts().into_iter().filter_map(|attempt| attempt.cost);
    let (attempts, all) = (costs.sum::<f64>(), scene.spending.today().usd);
    // At least three questions were answered, with more than ten tokens each.
    assert!(all > attempts + 0.03, "{all} {attempts}");
}
