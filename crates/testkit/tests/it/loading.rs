//! Servers that load models by themselves: LM Studio, Ollama, llama.cpp as a router; and servers that sleep.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use yabby_testkit::{ModelServer, ServerKind};

use crate::client::{SHORT, ask, ask_json, connect, get, post, read};

const LOAD: Duration = Duration::from_mins(2);

async fn server(kind: ServerKind, models: &[&str]) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(models);
    server
}

fn call(model: &str) -> String {
    post("/v1/chat/completions", &json!({"model": model, "messages": []}))
}

/// Sends a request and waits without an answer; the clock is stopped.
async fn silent(server: &ModelServer, request: &str) -> tokio::net::TcpStream {
    let mut stream = connect(server, request).await;
    let said = timeout(SHORT, read(&mut stream)).await;
    assert!(said.is_err(), "{said:?}");
    stream
}

/// The status and the JSON.
async fn told(server: &ModelServer, request: &str) -> (u16, Value) {
    let (head, body) = ask(server, request).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

const LM_STUDIO: ServerKind = ServerKind::LmStudio {
    loaded: None,
    max: 32_768,
};

/// The ids and windows of what LM Studio has loaded.
async fn instances(server: &ModelServer) -> Value {
    let models = ask_json(server, &get("/api/v1/models")).await;
    let models = models["models"].as_array().unwrap().clone();
    let of = |model: &Value| model["loaded_instances"].as_array().unwrap().clone();
    let all = models.iter().flat_map(of);
    all.map(|instance| json!([instance["id"], instance["config"]["context_length"]]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn lm_studio_loads_what_it_is_told_to() {
    let server = server(LM_STUDIO, &["a/b", "c"]).await;
    server.load_time(LOAD);
    let load = |window: u64| {
        let body = json!({"model": "a/b", "context_length": window, "echo_load_config": true});
        post("/api/v1/models/load", &body)
    };
    let mut first = silent(&server, &load(8192)).await;
    // Nothing tells that it is on its way.
    assert_eq!(instances(&server).await, json!([]));
    assert_eq!(server.loaded(), ["a/b"]);
    tokio::time::advance(LOAD).await;
    let (_, body) = read(&mut first).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({
            "type": "llm", "instance_id": "a/b", "load_time_seconds": 120.0, "status": "loaded",
            "load_config": {"context_length": 8192},
        })
    );
    // Each load makes an instance, and no window is larger than the model's.
    server.load_time(Duration::ZERO);
    assert_eq!(ask_json(&server, &load(1 << 40)).await["instance_id"], "a/b:2");
    assert_eq!(instances(&server).await, json!([["a/b", 8192], ["a/b:2", 32_768]]));
    let old = ask_json(&server, &get("/api/v0/models/a/b")).await;
    assert_eq!(
        (&old["state"], &old["loaded_context_length"]),
        (&json!("loaded"), &json!(8192))
    );
    assert_eq!(ask_json(&server, &get("/api/v0/models/c")).await["state"], "not-loaded");

    let unload = |id: &str| post("/api/v1/models/unload", &json!({ "instance_id": id }));
    assert_eq!(
        told(&server, &unload("a/b")).await,
        (200, json!({"instance_id": "a/b"}))
    );
    assert_eq!(told(&server, &unload("a/b")).await.0, 404);
    assert_eq!(
        told(&server, &post("/api/v1/models/load", &json!({"model": "x"})))
            .await
            .0,
        404
    );
    assert_eq!(instances(&server).await, json!([["a/b:2", 32_768]]));
    assert_eq!(server.load("c", 4096), "c");
    server.unload("c");
    assert_eq!(server.loaded(), ["a/b:2"]);
}

#[tokio::test(start_paused = true)]
async fn lm_studio_loads_on_demand() {
    let server = server(LM_STUDIO, &["a", "b"]).await;
    server.load_time(LOAD);
    let mut waiting = silent(&server, &call("a")).await;
    assert_eq!(instances(&server).await, json!([]));
    // A second call waits for the same load.
    let _second = silent(&server, &call("a")).await;
    assert_eq!(server.loaded(), ["a"]);
    tokio::time::advance(LOAD).await;
    assert!(read(&mut waiting).await.unwrap().0.contains(" 200 "));
    assert_eq!(instances(&server).await, json!([["a", 32_768]]));

    // One at a time is loaded so; what a person loaded stays.
    server.load_time(Duration::ZERO);
    assert_eq!(server.load("a", 2048), "a:2");
    ask(&server, &call("b")).await;
    assert_eq!(instances(&server).await, json!([["a:2", 2048], ["b", 32_768]]));
    // After an hour, or as the request says, it is gone.
    tokio::time::advance(Duration::from_mins(61)).await;
    assert_eq!(server.loaded(), ["a:2"]);

    // Without loading on demand: only what is loaded is listed, and it answers to any name.
    server.on_demand(false);
    let listed = ask_json(&server, &get("/v1/models")).await;
    assert_eq!((&listed["data"][0]["id"], listed["data"].get(1)), (&json!("a"), None));
    assert_eq!(told(&server, &call("nonsense")).await.0, 200);
    server.unload("a");
    let (status, error) = told(&server, &call("b")).await;
    assert_eq!(status, 404);
    assert_eq!(
        error["error"]["message"],
        "No models loaded. Please load a model in the developer page or use the 'lms load' command."
    );
    let responses = post("/v1/responses", &json!({"model": "b"}));
    assert_eq!(told(&server, &responses).await.0, 400);
    server.on_demand(true);
    let (status, error) = told(&server, &call("nonsense")).await;
    assert_eq!(
        (status, &error["error"]["message"]),
        (
            400,
            &json!("Invalid model identifier \"nonsense\". Please specify a valid downloaded model.")
        )
    );
}

const OLLAMA: ServerKind = ServerKind::Ollama {
    allocated: None,
    trained: 40_960,
};

async fn running(server: &ModelServer) -> Value {
    let running = ask_json(server, &get("/api/ps")).await;
    let models = running["models"].as_array().unwrap();
    models
        .iter()
        .map(|model| json!([model["name"], model["context_length"]]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn ollama_loads_keeps_and_forgets() {
    let server = server(OLLAMA, &["a", "b"]).await;
    server.load_time(LOAD);
    let generate = |body: Value| post("/api/generate", &body);
    let mut loading = silent(&server, &generate(json!({"model": "a", "keep_alive": "30m"}))).await;
    assert_eq!(running(&server).await, json!([]));
    tokio::time::advance(LOAD).await;
    let (_, body) = read(&mut loading).await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["done_reason"], &body["response"]), (&json!("load"), &json!("")));
    assert_eq!(running(&server).await, json!([["a", 4096]]));
    tokio::time::advance(Duration::from_mins(29)).await;
    assert_eq!(server.loaded(), ["a"]);
    // The next call has its own time, and below /v1 that is five minutes.
    server.load_time(Duration::ZERO);
    ask(&server, &call("a")).await;
    tokio::time::advance(Duration::from_mins(6)).await;
    assert_eq!(running(&server).await, json!([]));

    ask(&server, &generate(json!({"model": "b", "keep_alive": -1}))).await;
    let expires = || async { ask_json(&server, &get("/api/ps")).await["models"][0]["expires_at"].clone() };
    assert!(expires().await.as_str().unwrap() > "2300");
    tokio::time::advance(Duration::from_hours(1000)).await;
    assert_eq!(server.loaded(), ["b"]);
    server.leaving("b");
    assert!(expires().await.as_str().unwrap() < "2300");
    let gone = ask_json(&server, &generate(json!({"model": "b", "keep_alive": 0}))).await;
    assert_eq!((&gone["done_reason"], server.loaded().len()), (&json!("unload"), 0));
    let (status, error) = told(&server, &generate(json!({"model": "x"}))).await;
    assert_eq!((status, error), (404, json!({"error": "model 'x' not found"})));

    // Another window loads it anew.
    server.load_time(LOAD);
    server.load("a", 4096);
    let chat = json!({"model": "a", "messages": [], "stream": false, "options": {"num_ctx": 8192}});
    let _waiting = silent(&server, &post("/api/chat", &chat)).await;
    tokio::time::advance(LOAD).await;
    assert_eq!(running(&server).await, json!([["a", 8192]]));
}

#[tokio::test]
async fn ollama_cuts_a_long_prompt_without_a_word() {
    let server = server(OLLAMA, &["m1"]).await;
    server.input_tokens(5000);
    let chat = |truncate: Value| {
        let body = json!({"model": "m1", "messages": [], "stream": false, "truncate": truncate});
        post("/api/chat", &body)
    };
    assert_eq!(ask_json(&server, &chat(Value::Null)).await["prompt_eval_count"], 4096);
    let below = ask_json(&server, &call("m1")).await;
    assert_eq!(below["usage"]["prompt_tokens"], 4096);
    let (status, error) = told(&server, &chat(json!(false))).await;
    assert_eq!(status, 400);
    assert_eq!(
        error,
        json!({"error": "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"})
    );
    server.input_tokens(4096);
    assert_eq!(ask_json(&server, &chat(json!(false))).await["prompt_eval_count"], 4096);
    let show = ask_json(&server, &post("/api/show", &json!({"model": "m1"}))).await;
    assert_eq!(show["model_info"]["llama.context_length"], 40_960);
    assert_eq!(told(&server, &post("/api/show", &json!({"model": "x"}))).await.0, 404);
}

const ROUTER: ServerKind = ServerKind::LlamaCppRouter {
    window: 2048,
    slots: 2,
    most: 1,
};

/// The state of each model in a router's list.
async fn states(server: &ModelServer) -> Value {
    let list = ask_json(server, &get("/v1/models")).await;
    let models = list["data"].as_array().unwrap();
    models.iter().map(|model| model["status"]["value"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_router_loads_what_is_asked_for() {
    let server = server(ROUTER, &["a b", "c"]).await;
    server.load_time(LOAD);
    let props = ask_json(&server, &get("/props")).await;
    assert_eq!(
        (&props["role"], &props["default_generation_settings"]["n_ctx"]),
        (&json!("router"), &json!(0))
    );
    let refusal = |status: u16, words: &str, kind: &str| {
        (
            status,
            json!({"error": {"code": status, "message": words, "type": kind}}),
        )
    };
    let bad = "invalid_request_error";
    let not_loaded = get("/props?model=a%20b&autoload=false");
    assert_eq!(
        told(&server, &not_loaded).await,
        refusal(400, "model is not loaded", bad)
    );
    assert_eq!(
        told(&server, &call("nope")).await,
        refusal(400, "model 'nope' not found", bad)
    );
    assert_eq!(
        told(&server, &call("")).await,
        refusal(400, "model name is missing from the request", bad)
    );
    assert_eq!(states(&server).await, json!(["unloaded", "unloaded"]));

    let mut waiting = silent(&server, &call("a b")).await;
    assert_eq!(states(&server).await, json!(["loading", "unloaded"]));
    let load = |model: &str| post("/models/load", &json!({ "model": model }));
    assert_eq!(
        told(&server, &load("c")).await,
        refusal(500, "model limit reached, try again later", "server_error")
    );
    tokio::time::advance(LOAD).await;
    assert!(read(&mut waiting).await.unwrap().0.contains(" 200 "));
    assert_eq!(states(&server).await, json!(["loaded", "unloaded"]));
    let list = ask_json(&server, &get("/v1/models")).await;
    assert_eq!(
        (&list["data"][0]["meta"]["n_ctx"], list["data"][1].get("meta")),
        (&json!(2048), None)
    );
    server.others_busy(1);
    let slots = ask_json(&server, &get("/slots?model=a+b")).await;
    let busy: Vec<&Value> = slots
        .as_array()
        .unwrap()
        .iter()
        .map(|slot| &slot["is_processing"])
        .collect();
    assert_eq!(busy, [&json!(true), &json!(false)]);

    // A call drives another model out; an explicit load waits for nobody, and tells later.
    server.load_time(Duration::ZERO);
    ask(&server, &call("c")).await;
    assert_eq!(states(&server).await, json!(["unloaded", "loaded"]));
    let unload = post("/models/unload", &json!({"model": "c"}));
    assert_eq!(told(&server, &unload).await, (200, json!({"success": true})));
    server.load_time(LOAD);
    assert_eq!(told(&server, &load("c")).await, (200, json!({"success": true})));
    assert_eq!(states(&server).await, json!(["unloaded", "loading"]));
    tokio::time::advance(LOAD).await;
    server.sleep();
    assert_eq!(states(&server).await, json!(["unloaded", "sleeping"]));
    server.on_demand(false);
    assert_eq!(
        told(&server, &call("a b")).await,
        refusal(400, "model is not loaded", bad)
    );
}

#[tokio::test(start_paused = true)]
async fn a_llama_cpp_sleeps_until_it_is_needed() {
    let server = server(ServerKind::LlamaCpp { window: 4096, slots: 1 }, &["m1"]).await;
    server.load_time(LOAD);
    server.sleep();
    for path in ["/health", "/v1/models", "/props"] {
        ask(&server, &get(path)).await;
    }
    assert_eq!(ask_json(&server, &get("/props")).await["is_sleeping"], true);
    let start = Instant::now();
    // A call wakes it, and so does a look at its slots.
    for request in [call("m1"), get("/slots")] {
        server.sleep();
        let _waiting = silent(&server, &request).await;
        assert!(!server.is_asleep());
    }
    assert!(start.elapsed() < LOAD);
    // Started anew with a smaller window.
    server.kind(ServerKind::LlamaCpp { window: 1024, slots: 1 });
    let props = ask_json(&server, &get("/props")).await;
    assert_eq!(
        (&props["default_generation_settings"]["n_ctx"], &props["is_sleeping"]),
        (&json!(1024), &json!(false))
    );
}
