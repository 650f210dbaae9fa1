//! LM Studio and Ollama.

use super::*;

#[tokio::test]
async fn lm_studio_as_documented() {
    let list = ("/v1/models", fixture!("lm_studio/models.json"));
    let answers = [list, ("/api/v1/models", fixture!("lm_studio/api_v1_models.json"))];
    let server = answering(
        Played::LmStudio {
            loaded: None,
            max: 2048,
        },
        &answers,
    )
    .await;
    let instance = |id: &str, window, slots| Instance {
        id: id.to_owned(),
        window: Some(said(window)),
        slots: Some(said(slots)),
    };
    let expected = ServerFacts {
        kind: Some(ServerKind::LmStudio),
        models: vec![
            ModelFacts {
                window: Some(said(8192)),
                max_window: Some(said(262_144)),
                slots: Some(said(1)),
                input: Some(said(vec![Modality::Text, Modality::Image])),
                tools: Some(said(true)),
                reasoning: Some(said(Reasoning::Switchable)),
                size: Some(said(6_548_926_464)),
                instances: vec![
                    instance("qwen/qwen3.5-9b", 32_768, 4),
                    instance("qwen/qwen3.5-9b:2", 8192, 1),
                ],
                ..ModelFacts::new("qwen/qwen3.5-9b", ModelState::Ready)
            },
            ModelFacts {
                max_window: Some(said(32_768)),
                input: Some(text_only()),
                tools: Some(said(false)),
                size: Some(said(241_410_208)),
                ..ModelFacts::new("gemma-3-270m-it-qat", ModelState::Unloaded)
            },
            ModelFacts {
                chat: false,
                max_window: Some(said(2048)),
                size: Some(said(274_290_560)),
                ..ModelFacts::new("text-embedding-nomic-embed-text-v1.5-embedding", ModelState::Unloaded)
            },
        ],
        ..ServerFacts::default()
    };
    let facts = probed(&endpoint(&server)).await;
    assert_facts(&facts, &expected);
    // The instance that serves the request decides.
    let model = facts.model("qwen/qwen3.5-9b:2").unwrap();
    let window = |id| model.window_for(id).unwrap().value;
    assert_eq!(
        ["qwen/qwen3.5-9b", "qwen/qwen3.5-9b:2", "qwen/qwen3.5-9b@q4_k_m"].map(window),
        [32_768, 8192, 8192]
    );
}

