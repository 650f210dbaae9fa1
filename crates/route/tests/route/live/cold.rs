//! Models that are not loaded: woken once, for people alone.

use futures_util::future::join;
use yabby_core::{ErrorKind, Progress};
use yabby_testkit::{ModelServer, ServerKind};

use super::{clock::fast, seconds};
use crate::scene::{Scene, hello, person, upkeep};

fn cold() -> [ServerKind; 3] {
    [
        ServerKind::LmStudio {
            loaded: None,
            max: 8192,
        },
        ServerKind::Ollama {
            allocated: None,
            trained: 8192,
        },
        ServerKind::LlamaCppRouter {
            window: 8192,
            slots: 2,
            most: 1,
        },
    ]
}

async fn playing(kind: ServerKind) -> (ModelServer, Scene) {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    server.load_time(seconds(20));
    let scene = Scene::with(&[&server]);
    scene.look("p0").await;
    (server, scene)
}

#[tokio::test]
async fn two_requests_wake_a_model_once() {
    fast(async {
        for kind in cold() {
            let (server, scene) = playing(kind.clone()).await;
            let later = async {
                tokio::time::sleep(seconds(5)).await;
                scene.turn_of(person("b"), hello()).await
            };
            let (first, second) = join(scene.turn_of(person("a"), hello()), later).await;
            assert_eq!((first.text(), second.text()), ("ok", "ok"), "{kind:?}");
            assert_eq!(server.loaded(), ["m"], "{kind:?}");
            let calls = server.model_calls();
            let between = calls[1].at - calls[0].at;
            assert!(calls.len() == 2 && between >= seconds(20), "{kind:?} {between:?}");
            let loading = Progress::Loading { usual: None };
            assert_eq!(first.progress(), [loading], "{kind:?}");
            // Ollama answers one at a time, so that the second is in the line.
            let queued = Progress::Queued {
                ahead: 0,
                expected: None,
            };
            let told = if let ServerKind::Ollama { .. } = kind {
                queued
            } else {
                loading
            };
            assert_eq!(second.progress(), [told], "{kind:?}");
            // What the second has waited is not how long loading takes.
            let usual = scene.endpoint("p0").usual_load("m").unwrap();
            assert!(usual >= seconds(20) && usual < seconds(22), "{kind:?} {usual:?}");

            // Warm, it is not waited for.
            assert_eq!(scene.turn(hello()).await.progress(), [], "{kind:?}");
        }
    })
    .await;
}

/// Nobody has asked the server since then, and it loads in less time than a silence takes.
#[tokio::test]
async fn a_model_that_was_unloaded_meanwhile_is_known_to_be_cold() {
    fast(async {
        for kind in cold() {
            let (server, scene) = playing(kind.clone()).await;
            scene.turn(hello()).await;
            let usual = scene.endpoint("p0").usual_load("m");
            tokio::time::sleep(seconds(40)).await;
            server.unload("m");
            server.load_time(seconds(3));
            let turn = |session| scene.turn_of(person(session), hello());
            let (first, second) = join(turn("a"), turn("b")).await;
            assert_eq!((first.text(), second.text()), ("ok", "ok"), "{kind:?}");
            assert_eq!(first.progress(), [Progress::Loading { usual }], "{kind:?}");
            let calls = server.model_calls();
            let between = calls[2].at - calls[1].at;
            assert!(between >= seconds(3), "{kind:?} {between:?}");
            // It is a time of loading and not of reading.
            let speed = scene.endpoint("p0").observed("m").speed;
            let load = speed.load_ms.unwrap();
            assert!(
                (3000..4000).contains(&load) && speed.prefill.is_none(),
                "{kind:?} {speed:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn background_work_wakes_no_cold_model() {
    fast(async {
        for kind in cold() {
            let (server, scene) = playing(kind.clone()).await;
            let failure = scene.turn_of(upkeep(), hello()).await.end.unwrap_err();
            let [(model, error)] = failure.errors.try_into().unwrap();
            assert_eq!(
                (model.to_string().as_str(), error.kind),
                ("p0/m", ErrorKind::NotLoaded),
                "{kind:?}"
            );
            assert_eq!(
                error.message.english(),
                format!(
                    "m is not loaded at {}, and background work does not wake it",
                    server.base_url()
                )
            );
            assert_eq!((server.loaded().len(), server.model_calls().len()), (0, 0), "{kind:?}");
            // A person has woken it: now it may be used.
            scene.turn(hello()).await;
            assert_eq!(scene.turn_of(upkeep(), hello()).await.text(), "ok", "{kind:?}");
        }
    })
    .await;
}

/// A llama.cpp sleeps by itself, and answers to any name.
#[tokio::test]
async fn background_work_wakes_no_server_that_sleeps() {
    fast(async {
        let server = ModelServer::start().await;
        server.kind(ServerKind::LlamaCpp { window: 4096, slots: 1 });
        server.models(&["model.gguf"]);
        server.load_time(seconds(20));
        server.sleep();
        let scene = Scene::with(&[&server]);
        let failure = scene.turn_of(upkeep(), hello()).await.end.unwrap_err();
        assert_eq!(failure.errors[0].1.kind, ErrorKind::NotLoaded);
        assert!(server.is_asleep() && server.model_calls().is_empty());
    })
    .await;
}

/// Each try would load it once more in vain.
#[tokio::test]
async fn background_work_does_not_try_a_model_whose_load_has_failed() {
    fast(async {
        let [.., router] = cold();
        let (server, scene) = playing(router).await;
        let list = r#"{"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "llamacpp",
            "status": {"value": "unloaded", "failed": true}}]}"#;
        server.route("/v1/models", 200, "application/json", list);
        tokio::time::sleep(seconds(40)).await;
        let failure = scene.turn_of(upkeep(), hello()).await.end.unwrap_err();
        assert_eq!(failure.errors[0].1.kind, ErrorKind::NotLoaded);
        assert_eq!((server.loaded().len(), server.model_calls().len()), (0, 0));
        // A person may try.
        assert_eq!(scene.turn(hello()).await.text(), "ok");
    })
    .await;
}
