//! `keepWarm`: loaded before somebody asks, touched in time, and left alone afterwards.

use std::time::Duration;

use futures_util::future::join;
use yabby_core::ModelRef;
use yabby_servers::Keeper;
use yabby_testkit::{ModelServer, ServerKind};

use super::{
    clock::{fast, in_steps},
    seconds,
};
use crate::scene::{Scene, hello};

const OLLAMA: ServerKind = ServerKind::Ollama {
    allocated: None,
    trained: 8192,
};
const LM_STUDIO: ServerKind = ServerKind::LmStudio {
    loaded: None,
    max: 8192,
};
const ROUTER: ServerKind = ServerKind::LlamaCppRouter {
    window: 8192,
    slots: 1,
    most: 1,
};

/// Time is made to pass by this much, in which a server is asked and answers.
const STEP: Duration = Duration::from_millis(250);

async fn kept(kind: ServerKind, policy: &str) -> (ModelServer, Scene, Keeper) {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    server.load_time(seconds(5));
    let scene = Scene::of(&[format!("baseUrl: '{}', keepWarm: {policy}", server.base_url())]);
    let keeper = Keeper::start(&scene.http, &scene.fleet, &[ModelRef::new("p0", "m").unwrap()]);
    (server, scene, keeper)
}

fn loads(server: &ModelServer) -> usize {
    ["/api/v1/models/load", "/models/load", "/api/generate"]
        .iter()
        .map(|path| server.asked(path))
        .sum()
}

#[tokio::test]
async fn a_model_is_loaded_once_before_somebody_asks() {
    fast(async {
        for kind in [OLLAMA, LM_STUDIO, ROUTER] {
            let (server, scene, _keeper) = kept(kind.clone(), "true").await;
            tokio::time::sleep(seconds(20)).await;
            assert_eq!((server.loaded(), loads(&server)), (vec!["m".to_owned()], 1), "{kind:?}");
            let window = scene.endpoint("p0").window("m").map(|window| window.value);
            let served = if kind == OLLAMA { 4096 } else { 8192 };
            assert_eq!(window, Some(served), "{kind:?}");
            assert_eq!(scene.turn(hello()).await.progress(), [], "{kind:?}");
            assert_eq!((server.loaded().len(), loads(&server)), (1, 1), "{kind:?}");
        }
    })
    .await;
}

/// It is loaded once, whoever comes first.
#[tokio::test]
async fn a_request_and_the_keeper_load_together() {
    fast(async {
        for kind in [OLLAMA, LM_STUDIO, ROUTER] {
            for head_start in [0, 1] {
                let server = ModelServer::start().await;
                server.kind(kind.clone());
                server.models(&["m"]);
                server.load_time(seconds(20));
                let scene = Scene::of(&[format!("baseUrl: '{}', keepWarm: true", server.base_url())]);
                scene.look("p0").await;
                let keeping = async {
                    tokio::time::sleep(seconds(head_start)).await;
                    let keeper = Keeper::start(&scene.http, &scene.fleet, &[ModelRef::new("p0", "m").unwrap()]);
                    tokio::time::sleep(seconds(60)).await;
                    drop(keeper);
                };
                let asking = async {
                    tokio::time::sleep(seconds(1 - head_start)).await;
                    scene.turn(hello()).await
                };
                let ((), seen) = join(keeping, asking).await;
                assert_eq!(seen.text(), "ok");
                assert_eq!(server.loaded(), ["m"], "{kind:?} {head_start}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn ollama_is_told_to_keep_it_for_good_and_loads_it_again_after_it_was_driven_out() {
    in_steps(STEP, async {
        let (server, _scene, _keeper) = kept(OLLAMA, "true").await;
        tokio::time::sleep(seconds(60)).await;
        assert_eq!(
            server
                .requests()
                .iter()
                .rfind(|request| request.path == "/api/generate")
                .unwrap()
                .body["keep_alive"],
            -1
        );
        server.unload("m");
        tokio::time::sleep(seconds(300)).await;
        assert_eq!(server.loaded(), ["m"]);
    })
    .await;
}

/// A request through `/v1` sets Ollama's own five minutes; a touch comes before they are over.
#[tokio::test]
async fn a_model_is_touched_before_its_time_is_over() {
    in_steps(STEP, async {
        let (server, scene, _keeper) = kept(OLLAMA, "true").await;
        tokio::time::sleep(seconds(20)).await;
        scene.turn(hello()).await;
        for _ in 0..20 {
            tokio::time::sleep(seconds(30)).await;
            assert_eq!(server.loaded(), ["m"]);
        }
        assert_eq!(server.model_calls().len(), 1, "it is touched without a call");
    })
    .await;
}

#[tokio::test]
async fn a_time_is_kept_and_no_longer() {
    in_steps(STEP, async {
        let (server, scene, _keeper) = kept(OLLAMA, "'10m'").await;
        tokio::time::sleep(seconds(60)).await;
        scene.turn(hello()).await;
        let minutes = async |from: u64, to: u64| {
            let mut there = Vec::new();
            for _ in from..to {
                tokio::time::sleep(seconds(60)).await;
                there.push(!server.loaded().is_empty());
            }
            there
        };
        // Ten minutes from the last use, whatever the server's own time is.
        assert_eq!(minutes(0, 9).await, [true; 9]);
        assert_eq!(minutes(9, 16).await[2..], [false; 5]);
        // The next use begins another ten.
        scene.turn(hello()).await;
        assert_eq!(minutes(0, 9).await, [true; 9]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_left_cold() {
    fast(async {
        for kind in [OLLAMA, LM_STUDIO, ROUTER] {
            let (server, _scene, _keeper) = kept(kind.clone(), "false").await;
            tokio::time::sleep(seconds(60)).await;
            assert_eq!((server.loaded().len(), loads(&server)), (0, 0), "{kind:?}");
        }
    })
    .await;
}
