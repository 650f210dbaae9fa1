//! Servers that refuse, hang or are not there.

use super::*;

/// A list that is refused or empty does not hide what the server is.
#[tokio::test]
async fn fingerprints_without_a_list() {
    let uvicorn = Played::Vllm { max_model_len: 2048 };
    let lm_studio = Played::LmStudio {
        loaded: None,
        max: 2048,
    };
    let refused = r#"{"error":{"message":"no","type":"authentication_error"}}"#;
    for (played, status, list, kind) in [
        (llama_cpp(), 401, refused, Some(ServerKind::LlamaCpp)),
        (uvicorn, 401, r#"{"error":"Unauthorized"}"#, Some(ServerKind::Vllm)),
        (
            Played::Ollama {
                allocated: None,
                trained: 2048,
            },
            200,
            r#"{"object":"list","data":null}"#,
            Some(ServerKind::Ollama),
        ),
        (lm_studio.clone(), 200, r#"{"data":[]}"#, Some(ServerKind::LmStudio)),
        (
            lm_studio,
            200,
            fixture!("lm_studio/unknown_path.json"),
            Some(ServerKind::LmStudio),
        ),
        (Played::Plain, 401, refused, None),
        (Played::Plain, 200, r#"{"data":[]}"#, None),
    ] {
        let server = ModelServer::start().await;
        server.kind(played);
        server.route("/v1/models", status, "application/json", list);
        let facts = probed(&endpoint(&server)).await;
        assert_eq!((facts.kind, facts.error.is_some()), (kind, status != 200), "{list}");
        if list.contains("Unexpected") {
            assert_eq!(facts.models, [], "requests would go to a path that it does not have");
        }
    }
    // LiteLLM without a key, as recorded; its readiness is open.
    let server = ModelServer::start().await;
    server.route("/v1/models", 500, "text/plain", "Internal Server Error");
    server.route(
        "/health/readiness",
        200,
        "application/json",
        fixture!("litellm/readiness.json"),
    );
    assert_eq!(probed(&endpoint(&server)).await.kind, Some(ServerKind::LiteLlm));
    // Nobody far away is asked what it might be.
    let before = server.requests().len();
    let mut far = endpoint(&server);
    far.reach = crate::Reach::Hosted;
    assert_eq!(probed(&far).await.kind, None);
    assert_eq!(server.requests().len(), before + 1);
}

#[test]
fn fingerprints_of_litellm_and_openai() {
    let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
    let entry = |id: &str, created: u64| json!({"id": id, "owned_by": "openai", "created": created});
    let page = |server: &str, entries: Value| Page {
        server: server.to_owned(),
        body: json!({ "data": entries }),
    };
    for (page, kind) in [
        (page("", json!([entry("a", 1_677_610_602)])), Some(ServerKind::LiteLlm)),
        (page("uvicorn", json!([entry("a", 1)])), Some(ServerKind::LiteLlm)),
        (
            page(
                "",
                json!([entry("gpt-3.5-turbo", 1_677_610_602), entry("gpt-4", 1_687_882_411)]),
            ),
            None,
        ),
    ] {
        assert_eq!(fingerprint(&endpoint, &page), kind, "{page:?}");
    }
}

#[tokio::test]
async fn a_side_channel_that_hangs_costs_its_own_values() {
    let server = ModelServer::start().await;
    server.kind(Played::Vllm { max_model_len: 2048 });
    server.fault(Fault::HangPath("/metrics"));
    let limit = Duration::from_millis(900);
    let start = Instant::now();
    let facts = probe(&Http::default(), &endpoint(&server), limit).await;
    assert!(start.elapsed() < limit + MARGIN, "{:?}", start.elapsed());
    let model = &facts.models[0];
    assert_eq!(
        (facts.kind, facts.version.as_deref()),
        (Some(ServerKind::Vllm), Some("0.32.0"))
    );
    assert_eq!(
        (model.state, &model.window, &model.busy),
        (ModelState::Ready, &Some(said(2048)), &None)
    );
}

/// Servers that would load or wake a model for a careless question, before and after a probe.
#[tokio::test]
async fn no_probe_loads_or_wakes_a_model() {
    let lm_studio = Played::LmStudio {
        loaded: None,
        max: 32_768,
    };
    let ollama = Played::Ollama {
        allocated: None,
        trained: 40_960,
    };
    let router = Played::LlamaCppRouter {
        window: 2048,
        slots: 2,
        most: 2,
    };
    let litellm = Played::LiteLlm { window: Some(4096) };
    let sglang = Played::SgLang { window: 4096, slots: 8 };
    let sleeping = ModelState::Unloaded;
    for (played, loaded, states) in [
        (lm_studio.clone(), false, [ModelState::Unloaded; 2]),
        (lm_studio, true, [ModelState::Ready, ModelState::Unloaded]),
        (ollama.clone(), false, [ModelState::Unloaded; 2]),
        (ollama, true, [ModelState::Ready, ModelState::Unloaded]),
        (router.clone(), false, [ModelState::Unloaded; 2]),
        (router, true, [ModelState::Ready, ModelState::Unloaded]),
        (litellm, false, [ModelState::Ready; 2]),
        (sglang, false, [ModelState::Ready; 2]),
        (Played::Vllm { max_model_len: 4096 }, false, [sleeping; 2]),
    ] {
        let server = ModelServer::start().await;
        server.kind(played.clone());
        server.models(&["a/b", "c"]);
        if matches!(played, Played::Vllm { .. }) {
            server.sleep();
        }
        let before: Vec<String> = loaded.then(|| server.load("a/b", 2048)).into_iter().collect();
        server.others_busy(1);
        let facts = probed(&endpoint(&server)).await;
        assert_eq!(["a/b", "c"].map(|id| facts.state_of(id)), states, "{played:?}");
        if loaded {
            let window = facts.model("a/b").and_then(|model| model.window.clone());
            assert_eq!(window, Some(said(2048)), "{played:?}");
        }
        assert_eq!(server.loaded(), before, "{played:?}");
        // LiteLLM and SGLang ask their models how they are.
        let harmless = matches!(played, Played::Vllm { .. });
        assert!(harmless || server.asked("/health") == 0, "{played:?}");
        assert_eq!(server.model_calls().len(), 0);
    }
    let server = ModelServer::start().await;
    server.kind(llama_cpp());
    server.sleep();
    let facts = probed(&endpoint(&server)).await;
    assert_eq!(
        (facts.state_of("test-model"), server.is_asleep()),
        (ModelState::Unloaded, true)
    );
}

/// What changes while a server runs is seen by the next probe.
#[tokio::test]
async fn a_server_that_changes() {
    let server = ModelServer::start().await;
    server.kind(llama_cpp());
    server.others_busy(2);
    let model = probed(&endpoint(&server)).await.models.remove(0);
    assert_eq!(
        (model.window, model.slots, model.busy),
        (Some(said(4096)), Some(said(2)), Some(said(2)))
    );
    server.kind(Played::LlamaCpp { window: 1024, slots: 1 });
    server.others_busy(0);
    let model = probed(&endpoint(&server)).await.models.remove(0);
    assert_eq!(
        (model.window, model.slots, model.busy),
        (Some(said(1024)), Some(said(1)), Some(said(0)))
    );

    server.kind(Played::LmStudio {
        loaded: Some(8192),
        max: 32_768,
    });
    assert_eq!(server.load("test-model", 2048), "test-model:2");
    let facts = probed(&endpoint(&server)).await;
    let window = |id| facts.model(id).unwrap().window_for(id).unwrap().value;
    assert_eq!([window("test-model"), window("test-model:2")], [8192, 2048]);

    server.kind(Played::Ollama {
        allocated: Some(4096),
        trained: 8192,
    });
    server.leaving("test-model");
    assert_eq!(
        probed(&endpoint(&server)).await.state_of("test-model"),
        ModelState::Evicting
    );
}

/// For a machine that is busy with other things.
const MARGIN: Duration = Duration::from_millis(600);

#[tokio::test]
async fn eight_servers_half_of_them_dead() {
    let servers: Vec<ModelServer> = (0..7).map(|_| ModelServer::start_on_thread()).collect();
    let [llama, ollama, lm_studio, silent, hanging, reset, loading] = &servers[..] else {
        unreachable!("there are seven");
    };
    llama.kind(llama_cpp());
    ollama.kind(Played::Ollama {
        allocated: Some(4096),
        trained: 40_960,
    });
    lm_studio.kind(Played::LmStudio {
        loaded: Some(8192),
        max: 32_768,
    });
    silent.fault(Fault::AcceptAndHang);
    hanging.fault(Fault::HangAllPaths);
    reset.fault(Fault::Reset);
    loading.kind(llama_cpp());
    loading.fault(Fault::LoadingFor(1000));
    let mut endpoints: Vec<Endpoint> = servers.iter().map(endpoint).collect();
    endpoints.push(Endpoint::loopback(
        "dead",
        dead_port().port(),
        EndpointOrigin::Discovered,
    ));

    let http = Http::default();
    let limit = Duration::from_millis(900);
    let start = Instant::now();
    let probes = endpoints.iter().map(|endpoint| probe(&http, endpoint, limit));
    let all = futures_util::future::join_all(probes).await;
    let took = start.elapsed();
    assert!(took < limit + MARGIN, "{took:?}");

    let found: Vec<_> = all
        .iter()
        .map(|facts| {
            let window = facts.model("test-model").and_then(|model| model.window.as_ref());
            let error = facts.error.as_ref().map(|error| error.kind);
            (
                facts.kind,
                facts.state_of("test-model"),
                window.map(|window| window.value),
                error,
            )
        })
        .collect();
    let dead = |error| (None, ModelState::Unreachable, None, Some(error));
    assert_eq!(
        found,
        [
            (Some(ServerKind::LlamaCpp), ModelState::Ready, Some(4096), None),
            (Some(ServerKind::Ollama), ModelState::Ready, Some(4096), None),
            (Some(ServerKind::LmStudio), ModelState::Ready, Some(8192), None),
            dead(ErrorKind::Hung),
            dead(ErrorKind::Hung),
            dead(ErrorKind::Interrupted),
            (
                Some(ServerKind::LlamaCpp),
                ModelState::Loading,
                None,
                Some(ErrorKind::Loading)
            ),
            dead(ErrorKind::Refused),
        ]
    );
    // A server that hangs is asked nothing else.
    assert_eq!(hanging.requests().len(), 1);
    assert_eq!(
        [llama, ollama, lm_studio].map(|server| server.model_calls().len()),
        [0, 0, 0]
    );
}
