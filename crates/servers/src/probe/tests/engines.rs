//! vLLM, SGLang, LiteLLM, OpenRouter, and servers that nobody knows.

use yabby_config::Cost;
use yabby_core::Secret;

use super::*;
use crate::credentials::Credentials;

#[tokio::test]
async fn vllm_as_recorded() {
    let server = answering(
        Played::Vllm { max_model_len: 2048 },
        &[
            ("/v1/models", fixture!("vllm/models.json")),
            ("/version", fixture!("vllm/version.json")),
            ("/metrics", fixture!("vllm/metrics.txt")),
        ],
    )
    .await;
    let expected = ServerFacts {
        kind: Some(ServerKind::Vllm),
        version: Some("0.32.0".to_owned()),
        counter: Some(usual(TokenCounter::Tokenize)),
        stream_usage: Some(usual(true)),
        models: vec![ModelFacts {
            window: Some(said(2048)),
            slots: Some(said(22)),
            busy: Some(said(0)),
            ..ModelFacts::new("smollm2", ModelState::Ready)
        }],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
    server.route("/health", 503, "", "");
    let facts = probed(&endpoint(&server)).await;
    assert_eq!(facts.state_of("smollm2"), ModelState::Failing);
}

#[test]
fn metrics_of_vllm() {
    let read = |metrics: &str| {
        let mut facts = ServerFacts {
            models: vec![ModelFacts {
                window: Some(said(2048)),
                ..ModelFacts::new("m", ModelState::Ready)
            }],
            ..ServerFacts::default()
        };
        vllm::read_metrics(metrics, &mut facts);
        let ServerFacts {
            models, reports_cached, ..
        } = facts;
        (
            models[0].state,
            models[0].slots.as_ref().map(|fact| fact.value),
            models[0].busy.as_ref().map(|fact| fact.value),
            reports_cached,
        )
    };
    let recorded = fixture!("vllm/metrics.txt");
    let asleep = recorded.replace("sleep_state=\"awake\"} 1.0", "sleep_state=\"awake\"} 0.0");
    assert_eq!(read(&asleep), (ModelState::Unloaded, Some(22), Some(0), None));
    // Before it told how many requests fit; two engines; no prefix cache.
    let older = "vllm:cache_config_info{block_size=\"16\",enable_prefix_caching=\"False\",num_gpu_blocks=\"400\"} 1.0\n\
                 vllm:num_requests_running{engine=\"0\"} 1.0\nvllm:num_requests_running{engine=\"1\"} 2.0";
    assert_eq!(read(older), (ModelState::Ready, Some(3), Some(3), Some(said(false))));
    assert_eq!(read(""), (ModelState::Ready, None, None, None));
}

#[tokio::test]
async fn sglang_as_documented() {
    let answers = [
        ("/v1/models", fixture!("sglang/models.json")),
        ("/model_info", fixture!("sglang/model_info.json")),
        ("/server_info", fixture!("sglang/server_info.json")),
        ("/metrics", fixture!("sglang/metrics.txt")),
    ];
    let server = answering(Played::Plain, &answers).await;
    let expected = ServerFacts {
        kind: Some(ServerKind::SgLang),
        version: Some("0.5.9".to_owned()),
        reports_cached: Some(said(false)),
        stream_usage: Some(usual(true)),
        models: vec![ModelFacts {
            window: Some(said(32_768)),
            slots: Some(said(48)),
            busy: Some(said(3)),
            input: Some(text_only()),
            tools: Some(said(false)),
            ..ModelFacts::new("qwen/qwen2.5-0.5b-instruct", ModelState::Ready)
        }],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
    // Its health is a question to the model.
    assert!(server.requests().iter().all(|request| !request.path.contains("health")));
}

#[tokio::test]
async fn litellm_as_recorded() {
    let server = answering(
        Played::Plain,
        &[
            ("/v1/models", fixture!("litellm/models.json")),
            ("/model/info", fixture!("litellm/model_info.json")),
            ("/health/readiness", fixture!("litellm/readiness.json")),
        ],
    )
    .await;
    let model = |id: &str| ModelFacts::new(id, ModelState::Ready);
    let expected = ServerFacts {
        kind: Some(ServerKind::LiteLlm),
        counter: Some(usual(TokenCounter::CountTokens)),
        stream_usage: Some(usual(true)),
        models: vec![
            ModelFacts {
                window: Some(usual(2048)),
                ..model("smollm2")
            },
            model("smollm2-tools"),
            model("deadmodel"),
            model("smollm2-hosted"),
        ],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
    let mut asked: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    asked.sort();
    assert_eq!(asked, ["/health/readiness", "/model/info", "/v1/models"]);
}

#[test]
fn deployments_of_one_name() {
    let info = |window: Value, tools: Value| {
        let info = json!({"max_input_tokens": window, "supports_function_calling": tools, "supports_vision": true});
        json!({"model_name": "m", "model_info": info})
    };
    for (entries, window, tools) in [
        (
            json!([info(json!(4096), json!(true)), info(json!(2048), json!(true))]),
            Some(2048),
            Some(true),
        ),
        (
            json!([info(json!(null), json!(true)), info(json!(2048), json!(false))]),
            Some(2048),
            Some(false),
        ),
        (
            json!([info(json!(0), json!(true)), info(json!(null), json!(null))]),
            None,
            None,
        ),
        (json!([]), None, None),
    ] {
        let mut models = [ModelFacts::new("m", ModelState::Ready)];
        litellm::read_info(&json!({ "data": entries }), &mut models);
        let expected = ModelFacts {
            window: window.map(usual),
            tools: tools.map(usual),
            input: (!entries.as_array().unwrap().is_empty())
                .then(|| Fact::new(vec![Modality::Text, Modality::Image], FactSource::Catalogue)),
            ..ModelFacts::new("m", ModelState::Ready)
        };
        assert_eq!(models, [expected], "{entries}");
    }
}

#[tokio::test]
async fn openrouter_as_documented() {
    let server = answering(Played::Plain, &[("/v1/models", fixture!("openrouter/models.json"))]).await;
    let model = |id: &str, window, input: &[Modality]| ModelFacts {
        window: Some(said(window)),
        input: Some(said(input.to_vec())),
        tools: Some(said(false)),
        reasoning: Some(said(Reasoning::Never)),
        price: Some(said(Cost {
            input: 0.7,
            output: 0.7,
            cache_read: 0.7,
            cache_write: 0.7,
            tiers: Vec::new(),
        })),
        ..ModelFacts::new(id, ModelState::Ready)
    };
    let expected = ServerFacts {
        kind: Some(ServerKind::OpenRouter),
        stream_usage: Some(usual(true)),
        models: vec![
            ModelFacts {
                tools: Some(said(true)),
                reasoning: Some(said(Reasoning::Switchable)),
                ..model("qwen/qwen3-vl-8b-thinking", 256_000, &[Modality::Image, Modality::Text])
            },
            model("openai/gpt-4", 8191, &[Modality::Text]),
            ModelFacts {
                chat: false,
                ..model("google/gemini-image", 32_768, &[Modality::Image, Modality::Text])
            },
        ],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_nobody_knows() {
    let list = r#"{"data": [{"id": "m", "context_length": 0}, {"id": "text-embedding-x", "max_model_len": 512}, {}]}"#;
    let server = answering(Played::Plain, &[("/v1/models", list)]).await;
    let expected = ServerFacts {
        models: vec![
            ModelFacts::new("m", ModelState::Ready),
            ModelFacts {
                chat: false,
                window: Some(said(512)),
                ..ModelFacts::new("text-embedding-x", ModelState::Ready)
            },
        ],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint(&server)).await, &expected);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn who_speaks_as_anthropic_counts_as_anthropic() {
    let server = answering(Played::Anthropic, &[]).await;
    let mut endpoint = endpoint(&server);
    endpoint.dialect = Dialect::Messages;
    endpoint.credentials = Credentials::own("p", Secret::new("k"));
    let expected = ServerFacts {
        counter: Some(usual(TokenCounter::CountTokens)),
        models: vec![ModelFacts::new("test-model", ModelState::Ready)],
        ..ServerFacts::default()
    };
    assert_facts(&probed(&endpoint).await, &expected);
}
