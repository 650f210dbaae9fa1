//! llama.cpp, with one model and as a router.

use super::*;

/// What is known of every llama.cpp.
fn llama_facts() -> ServerFacts {
    ServerFacts {
        kind: Some(ServerKind::LlamaCpp),
        version: Some("b11669-Debian".to_owned()),
        counter: Some(usual(TokenCounter::InputTokens)),
        reports_cached: Some(usual(true)),
        stream_usage: Some(usual(true)),
        ..ServerFacts::default()
    }
}

#[tokio::test]
async fn llama_cpp_as_recorded() {
    let server = answering(
        llama_cpp(),
        &[
            ("/v1/models", fixture!("llama_cpp/models.json")),
            ("/props", fixture!("llama_cpp/props.json")),
            ("/slots", fixture!("llama_cpp/slots.json")),
            ("/health", fixture!("llama_cpp/health.json")),
        ],
    )
    .await;
    let model = ModelFacts {
        window: Some(said(2048)),
        max_window: Some(said(8192)),
        slots: Some(said(2)),
        busy: Some(said(0)),
        input: Some(text_only()),
        tools: Some(said(false)),
        size: Some(said(96_576_768)),
        ..ModelFacts::new("smollm2", ModelState::Ready)
    };
    let expected = ServerFacts {
        models: vec![model.clone()],
        ..llama_facts()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);

    // What one side channel says is not needed for the others.
    server.route("/props", 404, "application/json", "{}");
    server.route("/health", 404, "application/json", "{}");
    let expected = ServerFacts {
        version: None,
        models: vec![ModelFacts {
            slots: None,
            busy: None,
            tools: None,
            ..model
        }],
        ..llama_facts()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
}

#[tokio::test]
async fn a_llama_cpp_that_sleeps_is_not_woken() {
    let asleep = fixture!("llama_cpp/props.json").replace("\"is_sleeping\": false", "\"is_sleeping\": true");
    let server = answering(llama_cpp(), &[("/v1/models", fixture!("llama_cpp/models.json"))]).await;
    server.route("/props", 200, "application/json", asleep);
    let facts = probed(&endpoint(&server)).await;
    let model = facts.model("smollm2").unwrap();
    assert_eq!((model.state, &model.busy), (ModelState::Unloaded, &None));
    let mut asked: Vec<String> = server.requests().iter().map(yabby_testkit::Recorded::line).collect();
    asked.sort();
    assert_eq!(asked, ["GET /health", "GET /props", "GET /v1/models"]);
}

#[tokio::test]
async fn a_llama_cpp_that_loads() {
    // It says so on every path; older builds listed their model meanwhile (`wire-facts.md` §6.1).
    let server = ModelServer::start().await;
    server.kind(llama_cpp());
    server.fault(Fault::LoadingWhile(LIMIT));
    let facts = probed(&endpoint(&server)).await;
    let error = facts.error.as_ref().map(|error| error.kind);
    assert_eq!(
        (facts.kind, error),
        (Some(ServerKind::LlamaCpp), Some(ErrorKind::Loading))
    );
    assert_eq!(
        (facts.is_reachable(), facts.state_of("any")),
        (true, ModelState::Loading)
    );
    server.clear_faults();
    for path in ["/props", "/health", "/slots"] {
        server.route(path, 503, "application/json", fixture!("llama_cpp/loading.json"));
    }
    let facts = probed(&endpoint(&server)).await;
    assert_eq!(facts.state_of("test-model"), ModelState::Loading);
}

#[tokio::test]
async fn a_router_as_recorded() {
    let loaded = "SmolLM2-135M-Instruct.Q4_1";
    let server = answering(
        llama_cpp(),
        &[
            ("/v1/models", fixture!("llama_cpp_router/models.json")),
            ("/props", fixture!("llama_cpp_router/props.json")),
            (
                &format!("/props?model={loaded}&autoload=false"),
                fixture!("llama_cpp_router/props_model.json"),
            ),
            (
                &format!("/slots?model={loaded}&autoload=false"),
                r#"[{"id":0,"n_ctx":2048,"is_processing":true}]"#,
            ),
        ],
    )
    .await;
    let unloaded = |id: &str, trained| ModelFacts {
        max_window: Some(said(trained)),
        input: Some(text_only()),
        ..ModelFacts::new(id, ModelState::Unloaded)
    };
    let expected = ServerFacts {
        router: true,
        models: vec![
            ModelFacts {
                window: Some(said(2048)),
                max_window: Some(said(8192)),
                slots: Some(said(1)),
                busy: Some(said(1)),
                input: Some(text_only()),
                tools: Some(said(false)),
                size: Some(said(96_576_768)),
                ..ModelFacts::new(loaded, ModelState::Ready)
            },
            unloaded("gemma-3-270m-q4_k_m", 32_768),
            unloaded("tinyllama", 2048),
        ],
        ..llama_facts()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
}

/// Each question is a connection or two, all at the same time.
#[tokio::test]
async fn a_router_with_a_thousand_loaded_models() {
    let entry = |id: u32| json!({"id": format!("m{id}"), "owned_by": "llamacpp", "status": {"value": "loaded"}});
    let list = json!({"data": (0..1000).map(entry).collect::<Vec<_>>()});
    let server = answering(llama_cpp(), &[]).await;
    server.route("/v1/models", 200, "application/json", list.to_string());
    let facts = probed(&endpoint(&server)).await;
    assert_eq!((facts.router, facts.models.len()), (true, 1000));
    // The list, the router itself, and of each model that is asked about what it is and does.
    let most = 2 + 2 * llama_cpp::MOST_ASKED;
    assert!(
        (3..=most).contains(&server.requests().len()),
        "{}",
        server.requests().len()
    );
}

#[test]
fn versions() {
    for (build, version) in [
        ("b11669-Debian", Some("b11669-Debian")),
        ("b1-unknown", Some("b1-unknown")),
        ("b0-unknown", None),
        ("", None),
    ] {
        let found = llama_cpp::version(&json!({"build_info": build}));
        assert_eq!(found.as_deref(), version, "{build}");
    }
}

#[test]
fn states_of_a_router() {
    let entry = |status: Value| json!({"data": [{"id": "m", "status": status}]});
    for (status, state) in [
        (json!({"value": "unloaded"}), ModelState::Unloaded),
        (
            json!({"value": "unloaded", "failed": true, "exit_code": 1}),
            ModelState::Failing,
        ),
        (json!({"value": "loading"}), ModelState::Loading),
        (json!({"value": "downloading"}), ModelState::Loading),
        (json!({"value": "sleeping"}), ModelState::Unloaded),
        (json!({"value": "loaded"}), ModelState::Ready),
    ] {
        let list = entry(status);
        assert_eq!(llama_cpp::models(&list)[0].state, state, "{list}");
    }
}

#[test]
fn reasoning_that_a_template_can_switch() {
    for (props, expected) in [
        (
            json!({"chat_template": "{% if enable_thinking %}"}),
            Some(Reasoning::Switchable),
        ),
        (
            json!({"chat_template_caps": {"supports_reasoning_effort": true}}),
            Some(Reasoning::Switchable),
        ),
        (json!({"chat_template": "<think>"}), None),
        (json!([]), None),
    ] {
        let mut model = ModelFacts::new("m", ModelState::Ready);
        llama_cpp::read_props(&props, &mut model);
        assert_eq!(model.reasoning.map(|fact| fact.value), expected, "{props}");
    }
}
