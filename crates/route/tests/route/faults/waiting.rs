//! Servers that are busy and well: M3 to M6, M27. Waiting is right, and so is saying why.

use futures_util::future::join3;
use serde_json::json;
use yabby_core::{ErrorKind, ModelEvent, Progress};
use yabby_servers::{BreakerState, BreakerStatus};
use yabby_testkit::{Fault, ModelServer, Reply, ServerKind, Step, script, step};

use super::world::{Turn, World, playing, seconds};
use crate::{
    live::clock::fast,
    scene::{hello, person, saying, upkeep},
};

/// llama.cpp's answer on every path while it loads.
const LOADING: &str = r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;

const UNTOUCHED: BreakerStatus = BreakerStatus {
    state: BreakerState::Closed,
    since: None,
    last_error: None,
};

const LLAMA: ServerKind = ServerKind::LlamaCpp { window: 8192, slots: 1 };

/// A llama.cpp whose side channels say that it loads.
async fn loading() -> ModelServer {
    let server = playing(LLAMA).await;
    for path in ["/v1/models", "/props", "/health", "/slots"] {
        server.route(path, 503, "application/json", LOADING);
    }
    server
}

/// It was waited for: nobody else was contacted, and nothing was told but progress.
fn assert_waited(world: &World, turn: &Turn, other: &ModelServer) {
    assert_eq!(
        (turn.tried.as_slice(), turn.notices.as_slice(), turn.kinds()),
        (&["p0/m".to_owned()][..], &[][..], vec![])
    );
    assert_eq!(
        (other.accepted_connections(), world.endpoint("p0").breaker()),
        (0, UNTOUCHED)
    );
}

#[tokio::test]
async fn m03_a_silent_call_of_a_server_that_loads_is_waited_for() {
    fast(async {
        let (server, other) = (loading().await, ModelServer::start().await);
        server.chat(script![sleep_ms(120_000), text("Ready.")]);
        let world = World::of(&[&server, &other], "");
        let turn = world.turn(hello()).await;
        assert_eq!(turn.whole(), "Ready.");
        assert_eq!(turn.progress(), [Progress::Loading { usual: None }]);
        assert!(turn.took >= seconds(120) && turn.took < seconds(122), "{:?}", turn.took);
        assert_waited(&world, &turn, &other);
        assert_eq!(server.model_calls().len(), 1);
    })
    .await;
}

/// The policy says that somebody who answers now is better. Nothing is wrong with the server all the same.
#[tokio::test]
async fn m03_who_prefers_speed_does_not_wait_for_a_silent_load() {
    fast(async {
        let (server, other) = (loading().await, ModelServer::start().await);
        server.chat(script![sleep_ms(120_000), text("Ready.")]);
        let world = World::of(&[&server, &other], "route: { preferFast: true }");
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.kinds()), ("ok", vec![ErrorKind::Loading]));
        // It is asked what it does after five seconds of silence.
        assert!(turn.took >= seconds(5) && turn.took < seconds(7), "{:?}", turn.took);
        assert_eq!(turn.notices.len(), 1, "{:?}", turn.notices);
        assert!(turn.notices[0].ends_with("; trying p1/m"), "{:?}", turn.notices);
        assert_eq!(world.endpoint("p0").breaker(), UNTOUCHED);
        assert!(server.wait_closed(seconds(1)).await);
        assert_eq!((server.busy(), server.model_calls().len()), (0, 1));
        // With nobody else it is waited for.
        server.chat(script![sleep_ms(20_000), text("Ready.")]);
        let turn = World::of(&[&server], "route: { preferFast: true }").turn(hello()).await;
        assert_eq!(turn.whole(), "Ready.");
    })
    .await;
}

#[tokio::test]
async fn m04_a_long_prompt_is_read_in_silence_and_never_begun_anew() {
    fast(async {
        let (server, other) = (playing(LLAMA).await, ModelServer::start().await);
        let world = World::of(&[&server, &other], "");
        let long = "The quick brown fox jumps over the lazy dog, and nobody knows why it does so. ".repeat(32);
        server.chat(script![sleep_ms(60_000), text("Read."), usage(600, 1)]);
        let turn = world.turn(saying(&long)).await;
        assert_eq!(
            (turn.whole(), turn.progress()),
            ("Read.", vec![Progress::Working { expected: None }])
        );
        assert_waited(&world, &turn, &other);
        // Four times as long, before the head and after it, and how long is known by now.
        for script in [
            script![sleep_ms(240_000), text("Read."), usage(2400, 1)],
            script![headers(), sleep_ms(240_000), text("Read."), usage(2400, 1)],
        ] {
            let request = saying(&long.repeat(4));
            let endpoint = world.endpoint("p0");
            let expected = endpoint.expected_prefill("m", endpoint.estimate_tokens("m", &request).tokens);
            assert!(expected.unwrap() > seconds(150), "{expected:?}");
            server.chat(script);
            let turn = world.turn(request).await;
            assert_eq!(
                (turn.whole(), turn.progress()),
                ("Read.", vec![Progress::Working { expected }])
            );
            assert!(turn.took >= seconds(240) && turn.took < seconds(242), "{:?}", turn.took);
            assert_waited(&world, &turn, &other);
        }
        assert_eq!(server.model_calls().len(), 3);
    })
    .await;
}

