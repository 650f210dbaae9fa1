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
