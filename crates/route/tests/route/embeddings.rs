//! Who makes embeddings, and where texts may go.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use yabby_config::{Config, Environment, load_text};
use yabby_core::{ErrorKind, Zone, ZoneRule};
use yabby_route::{Embeddings, NoEmbeddings};
use yabby_servers::{Endpoint, EndpointOrigin, Fleet, Http};
use yabby_testkit::{Fault, ModelServer, ServerKind, dead_url};

use crate::scene::person;

const LLAMA: ServerKind = ServerKind::LlamaCpp { window: 512, slots: 1 };

fn config(text: &str) -> Config {
    let loaded = load_text(text, &Environment::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.config
}

/// Providers `p0`, `p1` and so on, and what the config says of the memory and of zones.
fn with(urls: &[String], defaults: &str) -> Option<Embeddings> {
    let provider = |(at, url): (usize, &String)| format!("p{at}: {{baseUrl: '{url}'}}");
    let providers: Vec<String> = urls.iter().enumerate().map(provider).collect();
    let text = format!(
        "{{agents: {{defaults: {{{defaults}}}}}, models: {{providers: {{{}}}}}}}",
        providers.join(",")
    );
    let config = config(&text);
    let fleet = Arc::new(Fleet::new(Endpoint::from_config(&config)));
    Embeddings::of(&Http::default(), &fleet, &config, "main", [])
}

fn of(servers: &[&ModelServer], defaults: &str) -> Embeddings {
    let urls: Vec<String> = servers.iter().map(|server| server.base_url()).collect();
    with(&urls, defaults).unwrap()
}

async fn embedder(models: &[&str]) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(LLAMA);
    server.models(models);
    server.means(&[&["dog", "corgi"]]);
    server
}

/// What comes of one short text.
async fn asks(embeddings: &Embeddings, private: bool) -> Result<Vec<Vec<f32>>, NoEmbeddings> {
    embeds(embeddings, &["a corgi"], private, None).await
}

async fn embeds(
    embeddings: &Embeddings,
    texts: &[&str],
    private: bool,
    limit: Option<Duration>,
) -> Result<Vec<Vec<f32>>, NoEmbeddings> {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    embeddings.embed(|_| texts.clone(), &person("s"), private, limit).await
}

fn kind(asked: &Result<Vec<Vec<f32>>, NoEmbeddings>) -> Option<ErrorKind> {
    match asked {
        Err(NoEmbeddings::Away(error) | NoEmbeddings::Refused(error)) => Some(error.kind),
        _ => None,
    }
}

fn chosen(embeddings: &Embeddings) -> Option<String> {
    let chosen = embeddings.chosen()?;
    Some(format!("{}/{}", chosen.endpoint.provider, chosen.model))
}

fn asked(server: &ModelServer) -> usize {
    server.asked("/v1/embeddings")
}

const CORGI: [f32; 2] = [1.0, 0.125];

#[tokio::test]
async fn a_near_server_with_a_model_for_it_is_found_by_itself() {
    let (chat, embeds) = (embedder(&["qwen3"]).await, embedder(&["nomic-embed-text-v1.5"]).await);
    let found = of(&[&chat, &embeds], "");
    assert_eq!(chosen(&found), None, "nothing is known yet");
    assert_eq!(asks(&found, true).await.unwrap(), [CORGI]);
    assert_eq!(chosen(&found).as_deref(), Some("p1/nomic-embed-text-v1.5"));
    assert_eq!((asked(&chat), asked(&embeds)), (0, 1));
}

#[tokio::test]
async fn without_a_model_for_it_there_is_none() {
    let chat = embedder(&["qwen3", "bge-reranker"]).await;
    let none = of(&[&chat], "");
    assert!(matches!(asks(&none, false).await, Err(NoEmbeddings::Absent)));
    assert_eq!(asked(&chat), 0);
    assert!(with(&[chat.base_url()], "memorySearch: {provider: 'None'}").is_none());
    assert!(with(&[chat.base_url()], "memorySearch: {enabled: false}").is_none());
    let unknown = of(
        &[&chat],
        "memorySearch: {provider: 'openai', model: 'text-embedding-3-small'}",
    );
    assert!(matches!(asks(&unknown, false).await, Err(NoEmbeddings::Absent)));
}

