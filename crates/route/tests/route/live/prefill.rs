//! A long prompt is read in silence. It is waited for and never begun anew.

use serde_json::json;
use yabby_core::{Message, ModelEvent, Progress};
use yabby_testkit::{Fault, ModelServer, ServerKind, script};

use super::{clock::fast, seconds};
use crate::scene::{Scene, hello, person, saying};

/// Some five hundred tokens.
fn long() -> String {
    "The quick brown fox jumps over the lazy dog, and nobody knows why it does so. ".repeat(32)
}

#[tokio::test]
async fn a_server_that_reads_is_waited_for_with_the_time_that_it_will_take() {
    fast(async {
        let server = ModelServer::start().await;
        let other = ModelServer::start().await;
        server.kind(ServerKind::LlamaCpp { window: 8192, slots: 2 });
        server.models(&["m"]);
        let scene = Scene::with(&[&server, &other]);
        server.chat(script![sleep_ms(60_000), text("Read."), usage(600, 1)]);
        let seen = scene.turn(saying(&long())).await;
        assert_eq!(seen.text(), "Read.");
        assert_eq!(seen.progress(), [Progress::Working { expected: None }]);

        let endpoint = scene.endpoint("p0");
        let speed = endpoint.observed("m").speed.prefill.unwrap();
        assert!((9.5..10.1).contains(&speed), "{speed}");
        let request = saying(&long().repeat(2));
        let tokens = endpoint.estimate_tokens("m", &request).tokens;
        let expected = endpoint.expected_prefill("m", tokens);
        assert!(expected > Some(seconds(90)), "{expected:?}");
        server.chat(script![headers(), sleep_ms(130_000), text("Read again.")]);
        let seen = scene.turn(request).await;
        assert_eq!(seen.text(), "Read again.");
        assert_eq!(seen.progress(), [Progress::Working { expected }]);
        assert_eq!(seen.tried, ["p0/m"]);
        assert_eq!((server.model_calls().len(), other.accepted_connections()), (2, 0));
    })
    .await;
}

/// What the server has read with the request before costs no time.
#[tokio::test]
async fn of_a_session_only_what_is_new_takes_its_time() {
    fast(async {
        let server = ModelServer::start().await;
        server.kind(ServerKind::LlamaCpp { window: 8192, slots: 2 });
        server.models(&["m"]);
        let scene = Scene::with(&[&server]);
        let first = saying(&long());
        let mut second = first.clone();
        second
            .messages
            .extend([Message::assistant("Read."), Message::user("And now?")]);
        server.chat(script![sleep_ms(60_000), text("Read."), usage(600, 1)]);
        let seen = scene.turn_of(person("s"), first).await;
        assert_eq!(seen.text(), "Read.");
        let mut expected = Vec::new();
        for session in ["s", "other"] {
            server.chat(script![headers(), sleep_ms(10_000), text("Now.")]);
            let seen = scene.turn_of(person(session), second.clone()).await;
            assert_eq!(seen.text(), "Now.");
            match seen.progress()[..] {
                [Progress::Working { expected: Some(time) }] => expected.push(time),
                _ => panic!("{:?}", seen.progress()),
            }
        }
        assert!(
            expected[0] < seconds(10) && expected[0] * 3 < expected[1],
            "{expected:?}"
        );
    })
    .await;
}

/// Nothing else answers, and it is not asked either.
#[tokio::test]
async fn comments_and_prompt_progress_are_signs_of_life() {
    fast(async {
        let server = ModelServer::start().await;
        server.fault(Fault::HangPath("/v1/models"));
        let scene = Scene::with(&[&server]);
        let frame = |done: u32| {
            json!({
                "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": null}, "finish_reason": null}],
                "prompt_progress": {"total": 900, "cache": 0, "processed": done, "time_ms": 4000},
            })
        };
        server.chat(script![
            comment(""),
            sleep_ms(4000),
            comment(""),
            sleep_ms(4000),
            data(frame(300)),
            sleep_ms(4000),
            data(frame(600)),
            sleep_ms(4000),
            text("Read.")
        ]);
        let seen = scene.turn(hello()).await;
        assert_eq!(seen.text(), "Read.");
        let prefill = |done| Progress::Prefill { done, total: 900 };
        assert_eq!(seen.progress(), [prefill(300), prefill(600)]);
        assert!(seen.events.contains(&ModelEvent::Progress(Progress::Alive)));
        // Once, beside the request.
        assert_eq!((server.model_calls().len(), server.asked("/v1/models")), (1, 1));
    })
    .await;
}
