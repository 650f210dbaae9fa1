//! Whoever leaves frees the server, whatever it was doing.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::BoxStream};
use yabby_core::{ModelEvent, Progress};
use yabby_route::{Deadlines, RouteEvent};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use super::{LOADING, clock::fast, seconds};
use crate::scene::{Scene, hello, person};

const SOON: Duration = Duration::from_secs(1);

async fn playing(kind: ServerKind) -> (ModelServer, Scene) {
    let server = ModelServer::start().await;
    server.kind(kind);
    server.models(&["m"]);
    let scene = Scene::with(&[&server]);
    scene.look("p0").await;
    (server, scene)
}

async fn llama() -> (ModelServer, Scene) {
    playing(ServerKind::LlamaCpp { window: 4096, slots: 1 }).await
}

/// A request that has come to the event that is wanted.
async fn until(scene: &Scene, wanted: impl Fn(&ModelEvent) -> bool) -> BoxStream<'static, RouteEvent> {
    let mut events = scene.events(person("a"), hello(), Deadlines::of);
    while let Some(event) = events.next().await {
        if matches!(&event, RouteEvent::Model(event) if wanted(event)) {
            break;
        }
    }
    events
}

/// Leaves, and looks at what is left.
async fn leave(server: &ModelServer, scene: &Scene, events: BoxStream<'static, RouteEvent>) {
    drop(events);
    assert_eq!(scene.in_queue("p0"), (0, 0));
    assert!(server.wait_closed(SOON).await, "{} are open", server.open_connections());
    assert_eq!(server.busy(), 0);
    // Somebody else has the slot at once.
    server.clear_faults();
    let seen = scene.turn(hello()).await;
    assert_eq!((seen.text(), seen.progress()), ("ok", vec![]));
}

#[tokio::test]
async fn in_the_line() {
    fast(async {
        let (server, scene) = llama().await;
        server.chat(script![headers(), text("Be"), hang()]);
        let first = until(&scene, |event| matches!(event, ModelEvent::Text(_))).await;
        let second = until(&scene, |event| {
            matches!(event, ModelEvent::Progress(Progress::Queued { .. }))
        })
        .await;
        assert_eq!(scene.in_queue("p0"), (1, 1));
        drop(second);
        assert_eq!((scene.in_queue("p0"), server.model_calls().len()), ((0, 1), 1));
        leave(&server, &scene, first).await;
    })
    .await;
}

#[tokio::test]
async fn while_a_server_refuses_because_it_loads() {
    fast(async {
        let (server, scene) = llama().await;
        server.fault(Fault::Status(503, LOADING.to_owned()));
        let events = until(&scene, |event| {
            matches!(event, ModelEvent::Progress(Progress::Loading { .. }))
        })
        .await;
        leave(&server, &scene, events).await;
    })
    .await;
}

/// Two wait for a cold model: the one that wakes it leaves, then the other.
#[tokio::test]
async fn while_a_model_is_woken() {
    fast(async {
        let (server, scene) = playing(ServerKind::LmStudio {
            loaded: None,
            max: 8192,
        })
        .await;
        server.load_time(seconds(1000));
        let loading = |event: &ModelEvent| matches!(event, ModelEvent::Progress(Progress::Loading { .. }));
        let mut first = until(&scene, loading).await;
        let mut second = until(&scene, loading).await;
        let wait = async {
            tokio::select! {
                // The first gets to the gate before the second.
                biased;
                _ = first.next() => {}
                _ = second.next() => {}
                () = tokio::time::sleep(seconds(3)) => {}
            }
        };
        wait.await;
        assert_eq!((scene.in_queue("p0"), server.model_calls().len()), ((0, 2), 1));
        drop(first);
        let asks = async {
            while server.model_calls().len() < 2 {
                tokio::time::sleep(seconds(1)).await;
            }
        };
        tokio::select! {
            () = async { while second.next().await.is_some() {} } => {}
            () = asks => {}
            () = tokio::time::sleep(seconds(60)) => {}
        }
        assert_eq!(
            (scene.in_queue("p0"), server.model_calls().len()),
            ((0, 1), 2),
            "the other one wakes it"
        );
        drop(second);
        assert_eq!(scene.in_queue("p0"), (0, 0));
        assert!(server.wait_closed(SOON).await);
    })
    .await;
}

#[tokio::test]
async fn while_it_reads_the_prompt_in_silence() {
    fast(async {
        let (server, scene) = llama().await;
        for script in [script![hang()], script![headers(), hang()]] {
            server.chat(script);
            let events = until(&scene, |event| {
                matches!(event, ModelEvent::Progress(Progress::Working { .. }))
            })
            .await;
            leave(&server, &scene, events).await;
        }
        // Also while the question beside hangs.
        server.chat(script![hang()]);
        server.fault(Fault::HangPath("/v1/models"));
        let mut events = scene.events(person("a"), hello(), Deadlines::of);
        let silence = async { while events.next().await.is_some() {} };
        let _ = tokio::time::timeout(seconds(6), silence).await;
        assert_eq!(server.open_connections(), 2);
        leave(&server, &scene, events).await;
    })
    .await;
}

#[tokio::test]
async fn while_it_answers() {
    fast(async {
        let (server, scene) = llama().await;
        server.chat(script![endless("and ")]);
        let events = until(&scene, |event| matches!(event, ModelEvent::Text(_))).await;
        leave(&server, &scene, events).await;
    })
    .await;
}