#[tokio::test]
async fn lm_studio_before_its_newer_api() {
    let played = Played::LmStudio {
        loaded: None,
        max: 2048,
    };
    let server = answering(
        played,
        &[
            ("/v1/models", r#"{"object":"list","data":[{"id":"meta-llama-3.1-8b-instruct","owned_by":"organization_owner"},{"id":"lora","owned_by":"organization_owner"}]}"#),
            ("/api/v1/models", fixture!("lm_studio/unknown_path.json")),
            ("/api/v0/models", fixture!("lm_studio/api_v0_models.json")),
        ],
    )
    .await;
    let expected = ServerFacts {
        kind: Some(ServerKind::LmStudio),
        models: vec![
            ModelFacts {
                window: Some(said(4096)),
                max_window: Some(said(131_072)),
                input: Some(text_only()),
                tools: Some(said(true)),
                ..ModelFacts::new("meta-llama-3.1-8b-instruct", ModelState::Ready)
            },
            // Listed, and nothing is said of it.
            ModelFacts::new("lora", ModelState::Unknown),
            ModelFacts {
                max_window: Some(said(32_768)),
                input: Some(said(vec![Modality::Text, Modality::Image])),
                ..ModelFacts::new("qwen2-vl-7b-instruct", ModelState::Unloaded)
            },
            ModelFacts {
                chat: false,
                max_window: Some(said(2048)),
                ..ModelFacts::new("text-embedding-nomic-embed-text-v1.5", ModelState::Unloaded)
            },
        ],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
}

#[tokio::test]
async fn more_models_than_anybody_has() {
    let listed = |id: usize| json!({"id": format!("m{id}"), "owned_by": "organization_owner"});
    let told = |id: usize| json!({"key": format!("m{id}"), "type": "llm", "loaded_instances": []});
    let most = fetch::MOST_ENTRIES;
    let server = ModelServer::start().await;
    // The two lists have no more in common than the last one that is read of each.
    let list = json!({"data": (0..most + 10).map(listed).collect::<Vec<_>>()});
    server.route("/v1/models", 200, "application/json", list.to_string());
    let list = json!({"models": (most - 1..2 * most + 10).map(told).collect::<Vec<_>>()});
    server.route("/api/v1/models", 200, "application/json", list.to_string());
    let facts = probed(&endpoint(&server)).await;
    assert_eq!(
        (facts.kind, facts.models.len()),
        (Some(ServerKind::LmStudio), 2 * most - 1)
    );
    let states = [0, most - 1, most].map(|id| facts.state_of(&format!("m{id}")));
    assert_eq!(
        states,
        [ModelState::Unknown, ModelState::Unloaded, ModelState::Unloaded]
    );
}

#[tokio::test]
async fn ollama_as_documented() {
    let server = answering(
        Played::Ollama {
            allocated: None,
            trained: 2048,
        },
        &[
            ("/v1/models", fixture!("ollama/models.json")),
            ("/api/tags", fixture!("ollama/tags.json")),
            ("/api/ps", fixture!("ollama/ps.json")),
            ("/api/version", fixture!("ollama/version.json")),
            ("/api/show", fixture!("ollama/show.json")),
        ],
    )
    .await;
    let shown = |id: &str, state| ModelFacts {
        max_window: Some(said(40_960)),
        input: Some(text_only()),
        tools: Some(said(true)),
        reasoning: Some(said(Reasoning::Switchable)),
        ..ModelFacts::new(id, state)
    };
    let expected = ServerFacts {
        kind: Some(ServerKind::Ollama),
        version: Some("0.13.5".to_owned()),
        reports_cached: Some(usual(false)),
        stream_usage: Some(usual(true)),
        models: vec![
            ModelFacts {
                window: Some(said(4096)),
                size: Some(said(5_225_388_164)),
                ..shown("qwen3:8b", ModelState::Ready)
            },
            ModelFacts {
                size: Some(said(7_816_589_186)),
                ..shown("llama3.2-vision:latest", ModelState::Unloaded)
            },
            // Not loaded here, and not unloaded either.
            ModelFacts {
                remote: true,
                ..shown("gpt-oss:120b-cloud", ModelState::Ready)
            },
        ],
        ..ServerFacts::default()
    };
    let facts = probed(&endpoint(&server)).await;
    assert_facts(&facts, &expected);
    assert_facts(&probed(&native(&server)).await, &expected);
    assert_eq!(facts.state_of("llama3.2-vision"), ModelState::Unloaded);
    // Nothing but what only looks.
    let looks = ["/v1/models", "/api/tags", "/api/ps", "/api/version", "/api/show"];
    assert!(
        server
            .requests()
            .iter()
            .all(|request| looks.contains(&request.path.as_str()))
    );
}

#[test]
fn a_model_whose_time_is_over_leaves() {
    for (expires, state) in [
        ("2026-11-22T13:00:00Z", ModelState::Evicting),
        ("2026-11-22T13:00:02Z", ModelState::Ready),
        ("0001-01-01T00:00:00Z", ModelState::Ready),
        ("soon", ModelState::Ready),
    ] {
        let mut models = [ModelFacts::new("m", ModelState::Unknown)];
        let running = json!({"models": [{"name": "m", "context_length": 0, "size": 7, "expires_at": expires}]});
        ollama::read_running(&running, 1_795_352_401, &mut models);
        let expected = ModelFacts {
            size: Some(said(7)),
            ..ModelFacts::new("m", state)
        };
        assert_eq!(models, [expected], "{expires}");
    }
}
