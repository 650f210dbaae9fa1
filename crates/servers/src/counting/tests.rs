use std::time::Duration;

use serde_json::json;
use yabby_config::{Environment, load_text};
use yabby_core::{Image, Message, Tool};
use yabby_testkit::{Fault, ModelServer, ServerKind as Played};
use yabby_wire::TokenCounter;

use super::*;
use crate::{EndpointOrigin, Http};

const MODEL: &str = "m";

/// Ample: no test waits for it but the one of a counter that hangs.
const LIMIT: Duration = Duration::from_secs(20);

fn endpoint(server: &ModelServer, api: &str) -> Endpoint {
    let base = server.base_url();
    let text = format!(
        "{{models: {{providers: {{p: {{baseUrl: '{base}', api: '{api}', apiKey: 'k', models: [{{id: '{MODEL}', headers: {{'x-own': 'h'}}}}]}}}}}}}}"
    );
    let loaded = load_text(&text, &Environment::default());
    Endpoint::from_provider(loaded.config.provider("p").unwrap()).unwrap()
}

async fn llama() -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(Played::LlamaCpp { window: 8192, slots: 1 });
    server.models(&[MODEL]);
    server.input_tokens(36);
    server
}

fn request(text: &str) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user(text)],
        ..ModelRequest::default()
    }
}

async fn count(endpoint: &Endpoint, request: &ModelRequest, counter: Option<TokenCounter>) -> TokenCount {
    endpoint
        .count_tokens(&Http::default(), MODEL, request, counter, LIMIT)
        .await
}

fn exact(tokens: u32) -> TokenCount {
    TokenCount {
        tokens,
        exactness: Exactness::Exact,
    }
}

fn estimated(tokens: u32) -> TokenCount {
    TokenCount {
        tokens,
        exactness: Exactness::Estimated,
    }
}

fn usage(input: u32, cached: Option<u32>) -> Usage {
    Usage {
        input_tokens: Some(input),
        cached_tokens: cached,
        ..Usage::default()
    }
}

fn long() -> ModelRequest {
    request(&"The ferry left the harbour at half past six. ".repeat(200))
}

#[tokio::test]
async fn the_servers_own_counter_is_exact() {
    let server = llama().await;
    for (api, path, header) in [
        (
            "openai-completions",
            "/v1/chat/completions/input_tokens",
            "authorization",
        ),
        ("openai-responses", "/v1/responses/input_tokens", "authorization"),
        ("anthropic-messages", "/v1/messages/count_tokens", "x-api-key"),
    ] {
        let endpoint = endpoint(&server, api);
        let counted = count(&endpoint, &request("Hi"), Some(TokenCounter::InputTokens)).await;
        assert_eq!(counted, exact(36));
        let asked = server.requests().pop().unwrap();
        assert_eq!(
            (asked.line(), asked.header("x-own")),
            (format!("POST {path}"), Some("h"))
        );
        assert!(asked.header(header).is_some_and(|value| value.ends_with('k')), "{path}");
        assert_eq!(asked.header("anthropic-version").is_some(), api == "anthropic-messages");
        // It is known as long as the request stays the same, and nobody is asked.
        let asked = server.requests().len();
        assert_eq!(endpoint.clone().estimate_tokens(MODEL, &request("Hi")), exact(36));
        assert_eq!(
            endpoint.estimate_tokens(MODEL, &request("Ho")).exactness,
            Exactness::Estimated
        );
        assert_eq!(server.requests().len(), asked);
    }
}

#[tokio::test]
async fn vllm_counts_at_its_root() {
    let server = llama().await;
    server.kind(Played::Vllm { max_model_len: 8192 });
    let chat = endpoint(&server, "openai-completions");
    assert_eq!(
        count(&chat, &request("Hi"), Some(TokenCounter::Tokenize)).await,
        exact(36)
    );
    assert_eq!(server.requests().pop().unwrap().line(), "POST /tokenize");
    // Of Responses it makes a chat of its own.
    let responses = endpoint(&server, "openai-responses");
    assert_eq!(
        count(&responses, &request("Hi"), Some(TokenCounter::Tokenize)).await,
        estimated(36)
    );
    let messages = endpoint(&server, "anthropic-messages");
    assert_eq!(
        count(&messages, &request("Hi"), Some(TokenCounter::Tokenize)).await,
        exact(36)
    );
}

