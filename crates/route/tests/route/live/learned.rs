//! What was learned is there again after a restart of Yabby.

use yabby_core::FactSource;
use yabby_servers::Notebook;
use yabby_testkit::{Dialect, Fault, ModelServer, ServerKind, script};

use super::clock::fast;
use crate::scene::{Scene, hello};

#[tokio::test]
async fn what_requests_have_taught_outlives_the_process_and_not_the_servers_version() {
    fast(async {
        let (server, other) = (ModelServer::start().await, ModelServer::start().await);
        // Its list says no window, and whoever asks is told what it is.
        server.kind(ServerKind::LiteLlm { window: None });
        server.models(&["m"]);
        let folder = tempfile::tempdir().unwrap();
        let notebook = Notebook::of(folder.path());
        let urls = [server.base_url(), other.base_url()];
        {
            let scene = Scene::chain(&urls);
            notebook.recall(&scene.fleet);
            scene.look("p0").await;
            server.chat(script![sleep_ms(4000), text("Yes."), usage(400, 1)]);
            scene.turn(hello()).await;
            server.fault_once(Fault::Overflow {
                dialect: Dialect::LiteLlm,
                prompt: 9000,
                window: 4096,
            });
            assert_eq!(scene.turn(hello()).await.outcomes(), ["context_overflow", "answered"]);
            notebook.keep(&scene.fleet).unwrap();
        }
        let scene = Scene::chain(&urls);
        notebook.recall(&scene.fleet);
        let endpoint = scene.endpoint("p0");
        let window = || endpoint.window("m").map(|window| (window.value, window.source));
        assert_eq!(window(), Some((4096, FactSource::Learned)));
        let speed = endpoint.observed("m").speed.prefill.unwrap();
        assert!((95.0..101.0).contains(&speed), "{speed}");
        scene.look("p0").await;
        assert_eq!(window(), Some((4096, FactSource::Learned)), "it is the same server");

        server.kind(ServerKind::Vllm { max_model_len: 16_384 });
        scene.look("p0").await;
        assert_eq!(window(), Some((16_384, FactSource::Probe)));
        assert_eq!(endpoint.observed("m"), yabby_servers::Observed::default());
        notebook.keep(&scene.fleet).unwrap();
        let again = Scene::chain(&urls);
        notebook.recall(&again.fleet);
        assert_eq!(again.endpoint("p0").window("m"), None);
    })
    .await;
}
