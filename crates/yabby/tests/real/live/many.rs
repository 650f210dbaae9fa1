//! LiteLLM in front of llama.cpp, and many servers at once of which half are dead.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use yabby_core::{ErrorKind, Exactness, Fact, FactSource};
use yabby_servers::{Endpoint, ModelFacts, ModelState, ServerKind, TokenCounter};
use yabby_testkit::{Fault, ModelServer, ServerKind as Played, dead_url};

use super::{Here, PROBE, TEXT, provider, request, runtime, tried};
use crate::{
    conformance::litellm::{KEY, LiteLlm, Offered},
    llama::Llama,
};

const MODELS: [Offered; 2] = [
    Offered {
        name: "smollm2",
        window: None,
    },
    Offered {
        name: "smollm2-known",
        window: Some(2048),
    },
];

#[test]
fn a_proxy_and_its_server() {
    let llama = Llama::start();
    let proxy = LiteLlm::offer(llama.port(), &MODELS);
    let mut providers = vec![
        format!(
            "proxy: {{ baseUrl: '{}/v1', apiKey: '{KEY}', models: [{{ id: 'smollm2' }}, {{ id: 'smollm2-known' }}] }}",
            proxy.root()
        ),
        provider("direct", llama.port(), "smollm2"),
    ];
    let here = Here::of(&super::config(&providers, &[]));
    runtime().block_on(through_the_proxy(&here));
    let log = proxy.log();
    let asked = |path: &str| {
        log.lines()
            .filter(|line| line.contains(&format!("\"GET {path} ")))
            .count()
    };
    assert!(asked("/health/readiness") > 0 && asked("/model/info") > 0, "{log}");
    assert_eq!(asked("/health"), 0, "it would call every model: {log}");

    // Two that are well, two that are played, and four that are not.
    let vllm = ModelServer::start_on_thread();
    vllm.kind(Played::Vllm { max_model_len: 4096 });
    let ollama = ModelServer::start_on_thread();
    ollama.kind(Played::Ollama {
        allocated: Some(8192),
        trained: 32768,
    });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = ModelServer::start_on_thread();
    hanging.fault(Fault::HangAllPaths);
    let resetting = ModelServer::start_on_thread();
    resetting.fault(Fault::Reset);
    let at = |id: &str, url: &str| format!("{id}: {{ baseUrl: '{url}', models: [{{ id: 'm' }}] }}");
    providers.extend([
        at("vllm", &vllm.base_url()),
        at("ollama", &ollama.base_url()),
        at("dead", &format!("{}/v1", dead_url())),
        at("silent", &format!("http://{}/v1", silent.local_addr().unwrap())),
        at("hanging", &hanging.base_url()),
        at("resetting", &resetting.base_url()),
    ]);
    half_of_them_dead(&super::config(&providers, &[]));
}

#[expect(clippy::print_stdout, reason = "the counts are what is measured")]
async fn through_the_proxy(here: &Here) {
    let (proxy, http) = (here.endpoint("proxy"), &here.http);
    let facts = proxy.refresh(http, Duration::ZERO, PROBE).await;
    assert_eq!(facts.kind, Some(ServerKind::LiteLlm), "{facts:?}");
    let windows: Vec<_> = facts
        .models
        .iter()
        .map(|model| (model.id.as_str(), model.state, model.window.clone()))
        .collect();
    let stated = Some(Fact::new(2048, FactSource::Catalogue));
    assert_eq!(
        windows,
        [
            ("smollm2", ModelState::Ready, None),
            ("smollm2-known", ModelState::Ready, stated)
        ]
    );
    let told = here.ask(Some("proxy/smollm2"), request("Say hello.", 8)).await;
    assert_eq!(told.tried(), tried(&[("proxy/smollm2", "answered")]));

    let question = request(TEXT, 1);
    let limit = Duration::from_mins(1);
    let counter = facts.counter.as_ref().map(|counter| counter.value);
    assert_eq!(counter, Some(TokenCounter::CountTokens));
    let exact = Some(TokenCounter::InputTokens);
    let (direct, model) = (here.endpoint("direct"), "smollm2");
    let real = direct.count_tokens(http, model, &question, exact, limit).await;
    let counted = proxy.count_tokens(http, model, &question, counter, limit).await;
    println!("LiteLLM counts {counted:?}, llama.cpp {real:?}");
    assert_eq!(real.exactness, Exactness::Exact);
    let near = counted.tokens.abs_diff(real.tokens) * 10 <= real.tokens;
    assert!(
        near && (counted.exactness == Exactness::Estimated || counted == real),
        "{counted:?} {real:?}"
    );
}

#[expect(clippy::print_stdout, reason = "the time is what is measured")]
fn half_of_them_dead(config: &str) {
    let here = Here::of(config);
    runtime().block_on(async {
        // What is near is asked for 900 ms; on a busy machine what is well may need a second look.
        for _ in 0..5 {
            let start = Instant::now();
            here.fleet.refresh(&here.http, Duration::ZERO).await;
            println!("eight servers: {:?}", start.elapsed());
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
            let well = here
                .fleet
                .members()
                .filter(|(_, facts)| facts.as_ref().is_some_and(|facts| facts.error.is_none()));
            if well.count() == 4 {
                break;
            }
        }
    });
    let seen: Vec<_> = here.fleet.endpoints().map(known).collect();
    let well = |id, kind, window| (id, Ok((Some(kind), window)));
    assert_eq!(
        seen,
        [
            well("proxy", ServerKind::LiteLlm, None),
            well("direct", ServerKind::LlamaCpp, Some(2048)),
            well("vllm", ServerKind::Vllm, Some(4096)),
            well("ollama", ServerKind::Ollama, Some(8192)),
            ("dead", Err(ErrorKind::Refused)),
            ("silent", Err(ErrorKind::Hung)),
            ("hanging", Err(ErrorKind::Hung)),
            ("resetting", Err(ErrorKind::Interrupted)),
        ]
    );
}

type Known<'a> = (&'a str, Result<(Option<ServerKind>, Option<u32>), ErrorKind>);

/// What is known of an endpoint: its kind and the window of its first model, or why not.
fn known(endpoint: &Endpoint) -> Known<'_> {
    let facts = endpoint.known().unwrap();
    let window = |model: &ModelFacts| model.window.as_ref().map(|window| window.value);
    let said = match &facts.error {
        Some(error) => Err(error.kind),
        None => Ok((facts.kind, facts.models.first().and_then(window))),
    };
    (&endpoint.provider, said)
}
