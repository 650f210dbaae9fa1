//! Loading is no failure: it is waited for, told, and timed.

use yabby_core::Progress;
use yabby_servers::{BreakerState, BreakerStatus};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use super::{LOADING, clock::fast, seconds};
use crate::scene::{Scene, hello};

const UNTOUCHED: BreakerStatus = BreakerStatus {
    state: BreakerState::Closed,
    since: None,
    last_error: None,
};

#[tokio::test]
async fn a_silent_call_of_a_server_that_loads_is_waited_for() {
    fast(async {
        let server = ModelServer::start().await;
        let other = ModelServer::start().await;
        server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
        for path in ["/v1/models", "/props", "/health", "/slots"] {
            server.route(path, 503, "application/json", LOADING);
        }
        let scene = Scene::with(&[&server, &other]);
        server.chat(script![sleep_ms(120_000), text("Ready.")]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.text(), "Ready.");
        assert_eq!(seen.progress(), [Progress::Loading { usual: None }]);
        assert_eq!(seen.tried, ["p0/m"]);
        // A llama.cpp answers with the model that it has, whichever was asked for.
        let told = ["p0/m was asked, and its server says that test-model answered"];
        assert_eq!(seen.notices, told);
        assert_eq!((server.model_calls().len(), other.accepted_connections()), (1, 0));
        assert_eq!(scene.endpoint("p0").breaker(), UNTOUCHED);

        // The next time it is known how long that takes.
        let usual = scene.endpoint("p0").usual_load("m").unwrap();
        assert!(usual >= seconds(120) && usual < seconds(122), "{usual:?}");
        server.chat(script![sleep_ms(20_000), text("Again.")]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.text(), "Again.");
        assert_eq!(seen.progress(), [Progress::Loading { usual: Some(usual) }]);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_refused_while_the_model_loads_is_made_again() {
    fast(async {
        let server = ModelServer::start().await;
        let other = ModelServer::start().await;
        let scene = Scene::with(&[&server, &other]);
        server.fault_times(5, Fault::Status(503, LOADING.to_owned()));
        let seen = scene.turn(hello()).await;
        assert_eq!((seen.text(), seen.outcomes()), ("ok", vec!["answered".to_owned()]));
        assert_eq!(seen.progress(), [Progress::Loading { usual: None }]);
        assert_eq!((server.model_calls().len(), other.accepted_connections()), (6, 0));
        assert_eq!(scene.endpoint("p0").breaker(), UNTOUCHED);
        // Five pauses of half a second.
        let usual = scene.endpoint("p0").usual_load("m").unwrap();
        assert!(usual >= seconds(2) && usual < seconds(4), "{usual:?}");

        server.fault_once(Fault::Status(503, LOADING.to_owned()));
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.progress(), [Progress::Loading { usual: Some(usual) }]);
    })
    .await;
}

/// Everything is refused, side channels too, and for longer than anybody waits.
#[tokio::test]
async fn a_server_that_loads_for_ever_is_left_and_not_taken_for_broken() {
    fast(async {
        let server = ModelServer::start().await;
        let other = ModelServer::start().await;
        server.fault(Fault::LoadingFor(usize::MAX));
        let scene = Scene::with(&[&server, &other]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["loading", "answered"]);
        assert_eq!(seen.tried, ["p0/m", "p1/m"]);
        assert_eq!(scene.endpoint("p0").breaker(), UNTOUCHED);
    })
    .await;
}
