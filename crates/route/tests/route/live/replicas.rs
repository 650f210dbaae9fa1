//! Several addresses of one provider: sessions stay where their prompts are known, and move when they must.

use futures_util::future::join;
use yabby_servers::BreakerState;
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use super::{clock::fast, seconds};
use crate::scene::{Scene, Seen, hello, person};

/// Two replicas with one slot each, and for each a session that begins there.
struct Two {
    servers: [ModelServer; 2],
    scene: Scene,
    sessions: [String; 2],
}

impl Two {
    async fn new() -> Self {
        let servers = [ModelServer::start().await, ModelServer::start().await];
        for server in &servers {
            server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
            server.models(&["m"]);
        }
        let urls = servers.each_ref().map(ModelServer::base_url);
        let scene = Scene::of(&[format!("baseUrls: ['{}', '{}']", urls[0], urls[1])]);
        scene.fleet.refresh(&scene.http, seconds(0)).await;
        let sessions = urls.map(|url| {
            let mut names = (0..1000).map(|number| format!("session {number}"));
            let begins_there = |name: &String| {
                let order = scene.endpoint("p0").in_order_for("m", &person(name));
                order[0].base_url == url
            };
            names.find(begins_there).unwrap()
        });
        Self {
            servers,
            scene,
            sessions,
        }
    }

    async fn turn(&self, session: usize) -> Seen {
        self.scene.turn_of(person(&self.sessions[session]), hello()).await
    }

    fn calls(&self) -> [usize; 2] {
        self.servers.each_ref().map(|server| server.model_calls().len())
    }
}

#[tokio::test]
async fn a_session_stays_with_its_replica() {
    fast(async {
        let two = Two::new().await;
        for _ in 0..3 {
            assert_eq!(two.turn(0).await.text(), "ok");
        }
        assert_eq!(two.calls(), [3, 0]);
        two.turn(1).await;
        two.turn(1).await;
        assert_eq!(two.calls(), [3, 2]);
    })
    .await;
}

#[tokio::test]
async fn one_without_a_free_slot_is_helped_out() {
    fast(async {
        let two = Two::new().await;
        two.turn(0).await;
        two.servers[0].chat(script![sleep_ms(30_000), text("Long.")]);
        let second = async {
            tokio::time::sleep(seconds(1)).await;
            two.turn(0).await
        };
        let (first, second) = join(two.turn(0), second).await;
        assert_eq!((first.text(), second.text()), ("Long.", "ok"));
        assert_eq!((two.calls(), second.progress()), ([2, 1], vec![]));
        assert_eq!(two.servers.each_ref().map(ModelServer::busy_peak), [1, 1]);
    })
    .await;
}

#[tokio::test]
async fn the_sessions_of_a_dead_replica_move_and_stay() {
    fast(async {
        let two = Two::new().await;
        two.turn(0).await;
        let Two {
            servers: [first, second],
            scene,
            sessions,
        } = two;
        let turn = || scene.turn_of(person(&sessions[0]), hello());
        let address = first.stop().await;
        let seen = turn().await;
        assert_eq!(seen.outcomes(), ["refused", "answered"]);
        let expected = format!(
            "p0/m failed (nothing listens at http://{address}/v1); trying it at {}",
            second.base_url()
        );
        assert_eq!(
            (seen.tried.as_slice(), seen.notices),
            (&["p0/m", "p0/m"].map(String::from)[..], vec![expected])
        );
        assert_eq!(turn().await.outcomes(), ["answered"]);

        // It is back, and somebody else has found that out. The session's prompt is in the other's cache by now.
        let back = ModelServer::start_at(address).await;
        tokio::time::sleep(seconds(60)).await;
        scene.look("p0").await;
        assert_eq!(scene.endpoint("p0").breaker().state, BreakerState::Closed);
        assert_eq!(turn().await.text(), "ok");
        assert_eq!((back.model_calls().len(), second.model_calls().len()), (0, 3));
    })
    .await;
}

#[tokio::test]
async fn nothing_that_was_seen_is_said_again() {
    fast(async {
        let two = Two::new().await;
        two.servers[0].chat(script![text("Half an ans"), rst()]);
        let seen = two.turn(0).await;
        assert_eq!((seen.shown().as_str(), seen.text()), ("Half an ansok", "Half an ansok"));
        assert_eq!(two.calls(), [1, 1]);

        // Before anything was seen, the other one answers.
        two.servers[0].fault(Fault::Reset);
        let seen = two.turn(0).await;
        assert_eq!((seen.shown().as_str(), seen.text()), ("ok", "ok"));
    })
    .await;
}