#[tokio::test]
async fn a_proxy_that_counts_by_itself_estimates() {
    let server = llama().await;
    let body = json!({"input_tokens": 40, "litellm_count_source": "local_estimate"});
    server.route("/v1/messages/count_tokens", 200, "application/json", body.to_string());
    let endpoint = endpoint(&server, "anthropic-messages");
    let counted = count(&endpoint, &request("Hi"), Some(TokenCounter::CountTokens)).await;
    assert_eq!(counted, estimated(40));
    assert_eq!(endpoint.estimator_of(MODEL).reports(), 0);
}

/// Nobody is asked without a counter; any failure leaves the estimate, and an absent counter is asked once.
#[tokio::test]
async fn what_cannot_be_counted_is_estimated() {
    let server = llama().await;
    let path = "/v1/chat/completions/input_tokens";
    let fresh = || endpoint(&server, "openai-completions");
    let guess = fresh().estimate_tokens(MODEL, &request("Hi"));
    assert_eq!(guess, estimated(18));
    assert_eq!(count(&fresh(), &request("Hi"), None).await, guess);
    assert_eq!(server.requests().len(), 0);
    let missing_model = r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","code":404}}"#;
    for (status, body, asked) in [
        (404, r#"{"detail":"Not Found"}"#, 1),
        (405, r#"{"detail":"Method Not Allowed"}"#, 1),
        (501, "", 1),
        (404, missing_model, 2),
        (503, r#"{"error":{"message":"Loading model"}}"#, 2),
        (400, r#"{"error":{"message":"no"}}"#, 2),
        (200, r#"{"tokens":[1,2,3]}"#, 2),
        (200, "<html>", 2),
    ] {
        server.route(path, status, "application/json", body);
        let endpoint = fresh();
        let before = server.requests().len();
        for _ in 0..2 {
            assert_eq!(
                count(&endpoint.clone(), &request("Hi"), Some(TokenCounter::InputTokens)).await,
                guess,
                "{status} {body}"
            );
        }
        assert_eq!(server.requests().len() - before, asked, "{status} {body}");
    }
    let nowhere = Endpoint::loopback("p", yabby_testkit::dead_port().port(), EndpointOrigin::Discovered);
    assert_eq!(
        count(&nowhere, &request("Hi"), Some(TokenCounter::InputTokens)).await,
        guess
    );
}

#[tokio::test]
async fn a_counter_that_hangs_is_given_up_and_asked_again() {
    let server = llama().await;
    server.fault(Fault::HangAllPaths);
    let endpoint = endpoint(&server, "openai-completions");
    let http = Http::default();
    let ask = |limit| {
        let (endpoint, http) = (&endpoint, &http);
        async move {
            let counter = Some(TokenCounter::InputTokens);
            endpoint.count_tokens(http, MODEL, &request("Hi"), counter, limit).await
        }
    };
    assert_eq!(ask(Duration::from_millis(50)).await, estimated(18));
    server.clear_faults();
    assert_eq!(ask(LIMIT).await, exact(36));
}

#[tokio::test]
async fn anthropic_is_known_to_count() {
    let server = llama().await;
    let mut endpoint = endpoint(&server, "anthropic-messages");
    endpoint.vendor = Some(crate::vendor::Vendor::Anthropic);
    assert_eq!(count(&endpoint, &request("Hi"), None).await, exact(36));
}

#[tokio::test]
async fn counts_and_reports_teach_all_clones() {
    let server = llama().await;
    let endpoint = endpoint(&server, "openai-completions");
    let long = long();
    let before = endpoint.estimate_tokens(MODEL, &long).tokens;
    server.input_tokens(u64::from(before) * 5 / 4);
    let counted = count(&endpoint, &long, Some(TokenCounter::InputTokens)).await;
    assert_eq!(counted, exact(before * 5 / 4));
    // The usage of what was counted says nothing new.
    assert_eq!(endpoint.saw_usage(MODEL, &long, &usage(counted.tokens, None)), None);
    assert_eq!(endpoint.clone().estimator_of(MODEL).reports(), 1);

    let other = request(&"Rivers do not keep to their beds, and farmers know it. ".repeat(200));
    let first = endpoint.estimate_tokens(MODEL, &other).tokens;
    assert_eq!(endpoint.saw_usage(MODEL, &other, &usage(first * 5 / 4, None)), None);
    let second = endpoint.clone().estimate_tokens(MODEL, &other).tokens;
    assert!(first < second && second <= first * 5 / 4, "{first} {second}");
    // Other models have learned nothing, and a new process goes on with what was stored.
    assert_eq!(endpoint.estimator_of("other"), Estimator::default());
    let moved = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
    moved.restore_estimator(MODEL, endpoint.estimator_of(MODEL));
    assert_eq!(moved.estimate_tokens(MODEL, &other), estimated(second));
    let replaced = Endpoint::loopback("p", 2, EndpointOrigin::Discovered).remembering(&endpoint);
    assert_eq!(replaced.estimate_tokens(MODEL, &other), estimated(second));
}

#[test]
fn a_cut_prompt_is_told_and_teaches_nothing() {
    let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
    let long = long();
    let expected = endpoint.estimate_tokens(MODEL, &long).tokens;
    let cut = |reported, window, basis| {
        Some(Truncation {
            expected,
            basis,
            reported,
            window,
        })
    };
    assert_eq!(
        endpoint.saw_usage(MODEL, &long, &usage(512, None)),
        cut(512, 512, Basis::Usual)
    );
    assert_eq!(endpoint.estimator_of(MODEL), Estimator::default());
    // Half of it may be another tokenizer as long as nothing has been learned.
    assert_eq!(endpoint.saw_usage(MODEL, &long, &usage(expected / 2, None)), None);
    let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
    for _ in 0..3 {
        assert_eq!(endpoint.saw_usage(MODEL, &long, &usage(expected, None)), None);
    }
    assert_eq!(
        endpoint.saw_usage(MODEL, &long, &usage(1024, Some(100))),
        cut(1024, 1024, Basis::Learned)
    );
    // Nothing is said, only what was not in the cache, or there are pictures.
    let learned = endpoint.estimator_of(MODEL);
    assert_eq!(endpoint.saw_usage(MODEL, &long, &Usage::default()), None);
    assert_eq!(endpoint.saw_usage(MODEL, &long, &usage(0, None)), None);
    assert_eq!(endpoint.saw_usage(MODEL, &long, &usage(20, Some(expected - 20))), None);
    let mut pictures = long.clone();
    pictures.messages.push(Message::User {
        text: String::new(),
        images: vec![Image::new(b"GIF89a").unwrap()],
    });
    assert_eq!(endpoint.saw_usage(MODEL, &pictures, &usage(512, None)), None);
    assert_eq!(endpoint.estimator_of(MODEL), learned);
}

#[tokio::test]
async fn an_exact_count_shows_smaller_cuts() {
    let server = llama().await;
    let endpoint = endpoint(&server, "openai-completions");
    server.input_tokens(2200);
    let request = long();
    count(&endpoint, &request, Some(TokenCounter::InputTokens)).await;
    let cut = Truncation {
        expected: 2200,
        basis: Basis::Exact,
        reported: 2048,
        window: 2048,
    };
    assert_eq!(endpoint.saw_usage(MODEL, &request, &usage(2048, None)), Some(cut));
    assert_eq!(endpoint.saw_usage(MODEL, &request, &usage(2190, None)), None);
}

/// A template that knows no tools leaves them out; the rest of the prompt was read.
#[test]
fn tools_that_a_template_leaves_out_are_no_cut() {
    let endpoint = Endpoint::loopback("p", 1, EndpointOrigin::Discovered);
    let plain = long();
    let said = endpoint.estimate_tokens(MODEL, &plain).tokens;
    let mut request = plain.clone();
    request.tools = (0..60)
        .map(|number| Tool {
            name: format!("tool_{number}"),
            description: "Looks for something in a place that nobody else has looked at for a long time.".repeat(3),
            parameters: json!({"type": "object", "properties": {"place": {"type": "string"}}}),
        })
        .collect();
    let whole = endpoint.estimate_tokens(MODEL, &request).tokens;
    assert!(whole > said * 5 / 2, "{whole} {said}");
    assert_eq!(endpoint.saw_usage(MODEL, &request, &usage(said, None)), None);
    assert_eq!(endpoint.estimator_of(MODEL).reports(), 1);
    // But far less than what was said, or than the tools after few words, is a cut.
    let cut = endpoint
        .saw_usage(MODEL, &request, &usage(512, None))
        .map(|cut| cut.window);
    assert_eq!(cut, Some(512));
    request.messages = vec![Message::user("Hi")];
    let cut = endpoint
        .saw_usage(MODEL, &request, &usage(1024, None))
        .map(|cut| cut.window);
    assert_eq!(cut, Some(1024));
}