/// It would take the place of the model that the person talks to.
#[tokio::test]
async fn what_would_have_to_be_loaded_is_not_found_by_itself() {
    let server = embedder(&["qwen3", "text-embedding-nomic"]).await;
    server.kind(ServerKind::LmStudio {
        max: 4096,
        loaded: None,
    });
    let found = of(&[&server], "");
    assert!(matches!(asks(&found, false).await, Err(NoEmbeddings::Absent)));
    // Who names it wants it.
    let named = of(&[&server], "memorySearch: {provider: 'p0'}");
    assert_eq!(asks(&named, false).await.unwrap(), [CORGI]);
    assert_eq!(chosen(&named).as_deref(), Some("p0/text-embedding-nomic"));
}

/// Promise 2: nothing leaves the machine and its network that its owner has not sent there.
#[tokio::test]
async fn who_only_seems_to_be_near_is_not_found_by_itself() {
    let server = embedder(&["text-embedding-3-small"]).await;
    // It sends on what it gets.
    server.kind(ServerKind::LiteLlm { window: None });
    let found = of(&[&server], "");
    assert!(matches!(asks(&found, false).await, Err(NoEmbeddings::Absent)));
    assert_eq!(asked(&server), 0);
}

#[tokio::test]
async fn zones_hold_for_who_was_named_too() {
    let server = embedder(&["text-embedding-3-small"]).await;
    let named = "memorySearch: {provider: 'p0', model: 'text-embedding-3-small'}";
    let free = of(&[&server], named);
    assert_eq!(asks(&free, false).await.unwrap(), [CORGI]);
    server.kind(ServerKind::LiteLlm { window: None });
    for (defaults, private) in [
        (named.to_owned(), true),
        (format!("{named}, privacy: {{zones: ['machine']}}"), false),
        (
            format!("{named}, privacy: {{zones: ['lan'], onViolation: 'ask'}}"),
            false,
        ),
    ] {
        let narrow = of(&[&server], &defaults);
        assert_eq!(
            kind(&asks(&narrow, private).await),
            Some(ErrorKind::OutOfZone),
            "{defaults}"
        );
    }
    assert_eq!(asked(&server), 1);
}

/// A rule of this run, as `--private` makes one.
#[tokio::test]
async fn a_host_outside_is_not_contacted() {
    let config = config(
        "{agents: {defaults: {memorySearch: {remote: {baseUrl: 'https://embeddings.example/v1'}, model: 'm'}}}}",
    );
    let rule = ZoneRule {
        zones: BTreeSet::from([Zone::Machine]),
        from: "--private".to_owned(),
        ask: false,
    };
    let outside = Embeddings::of(&Http::default(), &Arc::default(), &config, "main", [rule]).unwrap();
    assert_eq!(kind(&asks(&outside, false).await), Some(ErrorKind::OutOfZone));
}

#[tokio::test]
async fn a_server_of_its_own_gets_its_own_key_and_no_other() {
    let (provider, own) = (embedder(&["m"]).await, embedder(&["minilm"]).await);
    own.require_key("canary-own");
    let text = format!(
        "{{agents: {{defaults: {{memorySearch: {{provider: 'p', model: 'minilm', remote: {{baseUrl: '{}/embeddings', apiKey: 'canary-own',
         headers: {{x: 'y'}}}}}}}}}}, models: {{providers: {{p: {{baseUrl: '{}', apiKey: 'canary-provider', headers: {{z: 'w'}}}}}}}}}}",
        own.base_url(),
        provider.base_url()
    );
    let loaded = load_text(&text, &Environment::default());
    let fleet = Arc::new(Fleet::new(Endpoint::from_config(&loaded.config)));
    let embeddings = Embeddings::of(&Http::default(), &fleet, &loaded.config, "main", []).unwrap();
    assert_eq!(asks(&embeddings, true).await.unwrap(), [CORGI]);
    assert_eq!(asked(&provider), 0);
    let request = own
        .requests()
        .into_iter()
        .find(|request| request.path == "/v1/embeddings")
        .unwrap();
    let sent = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!(
        (sent("authorization"), sent("x"), sent("z")),
        (Some("Bearer canary-own"), Some("y"), None)
    );
}

