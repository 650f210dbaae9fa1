//! Against the scripted server: what is sent, and how often.

use futures_util::future::join_all;
use serde_json::json;
use yabby_testkit::{Fault, ModelServer, Recorded, ServerKind as Played};

use super::*;
use crate::EndpointOrigin;

const LIMIT: Duration = Duration::from_secs(20);

async fn playing(kind: Played) -> (ModelServer, Endpoint, Http) {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    let endpoint = Endpoint::loopback("p", server.addr().port(), EndpointOrigin::Discovered);
    (server, endpoint, Http::default())
}

/// The requests that change something, with their bodies.
fn posts(server: &ModelServer) -> Vec<(String, Value)> {
    let posts = server.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| (request.path, request.body)).collect()
}

fn lines(requests: &[Recorded]) -> Vec<String> {
    requests.iter().map(Recorded::line).collect()
}

fn options(window: Option<u32>) -> LoadOptions {
    LoadOptions {
        window,
        limit: LIMIT,
        ..LoadOptions::default()
    }
}

#[tokio::test]
async fn fifty_callers_load_once() {
    for (played, kind, load, window) in [
        (
            Played::LmStudio {
                loaded: None,
                max: 32_768,
            },
            ServerKind::LmStudio,
            "/api/v1/models/load",
            8192,
        ),
        (
            Played::Ollama {
                allocated: None,
                trained: 32_768,
            },
            ServerKind::Ollama,
            "/api/generate",
            8192,
        ),
        (
            // Its window is that of its start, whatever is wished.
            Played::LlamaCppRouter {
                window: 4096,
                slots: 1,
                most: 1,
            },
            ServerKind::LlamaCpp,
            "/models/load",
            4096,
        ),
    ] {
        let (server, endpoint, http) = playing(played).await;
        let time = Duration::from_millis(300);
        server.load_time(time);
        let callers = (0..50).map(|_| {
            let (endpoint, http) = (endpoint.clone(), http.clone());
            async move { endpoint.load(&http, "m", kind, options(Some(8192))).await }
        });
        let all = join_all(callers).await;
        let first = *all[0].as_ref().unwrap();
        assert!(first.took.is_some_and(|took| took >= time), "{first:?}");
        assert_eq!(first.window, Some(window), "{kind:?}");
        assert!(all.iter().all(|loaded| loaded.as_ref().ok() == Some(&first)), "{all:?}");
        assert_eq!((server.asked(load), posts(&server).len()), (1, 1), "{kind:?}");
        assert_eq!(server.loaded(), ["m"], "{kind:?}");
        assert_eq!(endpoint.usual_load_time(kind, "m"), first.took, "{kind:?}");
        // It is loaded now: nothing is loaded again, and no time is taken for it.
        let loaded = endpoint.load(&http, "m", kind, options(None)).await.unwrap();
        let expected = Loaded {
            took: None,
            window: Some(window),
        };
        assert_eq!(loaded, expected);
        assert_eq!(posts(&server).len(), 1, "{kind:?}");
        // And gone again.
        endpoint.unload(&http, "m", kind, LIMIT).await.unwrap();
        assert_eq!(
            endpoint.held(&http, "m", kind).await.unwrap(),
            Held::Unloaded,
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn lm_studio_unloads_by_instance() {
    let kind = Played::LmStudio {
        loaded: Some(4096),
        max: 32_768,
    };
    let (server, endpoint, http) = playing(kind).await;
    endpoint.unload(&http, "m", ServerKind::LmStudio, LIMIT).await.unwrap();
    let unload = ("/api/v1/models/unload".to_owned(), json!({"instance_id": "m"}));
    assert_eq!(posts(&server), [unload]);
    assert_eq!(
        endpoint.held(&http, "m", ServerKind::LmStudio).await.unwrap(),
        Held::Unloaded
    );
    // Twice is no error.
    endpoint.unload(&http, "m", ServerKind::LmStudio, LIMIT).await.unwrap();
    assert_eq!(posts(&server).len(), 1);
    let error = endpoint
        .load(&http, "other", ServerKind::LmStudio, options(None))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound);
    assert_eq!(posts(&server).len(), 1);
}

#[tokio::test]
async fn an_old_lm_studio_loads_with_a_request() {
    let (server, endpoint, http) = playing(Played::LmStudio {
        loaded: None,
        max: 4096,
    })
    .await;
    let unexpected = r#"{"error":"Unexpected endpoint or method. (GET /api/v1/models)"}"#;
    server.route("/api/v1/models", 200, "application/json", unexpected);
    let loaded = endpoint
        .load(&http, "m", ServerKind::LmStudio, options(None))
        .await
        .unwrap();
    assert!(loaded.took.is_some() && loaded.window.is_none(), "{loaded:?}");
    let calls = server.model_calls();
    assert_eq!(lines(&calls), ["POST /v1/chat/completions"]);
    assert_eq!(calls[0].body["max_tokens"], 1);
}

#[tokio::test]
async fn ollama_loads_without_a_prompt() {
    let kind = Played::Ollama {
        allocated: None,
        trained: 8192,
    };
    let (server, endpoint, http) = playing(kind).await;
    let half_an_hour = LoadOptions {
        keep_warm: KeepWarm::For(Duration::from_mins(30)),
        ..options(None)
    };
    // Both names are one model.
    let (first, second) = tokio::join!(
        endpoint.load(&http, "m", ServerKind::Ollama, half_an_hour),
        endpoint.load(&http, "m:latest", ServerKind::Ollama, half_an_hour)
    );
    assert!(first.is_ok() && second.is_ok());
    let load = json!({"model": "m", "stream": false, "keep_alive": "1800s"});
    assert_eq!(posts(&server), [("/api/generate".to_owned(), load)]);
    let usual = endpoint.usual_load_time(ServerKind::Ollama, "m:latest");
    assert!(usual.is_some());
    endpoint
        .touch(&http, "m", ServerKind::Ollama, KeepWarm::Always, LIMIT)
        .await
        .unwrap();
    let keep = json!({"model": "m", "stream": false, "keep_alive": -1});
    assert_eq!(posts(&server)[1], ("/api/generate".to_owned(), keep));
}

#[tokio::test]
async fn a_refusal_goes_to_all() {
    let kind = Played::Ollama {
        allocated: None,
        trained: 8192,
    };
    let (server, endpoint, http) = playing(kind).await;
    let too_large = r#"{"error":"model requires more system memory (34.4 GiB) than is available (17.7 GiB)"}"#;
    server.route("/api/generate", 500, "application/json", too_large);
    let callers = (0..5).map(|_| endpoint.load(&http, "m", ServerKind::Ollama, options(None)));
    for failed in join_all(callers).await {
        let message = failed.unwrap_err().message.english();
        assert!(message.contains("34.4 GiB"), "{message}");
    }
    assert_eq!(posts(&server).len(), 1);
    assert_eq!(endpoint.usual_load_time(ServerKind::Ollama, "m"), None);
    // The same in a 200, as LM Studio says it.
    server.kind(Played::LmStudio {
        loaded: None,
        max: 4096,
    });
    server.route(
        "/api/v1/models/load",
        200,
        "application/json",
        r#"{"error":"insufficient system resources"}"#,
    );
    let error = endpoint
        .load(&http, "m", ServerKind::LmStudio, options(None))
        .await
        .unwrap_err();
    assert!(
        error.message.english().contains("insufficient system resources"),
        "{error}"
    );
}

/// The list of a router with one model in this state.
fn routed(server: &ModelServer, status: &Value, meta: &Value) {
    let entry = json!({"id": "m", "object": "model", "owned_by": "llamacpp", "status": status, "meta": meta});
    let body = json!({"object": "list", "data": [entry]}).to_string();
    server.route("/v1/models", 200, "application/json", body);
}

#[tokio::test]
async fn a_router_is_asked_until_it_has_loaded() {
    let kind = Played::LlamaCpp { window: 4096, slots: 1 };
    let (server, endpoint, http) = playing(kind).await;
    routed(&server, &json!({"value": "unloaded"}), &Value::Null);
    server.route("/models/load", 200, "application/json", r#"{"success":true}"#);
    let loads = async {
        let load = |model| endpoint.load(&http, model, ServerKind::LlamaCpp, options(None));
        tokio::join!(load("m"), load("m"))
    };
    let look = |path| {
        move |requests: &[Recorded]| {
            let load = requests.iter().position(|request| request.path == "/models/load");
            load.is_some_and(|load| requests[load..].iter().any(|request| request.path == path))
        }
    };
    let steps = async {
        // The list must not say `unloaded` any more when the load is under way: that would be a failure.
        server.wait_for(|requests| !requests.is_empty()).await;
        routed(&server, &json!({"value": "loading"}), &Value::Null);
        server.wait_for(look("/v1/models")).await;
        let seen = endpoint.loading(ServerKind::LlamaCpp, "m");
        routed(&server, &json!({"value": "loaded"}), &json!({"n_ctx": 2048}));
        seen
    };
    let ((first, second), seen) = tokio::join!(loads, steps);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first, first.window), (second, Some(2048)));
    assert!(seen.is_some_and(|loading| loading.usual.is_none()), "{seen:?}");
    assert_eq!(posts(&server), [("/models/load".to_owned(), json!({"model": "m"}))]);
    assert_eq!(endpoint.loading(ServerKind::LlamaCpp, "m"), None);

    server.route("/models/unload", 200, "application/json", r#"{"success":true}"#);
    endpoint.unload(&http, "m", ServerKind::LlamaCpp, LIMIT).await.unwrap();
    assert_eq!(posts(&server)[1], ("/models/unload".to_owned(), json!({"model": "m"})));
}

#[tokio::test]
async fn a_router_that_fails_says_so_later() {
    let kind = Played::LlamaCpp { window: 4096, slots: 1 };
    let (server, endpoint, http) = playing(kind).await;
    let failed = json!({"value": "unloaded", "failed": true, "exit_code": 1});
    routed(&server, &failed, &Value::Null);
    server.route("/models/load", 200, "application/json", r#"{"success":true}"#);
    let error = endpoint
        .load(&http, "m", ServerKind::LlamaCpp, options(None))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.message.english()),
        (ErrorKind::Server, "p could not load m".to_owned())
    );
    // A model that failed once is tried again when it is asked for.
    assert_eq!(posts(&server).len(), 1);
    // As recorded (`llama-server-b11669-router/load.txt`).
    let full = r#"{"error":{"code":500,"message":"model limit reached, try again later","type":"server_error"}}"#;
    server.route("/models/load", 500, "application/json", full);
    let error = endpoint
        .load(&http, "m", ServerKind::LlamaCpp, options(None))
        .await
        .unwrap_err();
    assert!(error.message.english().contains("model limit reached"), "{error}");
}

#[tokio::test]
async fn a_sleeping_llama_cpp_is_woken_by_one_token() {
    let kind = Played::LlamaCpp { window: 4096, slots: 1 };
    let (server, endpoint, http) = playing(kind).await;
    let props = |sleeping: bool| {
        let body = json!({"is_sleeping": sleeping, "default_generation_settings": {"n_ctx": 4096}}).to_string();
        server.route("/props", 200, "application/json", body);
    };
    props(true);
    assert_eq!(
        endpoint.held(&http, "m", ServerKind::LlamaCpp).await.unwrap(),
        Held::Asleep
    );
    assert_eq!(posts(&server), []);
    endpoint
        .load(&http, "m", ServerKind::LlamaCpp, options(None))
        .await
        .unwrap();
    assert_eq!(lines(&server.model_calls()), ["POST /v1/chat/completions"]);
    // One that is awake has its model.
    props(false);
    let loaded = endpoint
        .load(&http, "m", ServerKind::LlamaCpp, options(None))
        .await
        .unwrap();
    let expected = Loaded {
        took: None,
        window: Some(4096),
    };
    assert_eq!(loaded, expected);
    assert_eq!(server.model_calls().len(), 1);
    // It is kept by the same request.
    endpoint
        .touch(&http, "m", ServerKind::LlamaCpp, KeepWarm::Always, LIMIT)
        .await
        .unwrap();
    assert_eq!(server.model_calls().len(), 2);
}

#[tokio::test]
async fn a_llama_cpp_that_starts_is_waited_for() {
    let kind = Played::LlamaCpp { window: 4096, slots: 1 };
    let (server, endpoint, http) = playing(kind).await;
    server.fault_once(Fault::LoadingFor(2));
    let loaded = endpoint
        .load(&http, "m", ServerKind::LlamaCpp, options(None))
        .await
        .unwrap();
    // Somebody else had begun it, so that its time is not known.
    let expected = Loaded {
        took: None,
        window: Some(4096),
    };
    assert_eq!((loaded, posts(&server)), (expected, Vec::new()));
}

#[tokio::test]
async fn what_cannot_be_loaded_is_told() {
    let (server, endpoint, http) = playing(Played::Vllm { max_model_len: 4096 }).await;
    let error = endpoint
        .load(&http, "m", ServerKind::Vllm, options(None))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnsupportedFeature);
    assert_eq!(error.message.english(), "vLLM cannot be told which models to load");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_load_has_a_limit() {
    let (server, endpoint, http) = playing(Played::LmStudio {
        loaded: None,
        max: 4096,
    })
    .await;
    server.fault(Fault::HangAllPaths);
    let brief = LoadOptions {
        limit: Duration::from_millis(50),
        ..LoadOptions::default()
    };
    let error = endpoint
        .load(&http, "m", ServerKind::LmStudio, brief)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message.english(), "p has not loaded m within 0.05 s");
}