/// For longer than any limit of silence, and the side channel hangs.
#[tokio::test]
async fn m05_comments_and_frames_of_progress_are_signs_of_life() {
    fast(async {
        let frame = |done: u32| {
            step::data(json!({
                "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": null}, "finish_reason": null}],
                "prompt_progress": {"total": 9000, "cache": 0, "processed": done, "time_ms": 4000},
            }))
        };
        let pings = |step: &dyn Fn(u32) -> Step| -> Reply {
            let pairs = (1..=90).flat_map(|number| [step(number), step::sleep_ms(4000)]);
            let steps: Vec<Step> = pairs.chain([step::text("Read.")]).collect();
            steps.into()
        };
        for (reply, counts) in [
            (pings(&|_| step::comment("")), false),
            (pings(&|number| frame(number * 100)), true),
        ] {
            let (server, other) = (ModelServer::start().await, ModelServer::start().await);
            server.fault(Fault::HangPath("/v1/models"));
            server.chat(reply);
            let world = World::of(&[&server, &other], "");
            let turn = world.turn(hello()).await;
            assert_eq!(turn.whole(), "Read.");
            assert!(turn.took >= seconds(360) && turn.took < seconds(370), "{:?}", turn.took);
            assert_waited(&world, &turn, &other);
            assert_eq!(server.model_calls().len(), 1);
            let told: Vec<Progress> = (1..=90)
                .map(|number| Progress::Prefill {
                    done: number * 100,
                    total: 9000,
                })
                .collect();
            assert_eq!(turn.progress(), if counts { told } else { vec![] });
            assert!(counts || turn.events.contains(&ModelEvent::Progress(Progress::Alive)));
        }
    })
    .await;
}

#[tokio::test]
async fn m06_a_call_that_is_refused_while_the_model_loads_is_made_again() {
    fast(async {
        let (server, other) = (playing(LLAMA).await, ModelServer::start().await);
        let world = World::of(&[&server, &other], "");
        server.fault_times(240, Fault::Status(503, LOADING.to_owned()));
        let turn = world.turn(hello()).await;
        assert_eq!((turn.whole(), turn.outcomes()), ("ok", vec!["answered".to_owned()]));
        assert_eq!(turn.progress(), [Progress::Loading { usual: None }]);
        // Half a second before each look.
        assert!(turn.took >= seconds(120) && turn.took < seconds(140), "{:?}", turn.took);
        assert_waited(&world, &turn, &other);
        assert_eq!(server.model_calls().len(), 241);
        // Also when everything is refused, and then one is told how long that takes.
        server.fault(Fault::LoadingWhile(seconds(30)));
        let usual = world.endpoint("p0").usual_load("m");
        let turn = world.turn(hello()).await;
        assert_eq!(
            (turn.whole(), turn.progress()),
            ("ok", vec![Progress::Loading { usual }])
        );
        assert!(turn.took >= seconds(29) && turn.took < seconds(32), "{:?}", turn.took);
        assert_waited(&world, &turn, &other);
    })
    .await;
}

/// One slot, work in it that nobody waits for, and two people.
#[tokio::test]
async fn m27_all_slots_are_taken() {
    fast(async {
        let (server, other) = (playing(LLAMA).await, ModelServer::start().await);
        let world = World::of(&[&server, &other], "");
        world.look().await;
        let looked = other.accepted_connections();
        server.chat(script![text("A ti"), sleep_ms(300_000), text("too late")]);
        for words in ["For a.", "For b.", "A title."] {
            server.chat(script![sleep_ms(10_000), text(words)]);
        }
        let later = |session: &'static str, after: u64| {
            let world = &world;
            async move {
                tokio::time::sleep(seconds(after)).await;
                world.turn_of(person(session), saying(session)).await
            }
        };
        let (work, a, b) = join3(world.turn_of(upkeep(), saying("work")), later("a", 3), later("b", 5)).await;
        // Work that begins anew says so by being tried again; what it had shown counts no more.
        assert_eq!((work.text(), a.whole(), b.whole()), ("A title.", "For a.", "For b."));
        assert_eq!(work.outcomes(), ["preempted", "answered"]);
        let queued = |turn: &Turn| -> Vec<usize> {
            let told = turn.progress().into_iter().filter_map(|progress| match progress {
                Progress::Queued { ahead, .. } => Some(ahead),
                _ => None,
            });
            told.collect()
        };
        assert_eq!((queued(&a), queued(&b)), (vec![0], vec![0]));
        // The slot is given up at once, and the second waits for the first.
        assert!(a.took >= seconds(10) && a.took < seconds(11), "{:?}", a.took);
        assert!(b.took >= seconds(18) && b.took < seconds(20), "{:?}", b.took);
        let calls = server.model_calls();
        let order: Vec<(&str, bool)> = calls
            .iter()
            .map(|call| (call.body["messages"][0]["content"].as_str().unwrap(), call.closed_early))
            .collect();
        assert_eq!(order, [("work", true), ("a", false), ("b", false), ("work", false)]);
        assert_eq!((server.busy_peak(), world.in_queue("p0")), (1, (0, 0)));
        assert_eq!(
            other.accepted_connections(),
            looked,
            "a full server is no reason for another"
        );
    })
    .await;
}
