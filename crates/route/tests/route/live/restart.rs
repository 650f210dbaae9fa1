//! Servers that come back as something else, and models with several windows.

use yabby_core::FactSource;
use yabby_testkit::{Dialect, Fault, ModelServer, ServerKind};
use yabby_wire::Step;

use super::{clock::fast, seconds};
use crate::scene::{Scene, hello};

async fn llama(window: u64) -> ModelServer {
    let server = ModelServer::start().await;
    server.kind(ServerKind::LlamaCpp { window, slots: 1 });
    server.models(&["m"]);
    server
}

fn window(scene: &Scene) -> u32 {
    scene.endpoint("p0").window("m").unwrap().value
}

#[tokio::test]
async fn the_error_of_a_server_with_a_smaller_window_tells_it() {
    fast(async {
        let (server, other) = (llama(8192).await, llama(8192).await);
        let scene = Scene::with(&[&server, &other]);
        scene.look("p0").await;
        assert_eq!(scene.turn(hello()).await.text(), "ok");
        assert_eq!(window(&scene), 8192);
        server.kind(ServerKind::LlamaCpp { window: 2048, slots: 1 });
        server.fault_once(Fault::Overflow {
            dialect: Dialect::LlamaCpp,
            prompt: 5000,
            window: 0,
        });
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.outcomes(), ["context_overflow", "answered"]);
        assert_eq!(window(&scene), 2048);
        // The session goes on there, and the server confirms it.
        assert_eq!(scene.turn(hello()).await.tried, ["p0/m"]);
        scene.look("p0").await;
        let known = scene.endpoint("p0").window("m").unwrap();
        assert_eq!((known.value, known.source), (2048, FactSource::Probe));
    })
    .await;
}

#[tokio::test]
async fn a_server_in_use_is_asked_again_beside_a_request() {
    fast(async {
        let server = llama(8192).await;
        server.default_reply(yabby_testkit::script![sleep_ms(500), text("ok")]);
        let scene = Scene::with(&[&server]);
        scene.look("p0").await;
        server.kind(ServerKind::LlamaCpp { window: 2048, slots: 2 });
        scene.turn(hello()).await;
        assert_eq!((window(&scene), scene.endpoint("p0").slots("m")), (8192, 1));
        tokio::time::sleep(seconds(31)).await;
        let asked = server.asked("/v1/models");
        scene.turn(hello()).await;
        assert_eq!((window(&scene), scene.endpoint("p0").slots("m")), (2048, 2));
        assert_eq!(server.asked("/v1/models"), asked + 1);
    })
    .await;
}

#[tokio::test]
async fn another_version_may_have_what_the_old_one_had_not() {
    fast(async {
        let server = llama(8192).await;
        let scene = Scene::with(&[&server]);
        let endpoint = scene.endpoint("p0");
        scene.look("p0").await;
        endpoint.learn("m", Step::FoldSystem);
        endpoint.saw_window("m", 1024);
        endpoint.saw_load("m", seconds(9));
        scene.look("p0").await;
        assert_eq!(endpoint.usual_load("m"), Some(seconds(9)));
        server.route(
            "/props",
            200,
            "application/json",
            r#"{"build_info": "b12000", "total_slots": 1}"#,
        );
        scene.look("p0").await;
        assert_eq!(endpoint.usual_load("m"), None);
        assert!(endpoint.learned("m").is_empty());
        assert_eq!(window(&scene), 8192);
    })
    .await;
}

#[tokio::test]
async fn each_instance_has_its_own_window() {
    fast(async {
        let server = ModelServer::start().await;
        server.kind(ServerKind::LmStudio {
            loaded: None,
            max: 32_768,
        });
        server.models(&["m"]);
        assert_eq!([server.load("m", 32_768), server.load("m", 4096)], ["m", "m:2"]);
        let scene = Scene::with(&[&server]);
        scene.look("p0").await;
        let endpoint = scene.endpoint("p0");
        let window = |model: &str| endpoint.window(model).map(|window| window.value);
        assert_eq!([window("m"), window("m:2")], [Some(32_768), Some(4096)]);
        // What the second one refuses says nothing of the first.
        endpoint.saw_window("m:2", 2048);
        assert_eq!([window("m"), window("m:2")], [Some(32_768), Some(2048)]);
        server.unload("m:2");
        scene.look("p0").await;
        assert_eq!(window("m"), Some(32_768));
    })
    .await;
}
