//! Several keys: the next one at once, rest for the one that failed, and the next candidate when all rest.

use std::time::Duration;

use yabby_core::ErrorKind;
use yabby_testkit::{Documented, ModelServer, ServerKind};

use super::{SERVICES, keys_of, provider, service};
use crate::{
    live::clock::fast,
    scene::{Scene, hello},
};

const MINUTE: Duration = Duration::from_mins(1);

fn plain(server: &ModelServer) -> String {
    format!("baseUrl: '{}'", server.base_url())
}

/// One turn each for a key that is refused, that may not, that has no credit, and that is limited. The next turn begins
/// with the key that worked.
#[tokio::test]
async fn the_next_key_answers_in_the_same_turn() {
    for what in [
        Documented::BadKey,
        Documented::Forbidden,
        Documented::NoCredit,
        Documented::Limited { retry_after: None },
    ] {
        for (kind, api) in SERVICES {
            let server = service(kind.clone()).await;
            server.key_fails("one", what.clone());
            server.accept_key("two");
            let scene = Scene::of(&[provider(&server, api, &["one", "two"])]);
            for expected in [&["one", "two"][..], &["one", "two", "two"]] {
                let seen = scene.turn(hello()).await;
                assert_eq!(seen.text(), "ok", "{kind:?} {what:?}");
                assert_eq!(keys_of(&server), expected, "{kind:?} {what:?}");
            }
        }
    }
}

/// All keys rest: they are not asked, and the next candidate answers at once.
#[tokio::test]
async fn when_all_keys_rest_the_next_candidate_answers_at_once() {
    for (kind, api) in SERVICES {
        let server = service(kind.clone()).await;
        server.key_limited("one", None, MINUTE, true);
        server.key_fails("two", Documented::BadKey);
        let other = service(ServerKind::Plain).await;
        let scene = Scene::of(&[provider(&server, api, &["one", "two"]), plain(&other)]);
        for _ in 0..2 {
            assert_eq!(scene.turn(hello()).await.text(), "ok");
        }
        assert_eq!(
            keys_of(&server),
            ["one", "two"],
            "{kind:?}: asked in the first turn only"
        );
        assert_eq!(other.model_calls().len(), 2);
        let rest = scene.endpoint("p0").keys_at_rest("m").unwrap();
        assert_eq!(rest.kind, ErrorKind::RateLimit);
        assert!(
            rest.message
                .english()
                .starts_with("all 2 keys of p0 rest, the first for "),
            "{rest}"
        );
    }
}

/// With nobody else to ask, the time that the server tells is waited for.
#[tokio::test]
async fn retry_after_is_honoured() {
    fast(async {
        for (kind, api) in SERVICES {
            let server = service(kind.clone()).await;
            server.key_limited("one", None, Duration::from_secs(8), true);
            server.key_limited("two", None, Duration::from_secs(20), true);
            let scene = Scene::of(&[provider(&server, api, &["one", "two"])]);
            let begun = tokio::time::Instant::now();
            assert_eq!(scene.turn(hello()).await.text(), "ok", "{kind:?}");
            let took = begun.elapsed();
            assert!(
                took >= Duration::from_secs(8) && took < Duration::from_secs(12),
                "{kind:?}: {took:?}"
            );
        }
    })
    .await;
}

/// A limit of one model leaves the key to the others.
#[tokio::test]
async fn a_limit_is_for_one_model() {
    let server = service(ServerKind::Anthropic).await;
    server.key_limited("one", Some("m"), MINUTE, true);
    server.accept_key("two");
    let scene = Scene::of(&[provider(&server, "anthropic-messages", &["one", "two"])]);
    assert_eq!(scene.turn(hello()).await.text(), "ok");
    let endpoint = scene.endpoint("p0");
    assert_eq!((endpoint.key_rests("m"), endpoint.key_rests("n")), (None, None));
    let rests: Vec<Option<String>> = endpoint.keys()[0].rests.iter().map(|rest| rest.model.clone()).collect();
    assert_eq!(rests, [Some("m".to_owned())]);
    // The server is well: no key's trouble is its own.
    assert_eq!(endpoint.breaker().last_error, None);
}

/// Overload is the server's: no other key is tried, and none rests.
#[tokio::test]
async fn overload_is_no_keys_fault() {
    for (kind, api) in SERVICES {
        let server = service(kind.clone()).await;
        server.key_fails("one", Documented::Overloaded);
        server.accept_key("two");
        let other = service(ServerKind::Plain).await;
        let scene = Scene::of(&[provider(&server, api, &["one", "two"]), plain(&other)]);
        assert_eq!(scene.turn(hello()).await.text(), "ok");
        assert_eq!(keys_of(&server), ["one"], "{kind:?}");
        assert_eq!(scene.endpoint("p0").key_rests("m"), None);
    }
}
