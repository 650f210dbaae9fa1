use yabby_config::{Environment, load_text};
use yabby_core::{Message, ModelRequest};
use yabby_testkit::{Canary, ModelServer};

use super::*;
use crate::Http;

fn hello() -> ModelRequest {
    ModelRequest {
        messages: vec![Message::user("Hello?")],
        ..ModelRequest::default()
    }
}

/// A provider with these fields.
fn endpoint(url: &str, fields: &str, vars: &[(&str, &str)]) -> Endpoint {
    let text = format!("{{models: {{providers: {{openai: {{baseUrl: '{url}', {fields}}}}}}}}}");
    let loaded = load_text(&text, &Environment::from_vars(vars.iter().copied()));
    Endpoint::from_provider(loaded.config.provider("openai").unwrap()).unwrap()
}

/// One request to its end; the error if it failed.
async fn ask(endpoint: &Endpoint, model: &str) -> Option<ModelError> {
    match endpoint.ask(&Http::default(), Dialect::Chat, model, &hello()).await {
        Err(error) => Some(error),
        Ok(mut stream) => loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(error),
                None => return None,
            }
        },
    }
}

/// Why, and for which model.
type Rests = Vec<(ErrorKind, Option<String>)>;

fn rests(endpoint: &Endpoint) -> Vec<(String, Rests)> {
    let rests = |key: KeyStatus| {
        let rests = key.rests.into_iter().map(|rest| (rest.why, rest.model));
        (key.place, rests.collect())
    };
    endpoint.keys().into_iter().map(rests).collect()
}

fn sent_keys(server: &ModelServer) -> Vec<String> {
    let calls = server.model_calls();
    let keys = calls.iter().filter_map(|call| call.header("authorization"));
    keys.map(|key| key.trim_start_matches("Bearer ").to_owned()).collect()
}

#[tokio::test]
async fn a_key_that_is_refused_gives_way_to_the_next() {
    let server = ModelServer::start().await;
    server.require_key("good-key");
    let endpoint = endpoint(&server.base_url(), "apiKey: 'bad-key', apiKeys: ['good-key']", &[]);
    let error = ask(&endpoint, "m").await.unwrap();
    assert_eq!((error.kind, error.details.credential), (ErrorKind::Auth, Some(0)));
    assert_eq!(
        error.hint.as_ref().unwrap().english(),
        "check models.providers.openai.apiKey in the config: the server refused it"
    );
    assert!(endpoint.another_key("m", &error));
    assert_eq!(endpoint.key_rests("m"), None);
    // A clone knows it too.
    assert!(ask(&endpoint.clone(), "m").await.is_none());
    assert_eq!(sent_keys(&server), ["bad-key", "good-key"]);
    let expected = [
        (
            "models.providers.openai.apiKey".to_owned(),
            vec![(ErrorKind::Auth, None)],
        ),
        ("models.providers.openai.apiKeys[0]".to_owned(), vec![]),
    ];
    assert_eq!(rests(&endpoint), expected);
}

#[tokio::test]
async fn an_error_inside_the_answer_is_the_keys_too() {
    let server = ModelServer::start().await;
    let limited = serde_json::json!({"message": "Rate limit reached", "code": "rate_limit_exceeded"});
    server.chat(yabby_testkit::script![error_event(limited)]);
    let endpoint = endpoint(&server.base_url(), "", &[("OPENAI_API_KEYS", "one-key,two-key")]);
    let error = ask(&endpoint, "m").await.unwrap();
    assert_eq!(error.kind, ErrorKind::RateLimit);
    assert!(endpoint.another_key("m", &error));
    let limited = (ErrorKind::RateLimit, Some("m".to_owned()));
    let expected = [
        ("OPENAI_API_KEYS[0]".to_owned(), vec![limited]),
        ("OPENAI_API_KEYS[1]".to_owned(), vec![]),
    ];
    assert_eq!(rests(&endpoint), expected);
}