/// It is made anew for each request of a program, beside that of the memory's own searches.
#[tokio::test]
async fn a_server_of_its_own_is_one_server_whoever_asks() {
    let text = |url: &str| {
        config(&format!(
            "{{agents: {{defaults: {{memorySearch: {{model: 'm', remote: {{baseUrl: '{url}'}}}}}}}}}}"
        ))
    };
    let off = text(&dead_url());
    let fleet = Arc::new(Fleet::new(Endpoint::from_config(&off)));
    let of = |fleet: &Arc<Fleet>, config| Embeddings::of(&Http::default(), fleet, config, "main", []).unwrap();
    assert_eq!(kind(&asks(&of(&fleet, &off), false).await), Some(ErrorKind::Refused));
    assert_eq!(kind(&asks(&of(&fleet, &off), false).await), Some(ErrorKind::Resting));
    // A new config that says the same of it.
    let next = Arc::new(Fleet::new(Endpoint::from_config(&off)).succeeding(&fleet));
    assert_eq!(kind(&asks(&of(&next, &off), false).await), Some(ErrorKind::Resting));
    let server = embedder(&["m"]).await;
    let on = text(&server.base_url());
    assert_eq!(asks(&of(&next, &on), false).await.unwrap(), [CORGI]);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_and_the_model_stays() {
    let server = embedder(&["m"]).await;
    server.embeds_at_most(10);
    let named = of(&[&server], "memorySearch: {provider: 'p0', model: 'm'}");
    let long = embeds(&named, &["much too long for it"], false, None).await;
    assert!(matches!(long, Err(NoEmbeddings::Refused(_))), "{long:?}");
    assert!(asks(&named, false).await.is_ok());
}

/// A refusal is only the text's fault where others are taken.
#[tokio::test]
async fn a_server_that_embeds_nothing_is_away_and_no_text_is_to_blame() {
    let server = embedder(&["qwen3"]).await;
    let body = r#"{"error":{"message":"this model does not do that","type":"invalid_request_error","code":400}}"#;
    server.route("/v1/embeddings", 400, "application/json", body);
    let named = of(&[&server], "memorySearch: {provider: 'p0', model: 'qwen3'}");
    let refused = asks(&named, false).await;
    assert!(matches!(refused, Err(NoEmbeddings::Away(_))), "{refused:?}");
    // The text, and a letter.
    assert_eq!(asked(&server), 2);
}

#[tokio::test]
async fn nobody_waits_twice_for_a_server_that_is_off_or_says_nothing() {
    let off = with(&[dead_url()], "memorySearch: {provider: 'p0', model: 'm'}").unwrap();
    assert_eq!(kind(&asks(&off, false).await), Some(ErrorKind::Refused));
    assert_eq!(kind(&asks(&off, false).await), Some(ErrorKind::Resting));

    let server = embedder(&["m"]).await;
    server.fault(Fault::HangPath("/v1/embeddings"));
    let silent = of(&[&server], "memorySearch: {provider: 'p0', model: 'm'}");
    let limit = Some(Duration::from_millis(50));
    assert_eq!(
        kind(&embeds(&silent, &["a"], false, limit).await),
        Some(ErrorKind::Timeout)
    );
    assert_eq!(
        kind(&embeds(&silent, &["a"], false, limit).await),
        Some(ErrorKind::Resting)
    );
    assert_eq!(asked(&server), 1);
}

#[tokio::test]
async fn a_found_server_may_be_discovered_but_not_the_one_that_comes_along() {
    let server = embedder(&["nomic-embed-text"]).await;
    let config = config("{}");
    let at = |origin| {
        let endpoint = Endpoint::loopback("box", server.addr().port(), origin);
        let fleet = Arc::new(Fleet::new(vec![endpoint]));
        Embeddings::of(&Http::default(), &fleet, &config, "main", []).unwrap()
    };
    assert_eq!(asks(&at(EndpointOrigin::Discovered), true).await.unwrap(), [CORGI]);
    let built_in = asks(&at(EndpointOrigin::BuiltIn), false).await;
    assert!(matches!(built_in, Err(NoEmbeddings::Absent)), "{built_in:?}");
}
