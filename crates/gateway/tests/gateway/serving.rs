//! The other paths, and the end.

use std::time::Duration;

use serde_json::json;
use yabby_config::{Environment, load_text};
use yabby_gateway::{Access, BindError, Exposed, Gateway, House, Upkeep};
use yabby_route::Spending;
use yabby_servers::{Fleet, Http};
use yabby_testkit::{Fault, ModelServer, script};

use crate::{
    client::Open,
    scene::{CHAT, Scene},
};

#[tokio::test]
async fn models_health_and_metrics() {
    let server = ModelServer::start().await;
    server.models(&["m", "n"]);
    let scene = Scene::one(&server).await;
    let health = scene.get("/health").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    assert_eq!(scene.post(CHAT, r#"{"model":"a/m"}"#).await.status, 200);
    server.fault_once(Fault::Status(400, "{\"error\":\"x\"}".to_owned()));
    assert_eq!(scene.post(CHAT, r#"{"model":"a/m"}"#).await.status, 400);
    server
        .wait_for(|log| {
            log.iter()
                .any(|request| request.path == "/v1/models" && request.complete)
        })
        .await;
    let listed = async {
        loop {
            let models = scene.get("/v1/models").await.json();
            if models["data"].as_array().unwrap().len() == 4 {
                break models;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let models = tokio::time::timeout(Duration::from_secs(10), listed).await.unwrap();
    let entry = |id: &str, owner: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": owner});
    assert_eq!(
        models,
        json!({"object": "list", "data": [
            entry("route/default", "route"), entry("Opus", "yabby"), entry("a/m", "a"), entry("a/n", "a"),
        ]})
    );
    let metrics = scene.get("/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    for line in [
        "yabby_attempts_total{endpoint=\"a\",outcome=\"answered\"} 1",
        "yabby_attempts_total{endpoint=\"a\",outcome=\"bad_request\"} 1",
        "yabby_requests_in_flight{endpoint=\"a\"} 0",
        "yabby_time_to_first_byte_seconds_count{endpoint=\"a\"} 1",
    ] {
        assert!(
            metrics.text().lines().any(|there| there == line),
            "{line} is not in\n{}",
            metrics.text()
        );
    }
}

#[tokio::test]
async fn answers_that_have_begun_come_to_their_end() {
    let server = ModelServer::start().await;
    let mut scene = Scene::one(&server).await;
    server.chat(script![text("Hel"), sleep_ms(300), text("lo")]);
    let mut open = scene.open(r#"{"model":"a/m","stream":true}"#).await;
    open.sees("Hel").await;
    scene.ends();
    let answer = open.answer().await;
    assert!(answer.whole && answer.text().contains("lo"), "{}", answer.text());
    let at = scene.at;
    scene.stop().await;
    assert!(tokio::net::TcpStream::connect(at).await.is_err());
    assert!(server.wait_closed(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn beyond_this_machine_it_listens_only_where_that_is_safe() {
    let bind = async |config: &str, address: &str| {
        let house = House {
            config: load_text(config, &Environment::default()).config,
            fleet: Fleet::default(),
            http: Http::default(),
            default: None,
            spending: Spending::in_memory(yabby_config::Budget::default()),
            access: Access::default(),
            office: None,
            upkeep: Upkeep::default(),
            certificate: None,
        };
        Gateway::bind(address.parse().unwrap(), house).await
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let bound = bind("{}", address).await;
        assert!(
            matches!(bound, Err(BindError::Exposed(Exposed::Unprotected(_)))),
            "{address}"
        );
        let open = "{gateway: {auth: {mode: 'none'}, trustedProxies: ['10.0.0.1']}}";
        let bound = bind(open, address).await;
        assert!(matches!(bound, Err(BindError::Exposed(Exposed::Open(_)))), "{address}");
    }
    bind("{gateway: {auth: {mode: 'none'}}}", "127.0.0.1:0").await.unwrap();
    bind("{gateway: {trustedProxies: ['10.0.0.1']}}", "0.0.0.0:0")
        .await
        .unwrap();
    let in_doubt = bind("{gateway: {tls: {enabled: true}}}", "127.0.0.1:0").await;
    assert!(matches!(in_doubt, Err(BindError::TlsInDoubt)));
    let missing = "{gateway: {tls: {enabled: true, certPath: '/nowhere.pem', keyPath: '/nowhere.pem'}}}";
    let missing = bind(missing, "127.0.0.1:0").await;
    assert!(matches!(missing, Err(BindError::Tls(_))));
}

#[tokio::test]
async fn without_a_model_it_says_so() {
    let scene = Scene::with_config("{models: {mode: 'replace', providers: {}}}").await;
    let answer = scene.post(CHAT, "{}").await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_str()),
        (503, Some("model_unavailable")),
        "{}",
        answer.text()
    );
    // A kept connection is used again after a refusal.
    let open = Open::send(scene.at, "POST", CHAT, &[("connection", "close")], "{}").await;
    assert_eq!(open.answer().await.status, 503);
}
