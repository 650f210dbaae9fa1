//! SGLang, vLLM's metrics, and the LiteLLM proxy.

use serde_json::{Value, json};
use yabby_testkit::{ModelServer, ServerKind};

use crate::client::{ask, ask_json, get, post};

async fn server(kind: ServerKind) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m1"]);
    server
}

#[tokio::test]
async fn litellm_in_front_of_others() {
    let server = server(ServerKind::LiteLlm { window: Some(2048) }).await;
    let (head, body) = ask(&server, &get("/v1/models")).await;
    assert!(!head.to_lowercase().contains("server:"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["data"],
        json!([{
            "id": "m1", "object": "model", "created": 1_677_610_602, "owned_by": "openai", "mode": "chat",
            "max_input_tokens": 2048,
        }])
    );
    let info = ask_json(&server, &get("/model/info")).await;
    assert_eq!(info["data"][0]["model_info"]["max_input_tokens"], 2048);
    let count = ask_json(&server, &post("/v1/messages/count_tokens", &json!({}))).await;
    assert_eq!(count["litellm_count_source"], "provider");
    let wrong = ask_json(&server, &post("/v1/chat/completions", &json!({"model": "x"}))).await;
    assert_eq!((&wrong["error"]["code"], server.busy_peak()), (&json!("400"), 1));
    // With a key: what it says of its health stays open.
    server.require_key("k");
    assert!(ask(&server, &get("/v1/models")).await.0.contains(" 400 "));
    let ready = ask_json(&server, &get("/health/readiness")).await;
    assert_eq!(ready, json!({"status": "healthy", "db": "Not connected"}));
    assert_eq!(server.asked("/health"), 0);
    ask(&server, &get("/health?model=m1")).await;
    assert_eq!(server.asked("/health"), 1);
}

#[tokio::test]
async fn engines_tell_how_busy_they_are() {
    let server = server(ServerKind::Vllm { max_model_len: 2048 }).await;
    server.others_busy(3);
    let (_, metrics) = ask(&server, &get("/metrics")).await;
    assert!(metrics.contains("vllm:num_requests_running{engine=\"0\",model_name=\"m1\"} 3.0\n"));
    assert!(metrics.contains("sleep_state=\"awake\"} 1.0"));
    server.sleep();
    let (_, metrics) = ask(&server, &get("/metrics")).await;
    assert!(metrics.contains("sleep_state=\"awake\"} 0.0"));

    server.kind(ServerKind::SgLang { window: 2049, slots: 4 });
    let (head, metrics) = ask(&server, &get("/metrics")).await;
    assert!(head.contains("server: uvicorn"), "{head}");
    assert!(metrics.contains("sglang:num_running_reqs{model_name=\"m1\"} 3.0\n"));
    let models = ask_json(&server, &get("/v1/models")).await;
    assert_eq!(
        (&models["data"][0]["owned_by"], &models["data"][0]["max_model_len"]),
        (&json!("sglang"), &json!(2049))
    );
    let info = ask_json(&server, &get("/server_info")).await;
    assert_eq!(info["max_running_requests"], 4);
    assert_eq!(
        ask_json(&server, &get("/nonsense")).await,
        json!({"detail": "Not Found"})
    );
    let answer = ask_json(&server, &post("/v1/chat/completions", &json!({"model": "any"}))).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "ok");
}