#[tokio::test]
async fn when_all_keys_rest_the_error_says_why_and_for_how_long() {
    let server = ModelServer::start().await;
    server.fault(yabby_testkit::Fault::RateLimit {
        retry_after: Some(Duration::from_secs(20)),
    });
    let vars = [("OPENAI_API_KEY", "one-key"), ("OPENAI_API_KEY_2", "two-key")];
    let endpoint = endpoint(&server.base_url(), "", &vars);
    assert!(endpoint.keys_at_rest("m").is_none());
    for more in [true, false] {
        let error = ask(&endpoint, "m").await.unwrap();
        assert_eq!(endpoint.another_key("m", &error), more);
    }
    let error = endpoint.keys_at_rest("m").unwrap();
    assert_eq!(
        (error.kind, error.message.english(), error.hint.unwrap().english()),
        (
            ErrorKind::RateLimit,
            "all 2 keys of openai rest, the first for 20 s: limit reached".to_owned(),
            "ask again in 20 s, or name fallbacks in agents.defaults.model".to_owned(),
        )
    );
    let left = error.details.numbers.retry_after.unwrap();
    assert!(
        left > Duration::from_secs(19) && left >= endpoint.key_rests("m").unwrap(),
        "{left:?}"
    );
    assert!(endpoint.keys_at_rest("other").is_none());
    // The limit is the key's, not the endpoint's.
    assert_eq!(endpoint.breaker().last_error, None);
}

#[tokio::test]
async fn what_is_no_fault_of_the_key_asks_for_no_other() {
    let server = ModelServer::start().await;
    let endpoint = endpoint(&server.base_url(), "apiKeys: ['one-key', 'two-key']", &[]);
    for fault in [yabby_testkit::Fault::Overloaded, yabby_testkit::Fault::Reset] {
        server.fault_once(fault);
        let error = ask(&endpoint, "m").await.unwrap();
        assert!(!endpoint.another_key("m", &error), "{error:?}");
    }
    assert_eq!(endpoint.key_rests("m"), None);
}

#[tokio::test]
async fn no_key_is_in_an_error() {
    let canary = Canary::new();
    let one = canary.expose().to_owned();
    let longer = format!("{one}-longer");
    let server = ModelServer::start().await;
    let body = format!("{{\"error\": {{\"message\": \"bad keys {one}, {longer}\", \"code\": \"invalid_api_key\"}}}}");
    server.fault(yabby_testkit::Fault::Status(401, body));
    let fields = format!("apiKeys: ['{one}', '{longer}']");
    let endpoint = endpoint(&server.base_url(), &fields, &[]);
    let error = ask(&endpoint, "m").await.unwrap();
    let out = format!(
        "{error:?} {endpoint:?} {:?} {:?}",
        endpoint.keys(),
        endpoint.keys_at_rest("m")
    );
    canary.assert_absent(&out);
    assert!(error.message.english().ends_with("bad keys ***, ***"), "{error}");
}

#[tokio::test]
async fn each_key_can_be_shown_to_the_server() {
    let server = ModelServer::start().await;
    server.require_key("good-key");
    let endpoint = endpoint(&server.base_url(), "apiKeys: ['bad-key', 'good-key', 'worse-key']", &[]);
    let keys = endpoint.check_keys(&Http::default(), Duration::from_secs(5)).await;
    let refused: Vec<bool> = keys.iter().map(|key| !key.rests.is_empty()).collect();
    assert_eq!(refused, [true, false, true]);
    assert!(ask(&endpoint, "m").await.is_none());
    assert_eq!(sent_keys(&server), ["good-key"]);
}

#[tokio::test(start_paused = true)]
async fn the_time_to_wait_is_that_of_the_first_key_to_be_usable() {
    let server = ModelServer::start().await;
    server.key_limited("one-key", None, Duration::from_secs(8), true);
    server.key_limited("two-key", None, Duration::from_secs(20), true);
    let endpoint = endpoint(&server.base_url(), "apiKeys: ['one-key', 'two-key']", &[]);
    let told = async || ask(&endpoint, "m").await.unwrap().details.numbers.retry_after;
    assert_eq!(
        (told().await, told().await),
        (Some(Duration::from_secs(8)), Some(Duration::from_secs(8)))
    );
    tokio::time::advance(Duration::from_secs(8)).await;
    assert!(ask(&endpoint, "m").await.is_none());
}
