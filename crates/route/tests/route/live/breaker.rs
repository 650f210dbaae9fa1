//! A server that is off costs one turn, and is used again when it is back.

use futures_util::{StreamExt as _, future::join};
use yabby_core::{Caller, ErrorKind, ModelEvent};
use yabby_route::{Deadlines, RouteEvent};
use yabby_servers::{BreakerState, Keeper};
use yabby_testkit::{Fault, ModelServer, dead_port, script};

use super::{clock::fast, seconds};
use crate::scene::{Scene, hello};

fn is_closed(scene: &Scene) -> bool {
    scene.endpoint("p0").breaker().state == BreakerState::Closed
}

#[tokio::test]
async fn the_next_turn_passes_over_a_server_that_was_off_and_a_later_one_uses_it() {
    fast(async {
        let address = dead_port();
        let other = ModelServer::start().await;
        let scene = Scene::chain(&[format!("http://{address}/v1"), other.base_url()]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["refused", "answered"]);
        assert!(!is_closed(&scene));

        // It is back, and not asked yet.
        let back = ModelServer::start_at(address).await;
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.tried, ["p1/m"]);
        // Two to three seconds, less those that are over.
        let expected = [1, 2, 3].map(|left| {
            format!(
                "p0/m failed (http://{address}/v1 is not asked for {left} s: nothing listens at http://{address}/v1); trying p1/m"
            )
        });
        let [notice] = seen.notices.clone().try_into().unwrap();
        assert!(expected.contains(&notice), "{notice}");
        assert_eq!((seen.outcomes(), back.accepted_connections()), (vec!["answered".to_owned()], 0));

        tokio::time::sleep(seconds(4)).await;
        let seen = scene.turn(hello()).await;
        assert_eq!((seen.tried.as_slice(), seen.notices.len()), (&["p0/m".to_owned()][..], 0));
        assert!(is_closed(&scene));
    })
    .await;
}

#[tokio::test]
async fn the_only_candidate_is_asked_whatever_the_breaker_says() {
    fast(async {
        let address = dead_port();
        let scene = Scene::chain(&[format!("http://{address}/v1")]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["refused"]);
        assert!(!is_closed(&scene));
        assert_eq!(scene.turn(hello()).await.outcomes(), ["refused"]);
        let back = ModelServer::start_at(address).await;
        assert_eq!(scene.turn(hello()).await.text(), "ok");
        assert!(is_closed(&scene));
        drop(back);
    })
    .await;
}

#[tokio::test]
async fn the_keeper_finds_out_that_a_server_is_back() {
    fast(async {
        let address = dead_port();
        let scene = Scene::chain(&[format!("http://{address}/v1")]);
        let _keeper = Keeper::start(&scene.http, &scene.fleet, &[]);
        tokio::time::sleep(seconds(1)).await;
        assert!(!is_closed(&scene), "it looks at the beginning");
        // Some looks in vain, each later than the one before.
        tokio::time::sleep(seconds(30)).await;
        let back = ModelServer::start_at(address).await;
        tokio::time::sleep(seconds(60)).await;
        assert!(is_closed(&scene));
        assert_eq!((back.asked("/v1/models"), back.model_calls().len()), (1, 0));
    })
    .await;
}

/// The server that hangs on every path is found out once.
#[tokio::test]
async fn a_server_that_hangs_costs_one_turn() {
    fast(async {
        let (hung, other) = (ModelServer::start().await, ModelServer::start().await);
        hung.fault(Fault::AcceptAndHang);
        let scene = Scene::with(&[&hung, &other]);
        let begun = tokio::time::Instant::now();
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["hung", "answered"]);
        let took = begun.elapsed();
        assert!(took >= seconds(9) && took < seconds(12), "{took:?}");
        let begun = tokio::time::Instant::now();
        assert_eq!(scene.turn(hello()).await.tried, ["p1/m"]);
        assert!(begun.elapsed() < seconds(1), "{:?}", begun.elapsed());
    })
    .await;
}

/// A list that takes its time is no broken server.
#[tokio::test]
async fn a_short_look_does_not_open_the_breaker() {
    fast(async {
        let (slow, other) = (ModelServer::start().await, ModelServer::start().await);
        slow.fault(Fault::HangPath("/v1/models"));
        let scene = Scene::with(&[&slow, &other]);
        scene.fleet.refresh(&scene.http, seconds(0)).await;
        let error = scene.endpoint("p0").known().unwrap().error.as_ref().unwrap().kind;
        assert_eq!((error, is_closed(&scene)), (ErrorKind::Hung, true));
        assert_eq!(scene.turn(hello()).await.tried, ["p0/m"]);
        // Four seconds without any sign are enough.
        scene.look("p0").await;
        assert!(!is_closed(&scene));
    })
    .await;
}

/// What is asked beside a request holds up nobody, also when its answer is not read any further.
#[tokio::test]
async fn a_look_is_shared_and_stands_still_for_nobody() {
    fast(async {
        let server = ModelServer::start().await;
        server.chat(script![text("Be"), hang()]);
        server.fault_once(Fault::HangPath("/v1/models"));
        let scene = Scene::with(&[&server]);
        let mut unread = scene.events(Caller::default(), hello(), Deadlines::of);
        while !matches!(unread.next().await, Some(RouteEvent::Model(ModelEvent::Text(_)))) {}
        server
            .wait_for(|log| log.iter().any(|request| request.path == "/v1/models"))
            .await;
        // The question that hangs is driven by those who come now, and then they ask themselves.
        let (first, second) = join(scene.look("p0"), scene.look("p0")).await;
        assert!(first.error.is_none() && second.error.is_none(), "{first:?} {second:?}");
        assert_eq!(server.asked("/v1/models"), 2);
        drop(unread);
    })
    .await;
}
