//! Prompts that are too long: what is learned, and who answers.

use yabby_core::{Fact, FactSource};
use yabby_servers::Endpoint;
use yabby_testkit::{Dialect, Fault, ModelServer, ServerKind};

use super::clock::fast;
use crate::scene::{Scene, hello, saying};

fn window(endpoint: &Endpoint) -> Option<(u32, FactSource)> {
    let known: Option<Fact<u32>> = endpoint.window("m");
    known.map(|window| (window.value, window.source))
}

#[tokio::test]
async fn the_window_is_learned_where_the_error_names_it_and_a_larger_one_answers() {
    fast(async {
        for dialect in Dialect::ALL {
            let (small, large) = (ModelServer::start().await, ModelServer::start().await);
            small.fault(Fault::Overflow {
                dialect,
                prompt: 9000,
                window: 4096,
            });
            let scene = Scene::with(&[&small, &large]);
            let seen = scene.turn(hello()).await;
            assert_eq!(seen.outcomes(), ["context_overflow", "answered"], "{dialect:?}");
            assert_eq!(
                (small.model_calls().len(), large.model_calls().len()),
                (1, 1),
                "{dialect:?}"
            );
            let named = !matches!(dialect, Dialect::Ollama | Dialect::OpenAi | Dialect::NoNumbers);
            let expected = named.then_some((4096, FactSource::Learned));
            assert_eq!(window(scene.endpoint("p0")), expected, "{dialect:?}");
            assert_eq!(window(scene.endpoint("p1")), None, "{dialect:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn each_candidate_is_asked_once_when_all_are_too_small() {
    fast(async {
        let (first, second) = (ModelServer::start().await, ModelServer::start().await);
        for (server, dialect) in [(&first, Dialect::LlamaCpp), (&second, Dialect::NoNumbers)] {
            server.fault(Fault::Overflow {
                dialect,
                prompt: 9000,
                window: 4096,
            });
        }
        let scene = Scene::with(&[&first, &second]);
        let seen = scene.turn(hello()).await;
        assert!(seen.end.is_err());
        assert_eq!(seen.outcomes(), ["context_overflow"; 2]);
        assert_eq!((first.model_calls().len(), second.model_calls().len()), (1, 1));
    })
    .await;
}

/// Ollama says nothing of what it left out, and here its list of running models hangs too.
#[tokio::test]
async fn a_prompt_that_was_cut_without_a_word_is_noticed() {
    fast(async {
        let server = ModelServer::start().await;
        server.kind(ServerKind::Ollama {
            allocated: Some(4096),
            trained: 32_768,
        });
        server.models(&["m"]);
        server.fault(Fault::HangPath("/api/ps"));
        let scene = Scene::with(&[&server]);
        let prose = "The quick brown fox jumps over the lazy dog, and nobody knows why it does so. ";
        let seen = scene.turn(saying(&prose.repeat(800))).await;
        assert_eq!(seen.text(), "ok");
        let [notice] = seen.notices.try_into().unwrap();
        assert!(notice.starts_with("p0/m read only 4096 of about 1"), "{notice}");
        assert_eq!(window(scene.endpoint("p0")), Some((4096, FactSource::Learned)));

        // What fits is not taken for cut.
        let seen = scene.turn(saying(&prose.repeat(100))).await;
        assert_eq!(seen.notices, [""; 0]);
    })
    .await;
}
